"""Greedy accuracy of a model folder by family and level, with 95 % Wilson intervals, as a markdown table.

    python recipes/nano/evaluate.py [--data test.jsonl] [--model FOLDER]

Nothing but stock transformers: `AutoModelForCausalLM`, `AutoTokenizer`, left padding, `generate`, exact
match.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

PACKAGE_FOLDER = Path(__file__).parents[2] / "src" / "skiploop" / "nano"
Cells = dict[tuple[str, int], list[bool]]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@torch.no_grad()
def greedy_answers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[str], *, batch_size: int = 128
) -> list[str]:
    """What the model emits after each prompt, up to EOS."""
    answers: list[str] = []
    for start in range(0, len(prompts), batch_size):
        inputs = tokenizer(prompts[start : start + batch_size], return_tensors="pt", padding=True)
        output = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=False,
            max_new_tokens=48,
        )
        new = output[:, inputs["input_ids"].shape[1] :]
        answers += tokenizer.batch_decode(new, skip_special_tokens=True)
    return answers


def evaluate(folder: Path, rows: list[dict[str, Any]]) -> Cells:
    """Right or wrong for every row, by family and level."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cells: Cells = defaultdict(list)
    for row, answer in zip(rows, greedy_answers(model, tokenizer, [r["prompt"] for r in rows]), strict=True):
        cells[row["family"], row["level"]].append(answer == row["answer"])
    return cells


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share (Wilson 1927)."""
    p, scale = right / total, 1 + z * z / total
    centre = (p + z * z / (2 * total)) / scale
    half = z / scale * (p * (1 - p) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def table(cells: Cells) -> str:
    """Families down, levels across; the last row and column are means over all problems."""
    levels = sorted({level for _, level in cells})
    lines = ["| family | " + " | ".join(f"level {level}" for level in levels) + " | all |"]
    lines.append("|---" * (len(levels) + 2) + "|")
    for family in dict.fromkeys(family for family, _ in cells):
        lines.append(_line(family, [cells[family, level] for level in levels]))
    columns = [[hit for (_, at), hits in cells.items() if at == level for hit in hits] for level in levels]
    lines.append(_line("all", columns))
    return "\n".join(lines)


def _line(name: str, parts: list[list[bool]]) -> str:
    everything = [hit for part in parts for hit in part]
    return f"| {name} | " + " | ".join(_share(part) for part in [*parts, everything]) + " |"


def _share(hits: list[bool]) -> str:
    low, high = wilson(sum(hits), len(hits))
    return f"{100 * sum(hits) / len(hits):.1f} ({100 * low:.0f}–{100 * high:.0f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=PACKAGE_FOLDER)
    parser.add_argument("--data", type=Path, default=PACKAGE_FOLDER / "test.jsonl")
    args = parser.parse_args()
    print(table(evaluate(args.model, read(args.data))))
