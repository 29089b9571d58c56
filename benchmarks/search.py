"""`skiploop search` on nano, 50 inputs with a budget of 100: the engine against `--engine plain`.

    python benchmarks/search.py
    python benchmarks/search.py --limit 50 --plain-limit 6 --plain-budget 30 --json

Both are whole commands in a process of their own, with everything that belongs to a study: controls, random
peer, re-execution. Plain is run on fewer inputs with a smaller budget and compared by evaluations per
second. The seconds are those of the study itself; `--total` counts in the start of Python and loading.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def study(engine: str, limit: int, budget: int, *, total: bool) -> dict[str, Any]:
    """Evaluations, seconds and layer calls of one command."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        options = ["--engine", engine, "--limit", str(limit), "--budget", str(budget), "--out", str(out)]
        command = [sys.executable, "-m", "skiploop", "search", *options, "--json"]
        start = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        whole = time.perf_counter() - start
        journal = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    summary = json.loads(done.stdout)
    return {
        "evaluations": sum("end" not in line for line in journal),  # such a line completes a batch
        "seconds": whole if total else summary["seconds"],
        "whole_seconds": whole,
        "limit": limit,
        "budget": budget,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=50, help="inputs for the engine")
    parser.add_argument("--budget", type=int, default=100, help="evaluations")
    parser.add_argument("--plain-limit", type=int, default=5)
    parser.add_argument("--plain-budget", type=int, default=30)
    parser.add_argument("--total", action="store_true", help="count the start of Python and loading, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args = parser.parse_args()
    plain = study("plain", args.plain_limit, args.plain_budget, total=args.total)
    engine = study("auto", args.limit, args.budget, total=args.total)
    sides = {"plain": plain, "engine": engine}
    speed = {name: side["evaluations"] / side["seconds"] for name, side in sides.items()}
    ratio = speed["engine"] / speed["plain"]
    if args.json:
        print(json.dumps({"ratio": ratio, "evaluations_per_second": speed} | sides))
        return
    table = Table(title="skiploop search, nano", title_justify="left")
    for name in ("", "inputs", "budget", "evaluations", "seconds", "per second"):
        table.add_column(name, justify="right" if name else "left")
    for name, side in sides.items():
        sizes = [str(side[key]) for key in ("limit", "budget", "evaluations")]
        table.add_row(name, *sizes, f"{side['seconds']:.1f}", f"{speed[name]:.1f}")
    table.add_row("ratio", "", "", "", "", f"{ratio:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
