"""lm-evaluation-harness on chains of layers: its tasks, prompts and metrics on our engine (extra `eval`).

    python -m skiploop.lm_eval --model skiploop --model_args pretrained=nano,chain="0-5 4-7" --tasks arc_easy

model       `SkiploopLM`: a model of lm-evaluation-harness that runs one chain
generation  what its settings of a generation mean here
harness     one of its tasks run on a model, item by item
extra       the package, or an error that says how to install it
"""
