"""Does a memory of earlier inputs help on new ones? Best reward after few distinct evaluations, beside a fixed list.

    python benchmarks/memory.py                         ChainBench (layerdrop) and a planted table of six kinds of input
    python benchmarks/memory.py --source random --recall 5 --json

Half of the inputs are searched first, 100 evaluations each by `--source`; what was evaluated there is all that anybody
below knows. The other half is searched anew, by the same searcher, after one of these; then the halves change places.

    memory      the chains that `Memory.recall` gives for the input's embedding
    unweighted  the same with all earlier inputs alike (an infinite temperature); the embedding adds the difference
    fixed       the chains of the highest mean reward in what was evaluated, for every input the same
    known       the same from the rewards of *all* chains on the earlier inputs, which nobody else knows
    cold        nothing

Errors are standard errors over the new inputs; differences are paired.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from skiploop.chains.chain import Chain
from skiploop.searchers import WarmStart, make_searcher
from skiploop.searchers.memory import Memory, MemorySettings
from skiploop.studies.arms import seed_for
from skiploop.testing import chainbench
from skiploop.testing.chainbench import AnswerTable

BUDGETS = (3, 5, 10, 20, 50)
ARMS = ("memory", "unweighted", "fixed", "known", "cold")


def evaluated(table: AnswerTable, row: int, searcher: Any, budget: int) -> list[tuple[Chain, float]]:
    """What a searcher evaluates on one input, one at a time."""
    found: list[tuple[Chain, float]] = []
    while len(found) < budget:
        for chain in searcher.ask(1):
            found.append((chain, table.reward(row, chain)))
            searcher.tell(*found[-1])
    return found


def fixed_list(memory: Memory, chains: Sequence[Chain], n: int) -> list[Chain]:
    """The chains of the highest mean reward on the earlier inputs, rare ones shrunk to the mean of all."""
    return sorted(chains, key=lambda chain: -memory.expected(chain))[:n]


def measure(
    table: AnswerTable,
    *,
    source: str = "evolution",
    earlier: int = 100,
    recall: int = 10,
    seed: int = 0,
    budget: int = 50,
) -> dict[str, np.ndarray]:
    """The best reward so far of each arm, [inputs, budget]: each half of the inputs is new once."""
    order = np.random.default_rng(seed).permutation(table.inputs)
    halves = order[: table.inputs // 2], order[table.inputs // 2 :]
    options: dict[str, Any] = {"source": source, "earlier": earlier, "recall": recall, "seed": seed, "budget": budget}
    parts = [measure_half(table, old, new, **options) for old, new in (halves, halves[::-1])]
    return {arm: np.concatenate([part[arm] for part in parts]) for arm in ARMS}


def measure_half(
    table: AnswerTable,
    old: np.ndarray,
    new: np.ndarray,
    *,
    source: str,
    earlier: int,
    recall: int,
    seed: int,
    budget: int,
) -> dict[str, np.ndarray]:
    """The same for one choice of earlier and new inputs."""
    memories = {
        "memory": Memory(table.space.num_layers),
        "unweighted": Memory(table.space.num_layers, MemorySettings(temperature=1e9)),
    }
    for row in map(int, old):
        searcher = make_searcher(source, table.space, seed=seed_for(seed, "old", str(row)))
        found = evaluated(table, row, searcher, earlier)
        for memory in memories.values():
            memory.add(table.features[row], found)
    fixed = fixed_list(memories["memory"], table.chains, recall)
    known = [table.chains[column] for column in np.argsort(-table.rewards()[old].mean(axis=0))[:recall]]
    lists: dict[str, Callable[[int], list[Chain]]] = {
        "memory": lambda row: memories["memory"].recall(table.features[row], recall),
        "unweighted": lambda row: memories["unweighted"].recall(table.features[row], recall),
        "fixed": lambda row: fixed,
        "known": lambda row: known,
        "cold": lambda row: [],
    }
    best = {arm: np.zeros((len(new), budget)) for arm in ARMS}
    for place, row in enumerate(map(int, new)):
        for arm in ARMS:
            behind = make_searcher(source, table.space, seed=seed_for(seed, "new", str(row)))
            found = evaluated(table, row, WarmStart(behind, lists[arm](row)), budget)
            best[arm][place] = np.maximum.accumulate([reward for _, reward in found])
    return best


def difference(best: dict[str, np.ndarray], arm: str, other: str, budget: int) -> tuple[float, float]:
    """The mean paired difference of two arms after so many evaluations, and its standard error."""
    values = best[arm][:, budget - 1] - best[other][:, budget - 1]
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def as_table(title: str, best: dict[str, np.ndarray], budgets: Sequence[int]) -> RichTable:
    """For a terminal."""
    table = RichTable(title=title, title_justify="left")
    for name in ("", *map(str, budgets)):
        table.add_column(name, justify="right" if name else "left")
    for arm in ARMS:
        table.add_row(arm, *[f"{best[arm][:, budget - 1].mean():.3f}" for budget in budgets])
    for other in ARMS[1:]:
        pairs = [difference(best, "memory", other, budget) for budget in budgets]
        table.add_row(f"memory - {other}", *[f"{mean:+.4f} ±{error:.4f}" for mean, error in pairs])
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default="evolution", help="the searcher")
    parser.add_argument("--recall", type=int, default=10, help="chains tried first")
    parser.add_argument("--earlier", type=int, default=100, help="evaluations on each earlier input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args = parser.parse_args()
    found = {}
    for name, table in (
        ("layerdrop", chainbench.load("layerdrop")),
        ("clustered", chainbench.clustered(6, 6, inputs=400)),
    ):
        best = measure(table, source=args.source, earlier=args.earlier, recall=args.recall, seed=args.seed)
        title = f"{name}: {len(best['cold'])} new inputs, {args.recall} chains first, then {args.source}"
        found[title] = {
            str(budget): {other: difference(best, "memory", other, budget) for other in ARMS[1:]} for budget in BUDGETS
        }
        if not args.json:
            Console(width=120).print(as_table(title, best, BUDGETS))
    if args.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
