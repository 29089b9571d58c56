"""The verdicts of an evaluation beside those of lm-evaluation-harness with its own model `HFLM`, input by input.

    python recipes/smollm2/parity.py OUT/evaluate-arc-easy arc-easy:FILE --shots 5 --rows 24

The first rows of the evaluation are written as a task of the harness, prompts and all, and its own `acc`, `acc_norm`
and so on are compared with ours. Where a text is generated, the harness has other rules to read an answer
(docs/tasks.md), so its text is judged by ours. That the harness would make the same prompts is tested
(tests/lm_eval/test_prompts.py). One line for each metric; exit code 1 where an input differs.

Needs `skiploop[eval]`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lm_eval.models.huggingface import HFLM

from skiploop.lm_eval.harness import HarnessItem, run_harness
from skiploop.models.loading import smollm2_folder
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.folder import read_run
from skiploop.tasks import Example, Task, make_task

METRICS = ("acc", "acc_norm", "acc_bytes")


def main() -> int:
    asked = arguments()
    options = {name: value for name in ("shots", "max_new_tokens") if (value := getattr(asked, name)) is not None}
    task = make_task(asked.task, **options)
    verdicts = identity_verdicts(asked.folder)
    examples = [example for example in task.examples if example.id in verdicts][: asked.rows]
    lm = HFLM(asked.model or str(smollm2_folder()), dtype="float32", device="cpu", softmax_dtype="float64")
    with tempfile.TemporaryDirectory() as place:
        items = run_harness(lm, write_task(Path(place), task, examples), include_path=Path(place)).items
    return report(asked.folder.name, [verdicts[each.id] for each in examples], theirs(task, examples, items))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of a finished `skiploop evaluate`")
    parser.add_argument("task", help="as it was given there")
    parser.add_argument("--shots", type=int)
    parser.add_argument("--max-new-tokens", type=int)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--model", help="a folder; SmolLM2's unless given")
    return parser.parse_args()


def identity_verdicts(folder: Path) -> dict[str, dict[str, float]]:
    """What each input counts under the model as it is, by metric."""
    identity = list(range(read_run(folder)["model"]["num_layers"]))
    lines = [line for line in JsonlJournal(folder / "journal.jsonl").lines() if "metrics" in line]
    return {line["input"]: line["metrics"] for line in lines if line["chain"] == identity}


def write_task(folder: Path, task: Task, examples: list[Example]) -> str:
    """A task of the harness with these prompts as they stand; its name."""
    rows = [
        {
            "prompt": example.prompt, "answer": example.answer, "gold": example.gold,
            "options": [text.removeprefix(" ") for text in task.continuations(example)],
        }
        for example in examples
    ]  # fmt: skip
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = {
        "task": "parity", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test", "doc_to_text": "{{prompt}}", **(choice() if task.scores_options else generation(task)),
    }  # fmt: skip
    (folder / "parity.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return "parity"


def choice() -> dict[str, Any]:
    metrics = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in METRICS]
    return {
        "output_type": "multiple_choice", "doc_to_target": "gold", "doc_to_choice": "options", "metric_list": metrics,
    }  # fmt: skip


def generation(task: Task) -> dict[str, Any]:
    how = {"until": list(task.stop), "do_sample": False, "max_gen_toks": task.max_new_tokens}
    metric = {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}
    return {
        "output_type": "generate_until", "doc_to_target": "{{answer}}", "generation_kwargs": how,
        "metric_list": [metric],
    }  # fmt: skip


def theirs(task: Task, examples: list[Example], items: tuple[HarnessItem, ...]) -> list[Mapping[str, float]]:
    """The harness's metrics of options; of a text the verdict on the one that its model wrote."""
    if task.scores_options:
        return [item.metrics for item in items]
    return [
        {"accuracy": float(task.judge_text(example, item.responses[0]).reward >= 1)}
        for example, item in zip(examples, items, strict=True)
    ]


def report(name: str, ours: list[dict[str, float]], other: list[Mapping[str, float]]) -> int:
    """Prints how many inputs are the same by each metric; 1 where any differs."""
    differ = 0
    for metric in other[0]:
        pairs = [(a[metric], b[metric]) for a, b in zip(ours, other, strict=True)]
        same = sum(a == b for a, b in pairs)
        differ += len(pairs) - same
        right = [sum(side) for side in zip(*pairs, strict=True)]
        print(f"{name} {metric}: {same} of {len(pairs)} inputs the same; right: {right[0]:g} here, {right[1]:g} there")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
