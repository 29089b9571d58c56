"""How many layer calls a decoding step takes: the order that decoding uses, greedy ones, and the lower bound.

    python benchmarks/orders.py
    python benchmarks/orders.py --rows 16 128 --draws 4 --json

Rows follow different chains, drawn as a search draws them; rows whose next layer is the same share a call. Greedy
orders are those of `skiploop.engine.prefix` (the layer that the row with the most to go waits for) and the usual
heuristic for common supersequences (the layer that most rows wait for). The bound is the sum, over layers, of how
often the chain that runs a layer most often does. Seconds are those of one order, which serves a whole generation.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from skiploop.engine.call_order import call_order, fewest_calls
from workload import draw_chains

Chains = Sequence[tuple[int, ...]]


def longest_first(chains: Chains) -> list[int]:
    """Always the layer that the row with the most layers to go waits for; of several the lowest."""
    return _greedy(chains, lambda left: min(left, key=lambda chain: (-len(chain), chain[0]))[0])


def most_wanted(chains: Chains) -> list[int]:
    """Always the layer that most rows wait for; of several the lowest."""

    def choose(left: list[tuple[int, ...]]) -> int:
        wanted = Counter(chain[0] for chain in left)
        return min(wanted, key=lambda layer: (-wanted[layer], layer))

    return _greedy(chains, choose)


def _greedy(chains: Chains, choose: Callable[[list[tuple[int, ...]]], int]) -> list[int]:
    order = []
    left = [chain for chain in chains if chain]
    while left:
        layer = choose(left)
        order.append(layer)
        left = [rest for chain in left if (rest := chain[1:] if chain[0] == layer else chain)]
    return order


ORDERS = {"longest first": longest_first, "most wanted": most_wanted, "decoding": call_order}


def measure(rows: int, draws: int, depths: Sequence[int]) -> dict[str, Any]:
    """Calls over the bound, over so many draws of chains at each depth, and the longest time that an order took."""
    over: dict[str, list[float]] = {name: [] for name in ORDERS}
    slowest = dict.fromkeys(ORDERS, 0.0)
    for depth in depths:
        for draw in range(draws):
            # Each row is another input, and each input's search has gone on for as long as there are rows.
            chains = [draw_chains(depth, rows, seed=1000 * draw + row)[-1].layers for row in range(rows)]
            bound = fewest_calls(chains)
            for name, order in ORDERS.items():
                start = time.perf_counter()
                calls = len(order(chains))
                slowest[name] = max(slowest[name], time.perf_counter() - start)
                over[name].append(calls / bound)
    return {
        name: {"mean": sum(over[name]) / len(over[name]), "worst": max(over[name]), "seconds": slowest[name]}
        for name in ORDERS
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[16, 48, 128])
    parser.add_argument("--draws", type=int, default=4, help="at each depth")
    parser.add_argument("--layers", type=int, nargs="+", default=[8, 16, 30, 36], help="depths of the model")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args = parser.parse_args()
    found = {rows: measure(rows, args.draws, args.layers) for rows in args.rows}
    if args.json:
        print(json.dumps(found))
        return
    table = Table(title="layer calls over the lower bound: mean (worst)", title_justify="left")
    for name in ("rows", *ORDERS, "seconds, at most"):
        table.add_column(name, justify="right")
    for rows, orders in found.items():
        figures = [f"{each['mean']:.2f} ({each['worst']:.2f})" for each in orders.values()]
        table.add_row(str(rows), *figures, f"{orders['decoding']['seconds']:.3f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
