"""The engine against plain transformers, one chain after another, in one run on one machine.

    python benchmarks/engine.py --mode score --inputs 4 --chains 50 --tokens 64
    python benchmarks/engine.py --mode choice | forced | generate | heterogeneous ... --json

Plain transformers (see `modes.py`) is timed on a random sample of the evaluations, half of it before the
engine and half after, and scaled by layer calls; rebuilding models isn't timed. `heterogeneous` compares
the engine with itself: B rows with B different chains and B rows with the identity, per layer call. So do `damped`
(generation) and `damped-score`: a loop of four layers on every input, all plain, and damped on every second input.
"""

from __future__ import annotations

import argparse
import json
import random
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from meter import PeakMemory, attainable_seconds, clock, counting_shapes, use_cpu_clock
from modes import Answer, Evaluation, Generating, Scoring
from skiploop.models.unroll import unroll
from workload import SHAPES, Workload, make_workload

_WITH_ITSELF = ("heterogeneous", "damped", "damped-score")
_MIN_PAIRS, _MIN_SECONDS = 24, 3.0  # of plain transformers, at least
_ENGINE_RUNS, _ENGINE_SECONDS = 5, 8.0  # of the engine, at most (but one run always)


def measure(mode: Scoring | Generating, seed: int) -> dict[str, Any]:
    """Both sides on one workload."""
    work, pairs = mode.work, mode.work.pairs
    sample = random.Random(seed).sample(pairs, len(pairs))
    mode.plain(unroll(work.model.hf, pairs[0][1]), pairs[0])  # warm
    compiles = mode.settings["compile"] and isinstance(mode, Scoring)
    # Compilation isn't timed, nor what a GPU loads once for each shape; captures of decoding steps belong to every run.
    mode.run(pairs if compiles or work.model.device.type == "cuda" else pairs[:2])
    before, seconds_before = time_plain(mode, sample)
    peak = PeakMemory(work.model.device)
    with counting_shapes() as shapes:
        found, layer_calls, runs = time_engine(mode, pairs)
    peak_bytes = peak.bytes()
    counted = len(runs)
    if mode.settings["compile"] and isinstance(mode, Generating):
        with counting_shapes() as shapes:  # calls in a captured step are made without Python
            mode.run(pairs, captured=False)
        counted = 1
    after, seconds_after = time_plain(mode, sample[len(before) :])
    plain = before | after
    naive_calls = sum(len(chain) for _, chain in pairs) * mode.forwards
    timed_calls = sum(len(chain) for _, chain in plain) * mode.forwards
    naive_seconds = (seconds_before + seconds_after) * naive_calls / timed_calls
    seconds = sum(runs) / len(runs)
    equal = [a == b for p, answer in plain.items() for a, b in zip(answer.exact, found[p].exact, strict=True)]
    return {
        "ratio": naive_seconds / seconds,
        "naive_per_second": len(pairs) / naive_seconds,
        "engine_per_second": len(pairs) / seconds,
        "layer_calls_naive": naive_calls,
        "layer_calls_engine": layer_calls,
        "peak_bytes": peak_bytes,
        "max_logit_difference": mode.difference(plain, found),
        "equal_tokens": sum(equal) / len(equal),
        "efficiency": attainable_seconds(work.model, shapes, counted) / seconds,
        "evaluations": len(pairs),
        "plain_evaluations_timed": len(plain),
        "engine_seconds": runs,
        "engine_tokens_per_layer_call": sum(n * count for n, count in shapes.items()) / shapes.total(),
    }


def time_plain(mode: Scoring | Generating, pairs: list[Evaluation]) -> tuple[dict[Evaluation, Answer], float]:
    """Half of the sample, one evaluation after another, and the seconds that it took."""
    answers: dict[Evaluation, Answer] = {}
    seconds = 0.0
    for pair in pairs:
        if len(answers) >= _MIN_PAIRS // 2 and seconds >= _MIN_SECONDS / 2:
            break
        model = unroll(mode.work.model.hf, pair[1])
        start = clock(mode.work.model.device)
        answers[pair] = mode.plain(model, pair)
        seconds += clock(mode.work.model.device) - start
    return answers, seconds


def time_engine(
    mode: Scoring | Generating, pairs: list[Evaluation]
) -> tuple[dict[Evaluation, Answer], int, list[float]]:
    """Answers, layer calls of one run, and the seconds of each run; every run starts cold."""
    runs: list[float] = []
    while not runs or (len(runs) < _ENGINE_RUNS and sum(runs) + runs[-1] < _ENGINE_SECONDS):
        start = clock(mode.work.model.device)
        found, layer_calls = mode.run(pairs)
        runs.append(clock(mode.work.model.device) - start)
    return found, layer_calls, runs


def measure_heterogeneous(work: Workload, args: argparse.Namespace) -> dict[str, Any]:
    """Layer calls per second for rows with different chains against rows with the identity."""
    mode = (Scoring if args.mode == "damped-score" else Generating)(work, args)
    rows = damped_rows(work) if args.mode.startswith("damped") else {
        "alike": [(i, work.model.identity) for i in range(len(work.prompts))],
        "different": [(i, chains[-1]) for i, chains in enumerate(work.chains)],
    }  # fmt: skip
    calls, runs = dict.fromkeys(rows, 0), {name: list[float]() for name in rows}
    peak = PeakMemory(work.model.device)
    for _ in range(1 + _ENGINE_RUNS):
        for name, pairs in rows.items():
            start = clock(work.model.device)
            _, calls[name] = mode.run(pairs)
            runs[name].append(clock(work.model.device) - start)
    # The first run is to warm up.
    seconds = {name: sum(each[1:]) / _ENGINE_RUNS for name, each in runs.items()}
    at_equal_calls = seconds["different"] * calls["alike"] / calls["different"]
    tokens = len(work.prompts) * args.new_tokens
    return {
        "ratio": seconds["alike"] / at_equal_calls,
        "naive_per_second": tokens / seconds["alike"],
        "engine_per_second": tokens / at_equal_calls,
        "layer_calls_naive": calls["alike"],
        "layer_calls_engine": calls["different"],
        "peak_bytes": peak.bytes(),
        "max_logit_difference": None,
        "equal_tokens": None,
        "efficiency": seconds["alike"] / at_equal_calls,
        "different_chains": len({chain for _, chain in rows["different"]}),
    }


def damped_rows(work: Workload) -> dict[str, list[Evaluation]]:
    """The same windows: as plain loops, and every second one damped."""
    identity, starts = work.model.identity, range(work.model.num_layers // 2)
    rows: dict[str, list[Evaluation]] = {"alike": [], "different": []}
    for i in range(len(work.prompts)):
        start = starts[i % len(starts)]
        rows["alike"].append((i, identity.loop(start, 4, 1)))
        rows["different"].append((i, identity.loop(start, 4, 1, damping=0.5 if i % 2 else 1.0)))
    return rows


def show(result: dict[str, Any], args: argparse.Namespace) -> None:
    """One table."""
    alone = args.mode in _WITH_ITSELF
    title = f"{args.mode}, {args.shape}, {args.inputs} x {args.chains}, {args.tokens} tokens, {args.dtype}"
    table = Table(title=title, title_justify="left")
    for name in (
        "",
        *(
            (("plain", "half damped") if args.mode.startswith("damped") else ("identity", "different"))
            if alone
            else ("plain", "engine")
        ),
        "ratio",
    ):
        table.add_column(name, justify="right" if name else "left")
    unit = "tokens per second at equal layer calls" if alone else "evaluations per second"
    naive, engine = result["layer_calls_naive"], result["layer_calls_engine"]
    speeds = [f"{result[name]:.2f}" for name in ("naive_per_second", "engine_per_second", "ratio")]
    table.add_row(unit, *speeds)
    table.add_row("layer calls", f"{naive}", f"{engine}", f"{naive / engine:.2f}")
    table.add_row("peak memory beyond the model", "", f"{result['peak_bytes'] / 2**20:.0f} MiB", "")
    if not alone:
        timed = f"{result['plain_evaluations_timed']} of {result['evaluations']}"
        table.add_row("layer calls saved", "", f"{1 - engine / naive:.1%}", "")
        table.add_row("share of the attainable rate", "", f"{result['efficiency']:.1%}", "")
        table.add_row("evaluations timed", timed, f"{result['evaluations']}", "")
        table.add_row("largest difference of logits", "", f"{result['max_logit_difference']:.1e}", "")
        table.add_row("equal tokens or verdicts", "", f"{result['equal_tokens']:.1%}", "")
    Console(width=110).print(table)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=["nano", *SHAPES], default="smollm-135m")
    modes = ("score", "choice", "forced", "generate", *_WITH_ITSELF)
    parser.add_argument("--mode", choices=modes, default="score")
    parser.add_argument("--inputs", type=int, default=4)
    parser.add_argument("--chains", type=int, default=50, help="distinct chains of each input")
    parser.add_argument("--tokens", type=int, default=64, help="of each prompt")
    parser.add_argument("--new-tokens", type=int, default=32, help="generated, or of the answer (forced)")
    parser.add_argument("--choices", type=int, default=4)
    parser.add_argument("--choice-tokens", type=int, default=8, help="of each choice")
    parser.add_argument("--batch-tokens", type=int, help="of one layer call; default the engine's")
    parser.add_argument("--compile", action="store_true", help="compiled layers; on a GPU captured decoding steps")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="of torch on CPU")
    parser.add_argument("--cpu-clock", action="store_true", help="CPU seconds, for a machine that is busy")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.cpu_clock:
        if torch.get_num_threads() > 1 or args.device != "cpu":
            raise SystemExit("--cpu-clock measures one thread on the CPU: add --threads 1")
        use_cpu_clock()
    sizes = {"inputs": args.inputs, "chains": args.chains, "tokens": args.tokens}
    work = make_workload(args.shape, **sizes, dtype=args.dtype, device=args.device, seed=args.seed)
    with torch.inference_mode():
        if args.mode in _WITH_ITSELF:
            result = measure_heterogeneous(work, args)
        else:
            result = measure((Generating if args.mode == "generate" else Scoring)(work, args), args.seed)
    if args.json:
        print(json.dumps(vars(args) | {"threads": torch.get_num_threads()} | result))
    else:
        show(result, args)


if __name__ == "__main__":
    main()
