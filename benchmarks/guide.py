"""What the guide costs: seconds of the same evaluations with it, over those without.

    python benchmarks/guide.py                                             nano: verbatim answers, and options
    python benchmarks/guide.py --model FOLDER --task arc-easy:test.jsonl
    python benchmarks/guide.py --model FOLDER --task svamp:svamp.json --inputs 4 --repeats 3

Chains are random ones near the identity, the same for both. Both are timed in turns in this process; the seconds are
the median over repeats, the ratio the median of the ratios of neighbouring runs. For generated texts the guide is a
forced pass of its own, of the wrong answers: here of all, so that it is the most that it can cost.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

from skiploop.chains.chain import Chain
from skiploop.engine.engine import Engine
from skiploop.engine.request import Request
from skiploop.models.layered import LayeredModel
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.studies.evaluation import request
from skiploop.studies.guide import guide_of, guide_request
from skiploop.tasks import Example, Task, make_task

Pairs = Sequence[tuple[Example, Chain]]


def seconds(engine: Engine, task: Task, pairs: Pairs, guided: bool) -> float:
    """Of one evaluation of all pairs, as a study does it."""
    begun = time.perf_counter()
    results = engine.run([request(task, example, chain, guided=guided) for example, chain in pairs])
    if guided:
        passes: list[Request | None] = [guide_request(task, example, chain) for example, chain in pairs]
        own = iter(engine.run([each for each in passes if each is not None]) if any(passes) else ())
        for (example, _), result, each in zip(pairs, results, passes, strict=True):
            guide_of(task, example, result if each is None else next(own))
    return time.perf_counter() - begun


def as_options(task: Task) -> Task:
    """The same problems with four answers to choose from, those of other problems beside the own."""
    answers = sorted({example.answer for example in task.examples})
    examples = []
    for number, example in enumerate(task.examples):
        others = random.Random(number).sample([answer for answer in answers if answer != example.answer], 3)
        examples.append(replace(example, choices=(example.answer, *others), gold=0))
    return replace(task, examples=tuple(examples), scoring="choice")


def measure(engine: Engine, task: Task, layers: int, args: argparse.Namespace) -> str:
    """A row of the table."""
    examples = random.Random(0).sample(task.examples, min(args.inputs, len(task.examples)))
    space = make_space("cola", layers)
    chains = make_searcher("nearby", space, seed=0).ask(args.chains)
    pairs = [(example, chain) for example in examples for chain in chains]
    seconds(engine, task, pairs[: len(chains)], guided=True)  # so that neither side pays for what is done once
    without, having = [], []
    for repeat in range(args.repeats):
        sides = [(False, without), (True, having)]
        for guided, taken in sides if repeat % 2 else sides[::-1]:
            taken.append(seconds(engine, task, pairs, guided))
    ratio = statistics.median(b / a for a, b in zip(without, having, strict=True))
    columns = task.name, task.scoring, len(pairs), statistics.median(without), statistics.median(having), ratio
    return "| {} | {} | {} | {:.2f} | {:.2f} | {:.3f} |".format(*columns)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--task", default="nano")
    parser.add_argument("--inputs", type=int, default=60)
    parser.add_argument("--chains", type=int, default=8, help="for each input, the same for all")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    model = LayeredModel.from_pretrained(args.model)
    engine, task = Engine(model), make_task(args.task)
    print("| task | scoring | evaluations | s, unguided | s, guided | ratio |\n|---|---|---|---|---|---|")
    for each in [task, as_options(task)] if args.task == "nano" else [task]:
        print(measure(engine, each, model.num_layers, args), flush=True)


if __name__ == "__main__":
    main()
