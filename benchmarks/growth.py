"""How the engine's cost grows with inputs, budget (chains of each input), prompt length and the model's depth.

    python benchmarks/growth.py
    python benchmarks/growth.py --mode generate --inputs 4 --chains 8 --json

One of the four is varied at a time, the others stay at the values of the flags. Every row is a fresh engine with no
states from before; the better of two runs. `per call` is the time of a layer call on one sequence.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from meter import PeakMemory, clock
from modes import Generating, Scoring
from workload import SHAPES, make_workload

STEPS = {  # multiples of the value of the flag
    "inputs": (0.25, 0.5, 1, 2, 4),
    "chains": (0.25, 0.5, 1, 2, 4),
    "tokens": (0.5, 1, 2, 4, 8),
    "layers": (0.25, 0.5, 1, 2),
}


def measure(args: argparse.Namespace, **changed: int) -> dict[str, Any]:
    """One row: the workload with these sizes changed."""
    sizes = {"inputs": args.inputs, "chains": args.chains, "tokens": args.tokens, "layers": args.layers} | changed
    work = make_workload(args.shape, **sizes, dtype=args.dtype, device=args.device, seed=args.seed)
    mode = (Generating if args.mode == "generate" else Scoring)(work, args)
    mode.run(work.pairs[:2])
    peak = PeakMemory(work.model.device)
    seconds = []
    for _ in range(2):
        start = clock(work.model.device)
        _, calls = mode.run(work.pairs)
        seconds.append(clock(work.model.device) - start)
    forwards = args.new_tokens if args.mode == "generate" else 1
    naive = sum(len(chain) for _, chain in work.pairs) * forwards
    return sizes | {
        "evaluations": len(work.pairs),
        "layer_calls_naive": naive,
        "layer_calls_engine": calls,
        "seconds": min(seconds),
        "peak_bytes": peak.bytes(),
    }


def show(rows: list[tuple[str, dict[str, Any]]], args: argparse.Namespace) -> None:
    """One table."""
    title = f"{args.mode}, {args.shape}, {args.dtype}, {torch.get_num_threads()} threads"
    table = Table(title=title, title_justify="left")
    for name in ("", "evaluations", "calls saved", "seconds", "ms each", "us per call", "peak MiB"):
        table.add_column(name, justify="right" if name else "left")
    last = ""
    for name, row in rows:
        if last and name != last:
            table.add_section()
        last = name
        saved = 1 - row["layer_calls_engine"] / row["layer_calls_naive"]
        each = 1000 * row["seconds"] / row["evaluations"]
        per_call = 1e6 * row["seconds"] / row["layer_calls_engine"]
        figures = f"{row['seconds']:.2f}", f"{each:.1f}", f"{per_call:.0f}", f"{row['peak_bytes'] / 2**20:.0f}"
        table.add_row(f"{row[name]} {name}", str(row["evaluations"]), f"{saved:.0%}", *figures)
    Console(width=110).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=list(SHAPES), default="smollm-135m")
    parser.add_argument("--mode", choices=("score", "choice", "generate"), default="score")
    parser.add_argument("--vary", choices=list(STEPS), action="append", help="only these; may be repeated")
    parser.add_argument("--inputs", type=int, default=4)
    parser.add_argument("--chains", type=int, default=40, help="distinct chains of each input")
    parser.add_argument("--tokens", type=int, default=32, help="of each prompt")
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--new-tokens", type=int, default=8)
    parser.add_argument("--choices", type=int, default=4)
    parser.add_argument("--choice-tokens", type=int, default=8)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="of torch on CPU")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args = parser.parse_args()
    args.batch_tokens, args.compile = None, False
    if args.threads:
        torch.set_num_threads(args.threads)
    rows = []
    with torch.inference_mode():
        for name in args.vary or STEPS:
            for step in STEPS[name]:
                rows.append((name, measure(args, **{name: max(1, round(step * getattr(args, name)))})))
    if args.json:
        named = [{"varied": name} | row for name, row in rows]
        print(json.dumps(vars(args) | {"threads": torch.get_num_threads(), "rows": named}))
    else:
        show(rows, args)


if __name__ == "__main__":
    main()
