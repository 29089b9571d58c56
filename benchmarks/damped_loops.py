"""Plain against damped loops: one loop for all inputs, chosen on train inputs, reported on test inputs.

    python benchmarks/damped_loops.py --model FOLDER --data FOLDER --train 40 --test 100

The data folder holds arc_easy_test.jsonl, arc_challenge_test.jsonl, svamp.json and gsm8k_test.jsonl; `--tasks nano`
needs none. Prompts are few-shot; the shots are the first rows of each file and never scored. Of each form (plain,
damped with beta .5, damped with beta 0), all over the same windows and numbers of passes, the loop with the best dense
measure on the train inputs is taken. The dense measure of multiple choice is the log share of the gold option
among the options, else the log-likelihood of the gold text per token. Intervals are paired with the identity, and for
damped loops with the plain one, too, 95 %, by bootstrap over inputs. Accuracy of multiple choice is by the option score
(whole or per token) with which the *identity* is better on train; elsewhere it is the share of inputs on which greedy
decoding emits the gold text.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.engine.engine import Engine
from skiploop.engine.request import Request, Result
from skiploop.models.layered import LayeredModel
from skiploop.stats.measured import Measured, measured_mean

PLAIN = "plain"
FORMS = {PLAIN: 1.0, "damped, .5": 0.5, "damped, 0": 0.0}
"""Forms of a loop, with their damping."""


@dataclass(frozen=True, slots=True)
class Item:
    """One input: what is scored after its prompt, and which of that is gold."""

    prompt: str
    texts: tuple[str, ...]
    gold: int = 0


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one chain on some inputs: dense measure, and by either option score whether the gold text wins, [N]."""

    dense: np.ndarray
    right: np.ndarray  # [2, N]


def arc(path: Path) -> list[Item]:
    """Multiple choice."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        gold = row["choices"]["label"].index(row["answerKey"])
        found.append(
            Item(f"Question: {row['question']}\nAnswer:", tuple(f" {t}" for t in row["choices"]["text"]), gold)
        )
    return found


def svamp(path: Path) -> list[Item]:
    """The number that is asked for."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Item(f"Question: {row['Body']} {row['Question']}\nAnswer:", (f" {row['Answer']:g}",)) for row in rows]


def gsm8k(path: Path) -> list[Item]:
    """The worked solution, without its calculator marks."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        solution = "".join(part.split(">>")[-1] for part in row["answer"].split("<<"))
        found.append(Item(f"Question: {row['question']}\nAnswer:", (f" {solution}",)))
    return found


def nano() -> list[Item]:
    """The problems that come with nano."""
    lines = files("skiploop.nano").joinpath("test.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Item(row["prompt"], (str(row["answer"]),)) for row in rows]


def items_of(task: str, folder: Path, shots: int, count: int) -> list[Item]:
    """The inputs of a task, in an order that doesn't depend on how many are taken."""
    if task == "nano":
        every, shots = nano(), 0
    else:
        name = {"arc_easy": "arc_easy_test.jsonl", "arc_challenge": "arc_challenge_test.jsonl", "svamp": "svamp.json"}
        path = folder / name.get(task, "gsm8k_test.jsonl")
        every = (arc if task.startswith("arc") else svamp if task == "svamp" else gsm8k)(path)
    preamble = "".join(f"{each.prompt}{each.texts[each.gold]}\n\n" for each in every[:shots])
    rest = every[shots:]
    order = np.random.default_rng(0).permutation(len(rest))[:count]
    return [Item(preamble + rest[i].prompt, rest[i].texts, rest[i].gold) for i in order]


def candidates(num_layers: int, size: int, most: int) -> dict[str, list[Chain]]:
    """Of each form the same windows, centred from .3 to .75 of the depth; RYS's loop is K = 2 of the plain form."""
    identity = Chain.identity(num_layers)
    centres = (0.3, 0.45, 0.55, 0.6, 0.75)
    starts = sorted({min(max(round(centre * num_layers - size / 2), 0), num_layers - size) for centre in centres})
    loops = [(start, extra) for start in starts for extra in range(1, most)]
    return {
        form: [identity.loop(start, size, extra, damping=beta) for start, extra in loops]
        for form, beta in FORMS.items()
    }


def scores(engine: Engine, chain: Chain, items: Sequence[Item]) -> Scores:
    """One call of the engine."""
    results = engine.run([Request(item.prompt, chain, item.texts) for item in items])
    pairs = list(zip(items, results, strict=True))
    return Scores(
        np.array([dense(item, result) for item, result in pairs]),
        np.array([[best(item, result, per_token) for item, result in pairs] for per_token in (False, True)]),
    )


def dense(item: Item, result: Result) -> float:
    """Log share of the gold option, or log-likelihood per token where there is one text."""
    values = np.array(result.loglikelihoods)
    if len(values) == 1:
        return float(values[0] / result.num_tokens[0])
    return float(values[item.gold] - np.logaddexp.reduce(values))


def best(item: Item, result: Result, per_token: bool) -> bool:
    """Whether the gold option has the largest score; where there is no other one, whether it is what greedy emits."""
    if len(item.texts) == 1:
        return result.greedy[0]
    values = np.array(result.loglikelihoods) / (np.array(result.num_tokens) if per_token else 1)
    return int(values.argmax()) == item.gold


def shown(figure: Measured, digits: int) -> str:
    """`+0.012 [-0.003, 0.027]`."""
    value = 0.0 if figure.value is None else figure.value
    low, high = figure.interval or (float("nan"), float("nan"))
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def difference(first: np.ndarray, second: np.ndarray, digits: int) -> str:
    """The first less the second over the same inputs, [N] both."""
    return shown(measured_mean(list(first.astype(float) - second.astype(float))), digits)


def compare(
    engine: Engine, task: str, train: Sequence[Item], test: Sequence[Item], options: argparse.Namespace
) -> None:
    """Prints the rows of a task."""
    num_layers = engine.model.num_layers
    identity = Chain.identity(num_layers)
    base_train, base = scores(engine, identity, train), scores(engine, identity, test)
    metric = int(base_train.right[1].mean() > base_train.right[0].mean())
    print(
        f"| {task} | identity | {identity} | | {base.dense.mean():.4f} | | | {base.right[metric].mean():.3f} | |",
        flush=True,
    )
    plain: Scores | None = None
    for form, chains in candidates(num_layers, options.size, options.most).items():
        gains = {chain: float((scores(engine, chain, train).dense - base_train.dense).mean()) for chain in chains}
        chosen = max(gains, key=lambda chain: gains[chain])
        found = scores(engine, chosen, test)
        beside = "" if plain is None else difference(found.dense, plain.dense, 4)
        plain = found if form == PLAIN else plain
        print(
            f"| {task} | {form} | {chosen} | {gains[chosen]:+.4f} ({np.mean(list(gains.values())):+.4f}) | "
            f"{found.dense.mean():.4f} | {difference(found.dense, base.dense, 4)} | {beside} | "
            f"{found.right[metric].mean():.3f} | {difference(found.right[metric], base.right[metric], 3)} |",
            flush=True,
        )


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--tasks", default="arc_easy,arc_challenge,svamp,gsm8k")
    parser.add_argument("--train", type=int, default=40)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--shots", type=int, default=3)
    parser.add_argument("--size", type=int, default=4, help="layers of the window")
    parser.add_argument("--most", type=int, default=3, help="most passes, K")
    options = parser.parse_args()
    engine = Engine(LayeredModel.from_pretrained(options.model))
    print(f"{options.train} train inputs, {options.test} test inputs, {options.shots} shots; model {engine.model.name}")
    columns = (
        "task", "form", "chain", "train gain (mean of all)", "dense, test", "minus identity", "minus plain", "accuracy",
        "minus identity",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    for task in options.tasks.split(","):
        items = items_of(task, options.data, options.shots, options.train + options.test)
        compare(engine, task, items[: options.train], items[options.train :], options)


if __name__ == "__main__":
    main()
