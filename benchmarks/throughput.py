"""How many evaluations a second can a searcher handle, and how much memory does each cost? One core.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --searchers random cola beam --evaluations 20000 --json

Asked for one chain at a time, told at once; the rewards cost nothing. `process time` is measured, so that other
processes don't count, and the best of `--repeats` runs is shown. Memory is what tracemalloc finds allocated, in a
run of its own: in the middle and at the end. Where it grows linearly the bytes per evaluation of both halves are alike.
A space with fewer chains is searched to its end.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table as RichTable

from skiploop.chains.chain import Chain
from skiploop.searchers import SEARCHERS, make_searcher
from skiploop.spaces.named import make_space, per_layer
from skiploop.spaces.space import Space

SPACES = {
    "per_layer(6)": lambda: per_layer(6),
    "cola, L=8": lambda: make_space("cola", 8),
    "cola, L=28": lambda: make_space("cola", 28),
}


@dataclass(frozen=True)
class Row:
    """What was measured of one searcher in one space.

    Attributes:
        evaluations: how many there were.
        per_second: ask + tell, on one core.
        first_half: bytes per evaluation that it keeps of the first half of them.
        second_half: of the second.
    """

    space: str
    searcher: str
    evaluations: int
    per_second: float
    first_half: float
    second_half: float


def reward(chain: Chain) -> float:
    """Cheap, and not all the same."""
    return (31 * len(chain) + chain.layers[0] + 7 * chain.layers[-1]) % 17 / 16


def drive(searcher: object, evaluations: int) -> int:
    """Asks and tells so often; how often it was."""
    ask, tell = searcher.ask, searcher.tell  # type: ignore[attr-defined]
    for number in range(evaluations):
        chains = ask(1)
        if not chains:
            return number
        tell(chains[0], reward(chains[0]))
    return evaluations


def measure(place: str, space: Space, name: str, evaluations: int, repeats: int) -> Row:
    """Time first, then memory."""
    space.count()  # what belongs to the space is built before
    space.edits(space.identity)
    seconds, done = float("inf"), 0
    for repeat in range(repeats):
        searcher = make_searcher(name, space, seed=repeat)
        begun = time.process_time()
        done = drive(searcher, evaluations)
        seconds = min(seconds, time.process_time() - begun)
    searcher = make_searcher(name, space, seed=0)
    tracemalloc.start()
    half = drive(searcher, done // 2)
    middle = tracemalloc.get_traced_memory()[0]
    rest = drive(searcher, done - half)
    end = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return Row(place, name, done, done / seconds, middle / max(half, 1), (end - middle) / max(rest, 1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--searchers", nargs="+", default=["random", "cola"], choices=list(SEARCHERS))
    parser.add_argument("--spaces", nargs="+", default=list(SPACES), choices=list(SPACES))
    parser.add_argument("--evaluations", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args = parser.parse_args()
    rows = [
        measure(place, SPACES[place](), name, args.evaluations, args.repeats)
        for place in args.spaces
        for name in args.searchers
    ]
    if args.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    table = RichTable()
    for title in ("space", "searcher", "evaluations", "ask+tell per second", "bytes each, 1st half", "2nd half"):
        table.add_column(title, justify="left" if title in ("space", "searcher") else "right")
    for row in rows:
        numbers = [row.evaluations, row.per_second, row.first_half, row.second_half]
        table.add_row(row.space, row.searcher, *[f"{number:,.0f}" for number in numbers])
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
