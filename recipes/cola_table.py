"""The table of recipes/cola_paper.sh, from the folders of its studies, beside the paper's.

    python recipes/cola_table.py OUT [--paper-model "LLaMA-3-3B instruct"] [--cell OUT/TASK/SPACE] [--json]

Reads only; a study that is still running is shown as far as it is. Every figure has a 95 % interval. `paper` is the
number of arXiv 2507.07996, Table 1 (recipes/cola_table1.csv). Base accuracy is an accuracy; all else is *oracle*: the
gold answer chose the chain, by search, or (random) by luck at the same number of distinct evaluations.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.storage.records import as_json
from skiploop.studies.search import load_study

PAPER = Path(__file__).with_name("cola_table1.csv")
SPACES = {"skip": "skip-only", "loop": "loop-only", "cola": "cola"}
# Names of the hub and the models that the paper names; it gives no checkpoints.
MODELS = {
    r"llama-3\.2-3b": "LLaMA-3-3B",
    r"llama-3-8b": "LLaMA-3-8B",
    r"olmoe-1b-7b": "OLMoE-1B-7B",
}
NOTE = """\
oracle: the gold answer chose the chain for each input, as in the paper's table; it is no accuracy.
random: as many uniform random chains of the same space; what luck alone finds. Read oracle beside it, never alone.
control: share of the inputs with a wrong base answer on which the same search finds a particular wrong answer."""


def paper_model(name: str) -> str | None:
    """The paper's name of a model of the hub, None where it isn't among its six."""
    for pattern, family in MODELS.items():
        if re.search(pattern, name.casefold()):
            return f"{family} {'instruct' if 'instruct' in name.casefold() else 'base'}"
    return None


def paper_numbers() -> dict[str, dict[str, dict[str, float]]]:
    """By model, space and task, in percent."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    with PAPER.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            model, space = row.pop("model"), row.pop("space")
            cells = {task.replace("_", "-"): float(value) for task, value in row.items()}
            found.setdefault(model, {})[space] = cells
    return found


def read_cells(out: Path, only: Path | None, wanted: str) -> Iterator[dict[str, Any]]:
    """The figures of each study below a folder, in the order of the paper's columns."""
    numbers = paper_numbers()
    if wanted and wanted not in numbers:
        raise InvalidInput(f"the paper has no model {wanted!r}; it has {', '.join(numbers)}")
    found = [path.parent for path in sorted(out.glob("*/*/run.json")) if path.parent.name in SPACES]
    folders = found if only is None else [only]
    if not folders:
        raise InvalidInput(f"{out} holds no studies of recipes/cola_paper.sh (TASK/SPACE/run.json)")
    order = list(SPACES)
    for folder in sorted(folders, key=lambda path: (path.parent.name, order.index(path.name))):
        study = load_study(folder)
        figures, task = study.figures, study.run["task"]["name"].partition(":")[0]
        model = wanted or paper_model(str(study.run["model"]["name"])) or ""
        paper = numbers.get(model, {})
        random = figures.peers.get("random")
        yield {
            "task": task,
            "space": figures.space,
            "inputs": figures.inputs,
            "complete": figures.complete,
            "paper_model": model or None,
            "paper_original": paper.get("original", {}).get(task),
            "paper_oracle": paper.get(SPACES[figures.space], {}).get(task),
            "base_accuracy": as_json(figures.base_accuracy),
            "oracle_accuracy": as_json(figures.oracle_accuracy),
            "random_oracle_accuracy": as_json(None if random is None else random.oracle_accuracy),
            "control_hit_share": as_json(figures.control.reached),
        }


def table(cells: list[dict[str, Any]]) -> list[str]:
    """Lines of text, all in percent."""
    head = [
        "task",
        "space",
        "inputs",
        "original: paper",
        "base accuracy",
        "space: paper",
        "oracle",
        "random",
        "control",
    ]
    rows = [head]
    for cell in cells:
        rows.append(
            [
                cell["task"],
                SPACES[cell["space"]],
                f"{cell['inputs']}{'' if cell['complete'] else ' so far'}",
                _percent(cell["paper_original"], 1),
                _with_interval(cell, "base_accuracy"),
                _percent(cell["paper_oracle"], 1),
                _with_interval(cell, "oracle_accuracy"),
                _with_interval(cell, "random_oracle_accuracy"),
                f"{_with_interval(cell, 'control_hit_share')} of {cell['control_hit_share']['n']}",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def main() -> None:
    """Print the table, or one cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--paper-model", default="", help="a row of cola_table1.csv (default: by the model's name)")
    parser.add_argument("--cell", type=Path, help="only this study")
    parser.add_argument("--json", action="store_true", help="print one JSON list and nothing else")
    given = parser.parse_args()
    try:
        cells = list(read_cells(given.out, given.cell, given.paper_model))
    except InvalidInput as error:
        sys.exit(f"Error: {error}")
    if given.json:
        print(json.dumps(cells, indent=2))
        return
    print("\n".join(table(cells)))
    if given.cell is None:
        compared = cells[0]["paper_model"]
        print(f"\npaper: {compared or 'this model is not in it, see --paper-model'} (arXiv 2507.07996, Table 1)")
        print(NOTE)


def _percent(value: float | None, unit: int = 100) -> str:
    return "-" if value is None else f"{value * unit:.1f}"


def _with_interval(cell: dict[str, Any], name: str) -> str:
    figure = cell[name]
    if figure is None:
        return "-"
    shown, interval = _percent(figure["value"]), figure["interval"]
    return shown if interval is None else f"{shown} [{_percent(interval[0])}, {_percent(interval[1])}]"


if __name__ == "__main__":
    main()
