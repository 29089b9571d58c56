"""How good is a searcher? Mean best reward after so many distinct evaluations, beside random search and the optimum.

    python benchmarks/searchers.py                                   every searcher on every bench
    python benchmarks/searchers.py --bench chainbench nano --searchers random cola --inputs 40 --json
    python benchmarks/searchers.py --markdown docs/searchers-tables.md

Benches:

    chainbench, layerdrop   every chain of a small trained model is known; dense reward p(true) - 0.1 * depth / 12
    chainbench-binary       the same model, rewarded 1 or 0
    additive, harmful       planted tables without a model
    nano, nano-dense        the embedded model in the cola space, run as it is asked; 1 or 0, or the mean
                            probability of the answer's tokens - 0.1 * depth / 16
    chainbench-front        two objectives, p(true) and 1 - depth / 12: the hypervolume of what was evaluated, as a
    nano-front              share of that of all chains (chainbench-front); nano's are 1 or 0, and 1 - depth / 16

Each searcher has one instance per input, is told the identity first (that counts as an evaluation), asked for one chain
at a time, and told at once. "Best" is the highest reward among what was evaluated, which needs the gold answer: the
table judges searches, not models. Errors are standard errors over inputs; `- random` is the paired difference.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from skiploop.chains.chain import Chain
from skiploop.searchers import SEARCHERS, make_searcher
from skiploop.searchers.fronts import hypervolume
from skiploop.spaces.named import make_space, per_layer
from skiploop.spaces.space import Space
from skiploop.studies.arms import seed_for

BUDGETS = (5, 20, 50, 100, 200)
Pairs = Sequence[tuple[int, Chain]]


@dataclass(frozen=True)
class Bench:
    """Inputs, a space, and what every chain is worth; the optimum where it is known."""

    name: str
    space: Space
    inputs: int
    rewards: Callable[[Pairs], list[float]]
    oracle: list[float] | None = None  # [inputs]
    front: bool = False  # score the hypervolume of (reward, shortness) instead of the best reward


@dataclass
class Trace:
    """What one searcher found on one bench."""

    best: np.ndarray  # [inputs, budget], highest reward so far; with `front`, hypervolume at each of BUDGETS
    seconds: float  # in ask and tell alone
    calls: int
    evaluated: list[list[tuple[Chain, float]]] = field(default_factory=list)


def table_bench(name: str, table: Any, inputs: Sequence[int], kind: str) -> Bench:
    """A bench on a table in which every chain is known."""
    rewards = (table.p_true if kind == "front" else table.rewards(kind))[list(inputs)]  # [inputs, chains]
    column = {chain.layers: number for number, chain in enumerate(table.chains)}
    layers = table.chains[0].num_layers

    def look_up(pairs: Pairs) -> list[float]:
        return [float(rewards[row, column[chain.layers]]) for row, chain in pairs]

    space = per_layer(layers)
    if kind == "front":
        oracle = [volume(space, zip(table.chains, row, strict=True)) for row in rewards]
        return Bench(name, space, len(inputs), look_up, oracle, front=True)
    return Bench(name, space, len(inputs), look_up, rewards.max(axis=1).tolist())


def volume(space: Space, evaluated: Iterable[tuple[Chain, float]]) -> float:
    """Hypervolume of (reward, 1 - depth / max_length) above (0, 0)."""
    return hypervolume([(float(reward), 1 - len(chain) / space.max_length) for chain, reward in evaluated])


def nano_bench(name: str, inputs: int) -> Bench:
    """The embedded model; every (input, chain) pair is run once, whoever asks."""
    from skiploop.engine.engine import Engine
    from skiploop.engine.request import Request
    from skiploop.models.layered import LayeredModel
    from skiploop.tasks import make_task

    dense = name == "nano-dense"
    model = LayeredModel.from_pretrained("nano")
    engine = Engine(model)
    examples = make_task("nano").deduplicated().limit(inputs).examples
    memo: dict[tuple[int, tuple[int, ...]], float] = {}

    def run(pairs: Pairs) -> list[float]:
        fresh = [(row, chain) for row, chain in pairs if (row, chain.layers) not in memo]
        fresh = list(dict.fromkeys(fresh))
        asked = [
            Request(examples[row].prompt, chain, continuations=(examples[row].answer,))
            if dense
            else Request(examples[row].prompt, chain, expected=examples[row].answer)
            for row, chain in fresh
        ]
        for (row, chain), result in zip(fresh, engine.run(asked), strict=True):
            value = float(bool(result.matched))
            if dense:
                score = result.loglikelihoods[0] / result.num_tokens[0]
                value = max(0.0, (0.0 if math.isnan(score) else math.exp(score)) - 0.1 * chain.relative_depth / 2)
            memo[row, chain.layers] = value
        return [memo[row, chain.layers] for row, chain in pairs]

    return Bench(name, make_space("cola", model.num_layers), len(examples), run, front=name == "nano-front")


def run_searcher(bench: Bench, name: str, budget: int, seed: int, settings: dict[str, Any]) -> Trace:
    """One searcher on every input; all inputs in step, so that a model's batches are filled."""
    searchers = [
        make_searcher(name, bench.space, seed=seed_for(seed, name, str(row)), **settings) for row in range(bench.inputs)
    ]
    best = np.full((bench.inputs, budget), -np.inf)
    trace = Trace(best, 0.0, 0, [[] for _ in range(bench.inputs)])
    pending = [(row, bench.space.identity) for row in range(bench.inputs)]
    for step in range(budget):
        rewards = bench.rewards(pending)
        best[:, step] = best[:, step - 1] if step else best[:, step]
        start = time.perf_counter()
        for (row, chain), reward in zip(pending, rewards, strict=True):
            searchers[row].tell(chain, reward)
            if not bench.front:
                best[row, step] = max(best[row, step], reward)
            trace.evaluated[row].append((chain, reward))
        pending = [(row, chain) for row, searcher in enumerate(searchers) for chain in searcher.ask(1)]
        trace.seconds += time.perf_counter() - start
        trace.calls += len(rewards)
        if bench.front:
            at = step + 1
            best[:, step] = [volume(bench.space, rows) if at in BUDGETS else 0.0 for rows in trace.evaluated]
    return trace


def row_of(name: str, trace: Trace, random: Trace | None, budgets: Sequence[int]) -> dict[str, Any]:
    """Means, standard errors and paired differences from random."""
    found: dict[str, Any] = {"searcher": name, "microseconds": 1e6 * trace.seconds / max(trace.calls, 1)}
    for budget in budgets:
        values = trace.best[:, budget - 1]
        found[str(budget)] = {"mean": float(values.mean()), "error": _error(values)}
        if random is not None:
            difference = values - random.best[:, budget - 1]
            found[str(budget)] |= {"minus_random": float(difference.mean()), "difference_error": _error(difference)}
    return found


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


BENCHES = (
    "chainbench", "layerdrop", "chainbench-binary", "chainbench-front", "additive", "harmful",
    "nano", "nano-dense", "nano-front",
)  # fmt: skip


def make_bench(name: str, inputs: int) -> Bench:
    """A bench by name."""
    if name.startswith("nano"):
        return nano_bench(name, inputs)
    from skiploop.testing import chainbench

    if name in ("additive", "harmful"):
        table = chainbench.additive(6, seed=0, inputs=inputs) if name == "additive" else chainbench.harmful_layer(6, 3)
        return table_bench(name, table, range(inputs), "dense" if name == "additive" else "binary")
    table = chainbench.load("layerdrop" if name == "layerdrop" else "plain")
    spread = [int(row) for row in np.linspace(0, len(table.levels) - 1, inputs)]  # every difficulty alike
    kind = name.partition("-")[2] or "dense"
    return table_bench(name, table, spread, kind)


def measure(bench: Bench, names: Sequence[str], args: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each searcher, random first, the oracle last."""
    budgets = [budget for budget in BUDGETS if budget <= args.budget]
    rows, random = [], None
    for name in dict.fromkeys(["random", *names]):
        trace = run_searcher(bench, name, args.budget, args.seed, args.settings.get(name, {}))
        random = random or trace
        rows.append(row_of(name, trace, None if name == "random" else random, budgets))
        print(f"{bench.name}: {name} done", file=sys.stderr, flush=True)
    if bench.oracle is not None:
        values = np.array(bench.oracle)
        entry = {"mean": float(values.mean()), "error": _error(values)}
        rows.append({"searcher": "oracle"} | {str(budget): entry for budget in budgets})
    return rows


def cell(row: dict[str, Any], budget: str) -> str:
    """Mean, error, and in brackets the paired difference from random."""
    found = row[budget]
    text = f"{found['mean']:.3f} ±{found['error']:.3f}"
    if "minus_random" not in found:
        return text
    return f"{text} ({found['minus_random']:+.3f} ±{found['difference_error']:.3f})"


def as_table(title: str, rows: Sequence[dict[str, Any]]) -> RichTable:
    """For a terminal."""
    budgets = [key for key in rows[0] if key.isdigit()]
    table = RichTable(title=title, title_justify="left")
    for name in ("searcher", *budgets, "µs per ask+tell"):
        table.add_column(name, justify="left" if name == "searcher" else "right")
    for row in rows:
        speed = f"{row['microseconds']:.0f}" if "microseconds" in row else ""
        table.add_row(row["searcher"], *[cell(row, budget) for budget in budgets], speed)
    return table


def as_markdown(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """For the documentation."""
    budgets = [key for key in rows[0] if key.isdigit()]
    lines = [f"### {title}", "", "| searcher | " + " | ".join(budgets) + " | µs |", "|---" * (len(budgets) + 2) + "|"]
    for row in rows:
        speed = f"{row['microseconds']:.0f}" if "microseconds" in row else ""
        lines.append(f"| {row['searcher']} | " + " | ".join(cell(row, each) for each in budgets) + f" | {speed} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bench", nargs="+", default=list(BENCHES), choices=BENCHES)
    parser.add_argument("--searchers", nargs="+", default=list(SEARCHERS), help="random is always among them")
    parser.add_argument("--inputs", type=int, default=40)
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", type=json.loads, default={}, help='{"cola": {"length_penalty": 0}}')
    parser.add_argument("--markdown", type=Path, help="also write the tables to this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args = parser.parse_args()
    found = {}
    for name in args.bench:
        bench = make_bench(name, args.inputs)
        title = f"{name}: {bench.inputs} inputs, {bench.space.count()} chains"
        found[title] = measure(bench, args.searchers, args)
        if not args.json:
            Console(width=200).print(as_table(title, found[title]))
    if args.json:
        print(json.dumps(found))
    if args.markdown:
        args.markdown.write_text("\n".join(as_markdown(*each) for each in found.items()))


if __name__ == "__main__":
    main()
