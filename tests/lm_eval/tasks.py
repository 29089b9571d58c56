"""Tasks of lm-evaluation-harness on local files, as a user writes them for `--include-path`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


def means(*names: str) -> list[dict[str, Any]]:
    """The metric list of a task whose metrics are means over its items."""
    return [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in names]


CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_target": "{{choices.label.index(answerKey)}}",
    "doc_to_choice": "{{choices.text}}",
    "metric_list": means("acc", "acc_norm"),
}
MUTUAL = CHOICE | {"metric_list": means("acc", "acc_norm", "acc_bytes", "acc_mutual_info")}
GENERATION = {
    "output_type": "generate_until",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["Question:", "</s>"], "do_sample": False, "max_gen_toks": 24},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
ROLLING = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{question}}",
    "metric_list": [{"metric": "word_perplexity"}, {"metric": "bits_per_byte"}],
}
CONTINUATION = {
    "output_type": "loglikelihood",
    "doc_to_text": "{{question}}",
    "doc_to_target": " {{answer}}",
    "metric_list": [*means("acc"), {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False}],
}


def write_task(folder: Path, name: str, settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Path:
    """A task on rows of its own; few-shot examples are drawn from its last ten rows."""
    test, shots = folder / f"{name}-test.jsonl", folder / f"{name}-train.jsonl"
    test.write_text("".join(json.dumps(row) + "\n" for row in rows[:-10]))
    shots.write_text("".join(json.dumps(row) + "\n" for row in rows[-10:]))
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(test), "train": str(shots)}}}
    splits = {"test_split": "test", "fewshot_split": "train"}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **data, **splits, **settings}))
    return folder
