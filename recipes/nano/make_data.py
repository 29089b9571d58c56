"""Write the data files that ship with `nano`: test.jsonl and train.jsonl.

    python recipes/nano/make_data.py

Both hold every family at five levels in equal numbers, and the model was trained on neither. `train.jsonl`
is what studies may choose on (a chain, a router): its problems come from the *validation* split of the
recipe, on which the levels were set. `test.jsonl` is for the final number.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

from problems import LEVEL_SIZES, distinct, to_row

PACKAGE_FOLDER = Path(__file__).parents[2] / "src" / "skiploop" / "nano"
PER_CELL = {"test": 40, "train": 80}
SPLIT = {"test": "test", "train": "valid"}


def rows(name: str) -> list[dict[str, Any]]:
    """All rows of one file, by family, then level; the same at every call."""
    made = []
    for family, sizes in LEVEL_SIZES.items():
        for level, size in enumerate(sizes, start=1):
            stream = distinct(random.Random(f"nano/{name}/{family}/{level}"), family, size, SPLIT[name])
            made += [to_row(next(stream), level, index) for index in range(PER_CELL[name])]
    return made


def write(folder: Path) -> None:
    """Both files, one JSON object a line."""
    for name in PER_CELL:
        text = "".join(json.dumps(row) + "\n" for row in rows(name))
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=PACKAGE_FOLDER)
    write(parser.parse_args().folder)
