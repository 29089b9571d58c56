"""For how many inputs that the identity gets wrong is a right chain found, and how often a wrong answer on request?

    python benchmarks/found.py --out found.jsonl                                  every arm of docs/guided_search.md
    python benchmarks/found.py --out dev.jsonl --split train --inputs 150 --arms gp evolution --unguided gp
    python benchmarks/found.py --out found.jsonl --report
    python benchmarks/found.py --out arc.jsonl --model FOLDER --task arc-easy:arc_easy_test.jsonl --inputs 80

The inputs are problems that the identity gets wrong, of nano's test split unless told otherwise, the space CoLa's, four
chains are asked at a time, the identity counts as an evaluation. Each arm searches each input twice, for the right
answer and, as the control of a study, for one particular wrong one. A search stops at its first success, which is all
that counts here. A line of the file holds an arm: the evaluations that each input took, null where there was no success
within the budget. An arm that is in the file already isn't run again.

Errors are standard errors over inputs; intervals are of 10,000 bootstrap samples of inputs, drawn alike for all arms.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.engine.engine import Engine
from skiploop.engine.request import Result
from skiploop.models.layered import LayeredModel
from skiploop.searchers import Searcher, make_searcher
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space
from skiploop.studies.arms import InputState, seed_for, wrong_candidates
from skiploop.studies.evaluation import request, reward, shown_request, shown_verdict, wrong_target
from skiploop.studies.guide import guide_of, guided_reward
from skiploop.tasks import Example, Task, TaskOptions, make_task

GUIDED = ("gp", "evolution", "surrogate", "puct", "hybrid", "cola")
UNGUIDED = ("gp", "evolution", "surrogate", "puct", "hybrid", "cola", "random", "nearby", "tpe")
BUDGETS = (5, 10, 20, 50, 100)
PER_ROUND = 4
TARGETS = ("gold", "control")
SAMPLES = 10_000

Known = dict[tuple[str, str, tuple[int, ...]], Result]


@dataclass
class Search:
    """One searcher on one input, for one answer."""

    example: Example  # with the answer that is paid for
    target: str
    searcher: Searcher
    used: int = 0
    found: int | None = None
    pending: list[Chain] = field(default_factory=list)


class Evaluator:
    """Judges chains by answers, each pair once, with the guide."""

    def __init__(self, model: LayeredModel, task: Task) -> None:
        self.engine, self.task = Engine(model), task
        self.known: Known = {}

    def outcomes(self, wanted: Sequence[tuple[Example, Chain]]) -> list[tuple[bool, float]]:
        """Whether the answer is emitted, and the guide to it."""
        keys = [(example.id, self._asked_for(example), chain.layers) for example, chain in wanted]
        fresh = {key: pair for key, pair in zip(keys, wanted, strict=True) if key not in self.known}
        asked = [request(self.task, example, chain, guided=True) for example, chain in fresh.values()]
        self.known.update(zip(fresh, self.engine.run(asked) if asked else (), strict=True))
        return [self._judged(example, self.known[key]) for key, (example, _) in zip(keys, wanted, strict=True)]

    def _asked_for(self, example: Example) -> str:
        """The answer that a pass depends on: scores of options serve the control as well."""
        return example.answer if self.task.verbatim else ""

    def _judged(self, example: Example, result: Result) -> tuple[bool, float]:
        return reward(self.task, example, result) >= 1, guide_of(self.task, example, result) or 0.0


def wrong_inputs(model: LayeredModel, task: Task, space: Space, most: int | None) -> list[tuple[Example, Example]]:
    """The problems that the identity gets wrong, each with the copy whose answer the control is paid for."""
    engine = Engine(model)
    examples = random.Random(0).sample(task.examples, len(task.examples))  # the task has them by family and level
    if most is not None and not task.verbatim:
        examples = examples[: 4 * most]  # a larger model takes its time; it gets more than a quarter of them wrong
    results = engine.run([shown_request(task, example, space.identity) for example in examples])
    found = []
    for example, result, candidates in zip(examples, results, wrong_candidates(task, examples, 0), strict=True):
        verdict = shown_verdict(task, example, result)
        if verdict.reward >= 1:
            continue
        state = InputState(example, candidates)
        target = wrong_target(task, state, verdict.answer, result.text)
        if target is not None:
            found.append((example, target))
    return found if most is None else found[:most]


def run_arm(
    name: str,
    guided: bool,
    inputs: Sequence[tuple[Example, Example]],
    space: Space,
    evaluator: Evaluator,
    budget: int,
    settings: dict[str, float],
) -> dict[str, Any]:
    """All searches of an arm, in step."""
    searches = [
        Search(target, kind, make_searcher(name, space, seed=seed_for(0, kind, pair[0].id), **settings))
        for pair in inputs
        for kind, target in zip(TARGETS, pair, strict=True)
    ]
    start, asking = time.perf_counter(), 0.0
    for search in searches:
        search.pending = [space.identity]
    while any(search.pending for search in searches):
        outcomes = iter(evaluator.outcomes([(s.example, chain) for s in searches for chain in s.pending]))
        begun = time.perf_counter()
        for search in searches:
            advance(search, outcomes, guided, budget)
        asking += time.perf_counter() - begun
    return {
        "arm": label(name, guided, settings), "budget": budget, "seconds": time.perf_counter() - start,
        "asking": asking, "evaluations": sum(search.used for search in searches),
    } | {kind: [search.found for search in searches if search.target == kind] for kind in TARGETS}  # fmt: skip


def advance(search: Search, outcomes: Any, guided: bool, budget: int) -> None:
    """Tells what was evaluated, and asks for the next chains."""
    for chain in search.pending:
        right, guide = next(outcomes)
        search.used += 1
        search.searcher.tell(chain, guided_reward(float(right), guide if guided else None))
        if right and search.found is None:
            search.found = search.used
    left = 0 if search.found else budget - search.used
    search.pending = search.searcher.ask(min(PER_ROUND, left)) if left else []


def label(name: str, guided: bool, settings: dict[str, float]) -> str:
    """Of an arm, in the file and in tables."""
    constants = "".join(f" {key}={value:g}" for key, value in settings.items())
    return f"{name}{' guided' if guided else ''}{constants}"


def report(lines: Sequence[dict[str, Any]]) -> str:
    """Markdown: shares found with their errors, and the excess over the control with its interval."""
    inputs = len(lines[0]["gold"])
    rng = np.random.default_rng(0)
    rows = rng.integers(inputs, size=(SAMPLES, inputs))
    table = ["| arm | " + " | ".join(f"@{b}" for b in BUDGETS) + " | control @50 | @100 | excess @50 | @100 |"]
    table.append("|---" * (len(BUDGETS) + 5) + "|")
    for line in lines:
        cells = [f"`{line['arm']}`", *(mean_error(hits(line, "gold", b)) if known(line, b) else "" for b in BUDGETS)]
        cells += [mean_error(hits(line, "control", b)) if known(line, b) else "" for b in (50, 100)]
        excess = {b: hits(line, "gold", b) - hits(line, "control", b) for b in (50, 100) if known(line, b)}
        cells += [interval(excess[b], rows) if b in excess else "" for b in (50, 100)]
        table.append("| " + " | ".join(cells) + " |")
    return "\n".join([f"{inputs} inputs", "", *table])


def known(line: dict[str, Any], budget: int) -> bool:
    """Whether the arm went as far as that."""
    return bool(line["budget"] >= budget)


def hits(line: dict[str, Any], kind: str, budget: int) -> np.ndarray:
    """1 where a success came within the budget, [inputs]."""
    return np.array([float(at is not None and at <= budget) for at in line[kind]])


def mean_error(values: np.ndarray) -> str:
    """Mean and standard error, in percent."""
    return f"{100 * values.mean():.1f} ±{100 * values.std(ddof=1) / len(values) ** 0.5:.1f}"


def interval(values: np.ndarray, rows: np.ndarray) -> str:
    """Mean and its 95 % bootstrap interval, in points."""
    low, high = np.percentile(values[rows].mean(axis=1), [2.5, 97.5])
    return f"{100 * values.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def compared(lines: Sequence[dict[str, Any]], first: tuple[str, int], second: tuple[str, int]) -> str:
    """The paired differences of two arms, each at its budget: of what is found, and of the excess over the control."""
    by_arm = {line["arm"]: line for line in lines}
    rows = np.random.default_rng(0).integers(len(lines[0]["gold"]), size=(SAMPLES, len(lines[0]["gold"])))
    found = [hits(by_arm[arm], "gold", budget) for arm, budget in (first, second)]
    paid = [hits(by_arm[arm], "control", budget) for arm, budget in (first, second)]
    more, excess = found[0] - found[1], (found[0] - paid[0]) - (found[1] - paid[1])
    name = " less ".join(f"{arm}@{budget}" for arm, budget in (first, second))
    return f"{name}: found {interval(more, rows)}, excess {interval(excess, rows)}"


def measure(args: argparse.Namespace) -> None:
    """Runs the arms that the file doesn't have yet."""
    done = {line["arm"] for line in read(args.out)}
    model = LayeredModel.from_pretrained(args.model)
    options = TaskOptions(split=args.split) if args.task == "nano" else TaskOptions()
    task = make_task(args.task, options).deduplicated()
    space = make_space("cola", model.num_layers)
    inputs = wrong_inputs(model, task, space, args.inputs)
    print(f"{len(inputs)} inputs", file=sys.stderr, flush=True)
    evaluator = Evaluator(model, task)
    for name, guided in [*((name, True) for name in args.arms), *((name, False) for name in args.unguided)]:
        settings = args.settings.get(name, {})
        if label(name, guided, settings) in done:
            continue
        line = run_arm(name, guided, inputs, space, evaluator, args.budget, settings)
        with args.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{line['arm']}: {line['seconds']:.0f} s", file=sys.stderr, flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of the file so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    """Measure, or print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="one line for each arm")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--task", default="nano", help="with a file: arc-easy:FILE")
    parser.add_argument("--split", choices=("test", "train"), default="test", help="of nano's problems")
    parser.add_argument("--inputs", type=int, help="so many of the wrong ones, drawn at random; all unless given")
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--arms", nargs="*", default=list(GUIDED), help="searchers that are guided")
    parser.add_argument("--unguided", nargs="*", default=list(UNGUIDED))
    parser.add_argument("--settings", type=json.loads, default={}, help='{"gp": {"warmup": 4}}')
    parser.add_argument("--report", action="store_true", help="print the tables of the file")
    parser.add_argument("--compare", nargs=2, metavar="ARM@BUDGET", help="of the file, such as 'gp guided@50' tpe@100")
    args = parser.parse_args()
    if args.compare:
        pairs = [(arm, int(budget)) for arm, _, budget in (each.rpartition("@") for each in args.compare)]
        print(compared(read(args.out), *pairs))
    elif args.report:
        print(report(read(args.out)))
    else:
        measure(args)


if __name__ == "__main__":
    main()
