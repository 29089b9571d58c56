"""Sampling and voting at equal layer calls: what the search's budget would have bought without any chain. No torch.

    k samples of the identity at a temperature, and their majority     accuracy: no gold answer is needed
    any of the k samples                                              oracle accuracy: the search's honest companion

Cost is counted as everywhere in a study: one pass of the identity is L layer calls, however many tokens it takes. The
greedy answer, which decides ties, is one of the passes: k samples cost (k + 1) * L layer calls. Temperature and k are
chosen on training inputs. Test inputs are sampled at the chosen temperatures only.

Where options are scored (`choice`, `letter`) a sample is an option drawn from the softmax of the scores over the
temperature. All samples of an input come from one pass, and their vote tends to the arg-max, which is the greedy
answer: voting can't gain anything there, and what any of the samples hits is a lottery.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result, Runner
from skiploop.errors import InvalidInput
from skiploop.stats.measured import measured_mean
from skiploop.stats.shares import mcnemar, newcombe_paired, paired_counts, wilson
from skiploop.storage.files import Line
from skiploop.storage.journal import Journal
from skiploop.studies.arms import seed_for
from skiploop.studies.controls.settings import SamplingSettings
from skiploop.studies.controls.voting import Said, Samples, ballot, curve, powers
from skiploop.studies.evaluation import shown_request, shown_verdict
from skiploop.studies.progress import Progress
from skiploop.studies.worklist import Unit, Worklist
from skiploop.tasks import Example, Task, Verdict


@dataclass(frozen=True, slots=True)
class Reference:
    """What sampling is compared with.

    Attributes:
        budgets: layer calls of an input, by whose they are: `search`, `static`.
        static: reward of the static chain on each test input, by id.
        search: whether the search found a right chain, by id of its inputs, which are some of the test inputs.
    """

    budgets: Mapping[str, float]
    static: Mapping[str, float]
    search: Mapping[str, bool]


def affordable(layer_calls: float, num_layers: int) -> int:
    """How many samples a budget pays for, beside the greedy answer."""
    return max(0, int(layer_calls // num_layers) - 1)


def sampling_study(
    task: Task,
    train: Sequence[Example],
    test: Sequence[Example],
    reference: Reference,
    *,
    identity: Chain,
    settings: SamplingSettings,
    runner: Runner,
    journal: Journal,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Samples, chooses on training inputs, reports on test inputs; the figures, ready for JSON.

    Raises:
        InvalidInput: no budget pays for a sample, or the journal is of another run.
    """
    paid = {name: affordable(calls, len(identity)) for name, calls in reference.budgets.items()}
    most = min(max(paid.values()), settings.most or max(paid.values()))
    if not most:
        raise InvalidInput(
            f"budgets of {dict(reference.budgets)} layer calls don't pay for one sample beside the greedy answer; "
            "raise --budget"
        )
    work = Worklist(runner, journal, per_call=settings.per_call, progress=progress)
    sampler = _Sampler(task, identity, settings, work, most)
    tuned = train[: settings.tune]
    shares = len(settings.temperatures), min(len(settings.temperatures), 2 * sum(map(bool, paid.values())))
    drawn = 0 if task.scores_options else most * (len(tuned) * shares[0] + len(test) * shares[1])
    work.total = len(tuned) + len(test) + drawn  # at most
    tuning = sampler.run("train", tuned, settings.temperatures)
    chosen = {name: _choose(tuning, min(k, most)) for name, k in paid.items()}
    wanted = {each["temperature"] for found in chosen.values() for each in found.values()}
    tested = sampler.run("test", test, sorted(wanted))
    work.finish()
    seed, layers = settings.seed, len(identity)
    some = next(iter(tested.values()))
    greedy = sum(each.greedy.reward >= 1 for each in some)
    return {
        "kind": "sampling",
        "cost": "layer calls of an input; one pass of the identity is L, the greedy pass included",
        "single_pass": task.scores_options,
        "num_layers": layers,
        "train_inputs": len(tuned),
        "test_inputs": len(test),
        "samples": most,
        "capped": most < max(paid.values()),
        "identity": {"test": greedy / len(test), "test_interval": wilson(greedy, len(test)), "layer_calls": layers},
        "train_curves": _curves(tuning, most, layers, seed),
        "test_curves": _curves(tested, most, layers, seed),
        "budgets": {
            name: {
                "layer_calls": reference.budgets[name],
                "samples": min(k, most),
                **_reported(chosen[name], tested, test, reference, name == "search", seed),
            }
            for name, k in paid.items()
        },
    }


class _Sampler:
    """Fills `Samples` of inputs, temperature by temperature."""

    def __init__(self, task: Task, identity: Chain, settings: SamplingSettings, work: Worklist, most: int) -> None:
        self._task, self._identity, self._settings, self._work, self._most = task, identity, settings, work, most

    def run(self, split: str, examples: Sequence[Example], temperatures: Sequence[float]) -> dict[float, list[Samples]]:
        """By temperature, in the order of the examples."""
        greedy = self._work.run([self._greedy(split, each) for each in examples])
        said = [_said(self._task, line)[0] for line in greedy]
        found: dict[float, list[Samples]] = {}
        for temperature in temperatures:
            if self._task.scores_options:
                drawn = [self._draw(*pair, temperature) for pair in zip(examples, greedy, strict=True)]
            else:
                lines = self._work.run([self._unit(split, each, temperature) for each in examples])
                drawn = [_said(self._task, line) for line in lines]
            found[temperature] = [Samples(*pair) for pair in zip(said, drawn, strict=True)]
        return found

    def _greedy(self, split: str, example: Example) -> Unit:
        asked = shown_request(self._task, example, self._identity)

        def judge(results: Sequence[Result]) -> Line:
            line = _line([shown_verdict(self._task, example, results[0])])
            if self._task.scores_options:
                line["scores"] = self._task.option_scores(example, results[0].loglikelihoods, results[0].num_tokens)
            return line

        return Unit({"split": split, "input": example.id, "temperature": 0.0}, (asked,), judge)

    def _unit(self, split: str, example: Example, temperature: float) -> Unit:
        limit = self._task.max_new_tokens
        requests = tuple(
            Request(example.prompt, self._identity, max_new_tokens=limit, temperature=temperature, seed=seed)
            for seed in self._seeds(example, temperature)
        )
        judge: Callable[[Sequence[Result]], Line] = lambda results: _line(  # noqa: E731
            [shown_verdict(self._task, example, result) for result in results]
        )
        return Unit({"split": split, "input": example.id, "temperature": temperature}, requests, judge)

    def _draw(self, example: Example, line: Line, temperature: float) -> tuple[Said, ...]:
        scores = line["scores"]
        if scores is None or not math.isfinite(max(scores)):
            return tuple([Said(None, 0.0)] * self._most)
        weights = softmax(scores, temperature)
        drawn = []
        for seed in self._seeds(example, temperature):
            index = random.Random(seed).choices(range(len(scores)), weights)[0]
            verdict = self._task.judge_choice(example, index)
            drawn.append(Said(verdict.answer, verdict.reward))
        return tuple(drawn)

    def _seeds(self, example: Example, temperature: float) -> list[int]:
        return [
            seed_for(self._settings.seed, f"sample {number} at {temperature}", example.id)
            for number in range(self._most)
        ]


def softmax(scores: Sequence[float], temperature: float) -> list[float]:
    """exp(score / temperature), normalised."""
    top = max(scores)
    weights = [math.exp((score - top) / temperature) for score in scores]
    return [weight / sum(weights) for weight in weights]


def _line(verdicts: Sequence[Verdict]) -> Line:
    return {"answers": [each.answer for each in verdicts], "rewards": [each.reward for each in verdicts]}


def _said(task: Task, line: Line) -> tuple[Said, ...]:
    pairs = zip(line["answers"], line["rewards"], strict=True)
    return tuple(Said(ballot(task, answer), reward) for answer, reward in pairs)


def _choose(tuning: Mapping[float, Sequence[Samples]], most: int) -> dict[str, dict[str, Any]]:
    """On training inputs: the best temperature and size of a vote, and the best temperature for any of all samples.

    What is compared is the mean over all groups of k samples: by the first k alone, small votes would win by luck.
    Among equals fewer samples, then the lower temperature. `vote_all` is the vote of all that the budget pays for, at
    the temperature of the best.
    """
    if not most:
        return {}

    def accuracy(temperature: float, k: int) -> float:
        return sum(each.mean_vote(k) for each in tuning[temperature]) / len(tuning[temperature])

    def hits(temperature: float) -> float:
        return sum(each.oracle(most, greedy=True) for each in tuning[temperature]) / len(tuning[temperature])

    pairs = [(k, temperature) for k in powers(most) for temperature in tuning]
    k, best = max(pairs, key=lambda pair: (accuracy(pair[1], pair[0]), -pair[0], -pair[1]))
    widest = max(tuning, key=lambda temperature: (hits(temperature), -temperature))
    return {
        "vote": {"samples": k, "temperature": best, "train": accuracy(best, k)},
        "vote_all": {"samples": most, "temperature": best, "train": accuracy(best, most)},
        "any": {"samples": most, "temperature": widest, "train_oracle": hits(widest)},
    }


def _curves(found: Mapping[float, Sequence[Samples]], most: int, num_layers: int, seed: int) -> list[dict[str, Any]]:
    return [
        {"temperature": temperature, "curve": curve(inputs, most, num_layers, seed=seed)}
        for temperature, inputs in found.items()
    ]


def _reported(
    chosen: Mapping[str, dict[str, Any]],
    tested: Mapping[float, Sequence[Samples]],
    test: Sequence[Example],
    reference: Reference,
    beside_search: bool,
    seed: int,
) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for name in ("vote", "vote_all"):
        if name in chosen:
            inputs = tested[chosen[name]["temperature"]]
            report[name] = chosen[name] | _vote(inputs, chosen[name], test, reference, seed)
    if "any" in chosen:
        inputs = tested[chosen["any"]["temperature"]]
        report["any"] = chosen["any"] | _any(inputs, chosen["any"]["samples"], test, reference, beside_search)
    return report


def _vote(
    inputs: Sequence[Samples], how: Mapping[str, Any], test: Sequence[Example], reference: Reference, seed: int
) -> dict[str, Any]:
    won = [each.vote(how["samples"]).reward >= 1 for each in inputs]
    greedy = [each.greedy.reward >= 1 for each in inputs]
    figures: dict[str, Any] = {"test": sum(won) / len(won), "test_interval": wilson(sum(won), len(won))}
    figures["minus_identity"] = paired(won, greedy, seed=seed)
    if reference.static:
        figures["minus_static"] = paired(won, [reference.static[each.id] >= 1 for each in test], seed=seed)
    return figures


def _any(
    inputs: Sequence[Samples], k: int, test: Sequence[Example], reference: Reference, beside_search: bool
) -> dict[str, Any]:
    """Any of k samples, or the greedy answer: an oracle figure, beside that of the search on the search's inputs."""
    hit = {
        example.id: max(said.reward for said in (each.greedy, *each.drawn[:k])) >= 1
        for example, each in zip(test, inputs, strict=True)
    }
    figures: dict[str, Any] = {
        "test_oracle_accuracy": sum(hit.values()) / len(hit),
        "test_oracle_interval": wilson(sum(hit.values()), len(hit)),
    }
    if beside_search and reference.search:
        mine, theirs = [hit[name] for name in reference.search], list(reference.search.values())
        figures["search_inputs"] = {
            "inputs": len(mine),
            "any_oracle_accuracy": sum(mine) / len(mine),
            "search_oracle_accuracy": sum(theirs) / len(theirs),
            "search_minus_any": paired(theirs, mine, seed=0),
        }
    return figures


def paired(first: Sequence[bool], second: Sequence[bool], *, seed: int) -> dict[str, Any]:
    """The difference of two shares of the same inputs: Newcombe's and the bootstrap interval, and McNemar's test."""
    counts = paired_counts(first, second)
    boot = measured_mean([int(a) - int(b) for a, b in zip(first, second, strict=True)], seed=seed).interval
    return {
        "difference": (counts.first - counts.second) / len(first),
        "interval": newcombe_paired(*counts),
        "bootstrap_interval": None if boot is None else list(boot),
        "mcnemar_p": mcnemar(counts.first, counts.second),
    }
