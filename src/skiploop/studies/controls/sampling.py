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
from dataclasses import dataclass, replace

from skiploop.chains.chain import Chain
from skiploop.engine.request import Result
from skiploop.errors import InvalidInput
from skiploop.stats.measured import measured_share
from skiploop.storage.files import Line
from skiploop.studies.arms import seed_for
from skiploop.studies.controls.sampling_figures import (
    BudgetFigures,
    IdentityFigures,
    Reference,
    SamplingFigures,
    Tested,
    TunedSampling,
)
from skiploop.studies.controls.settings import SamplingSettings
from skiploop.studies.controls.voting import Said, Samples, VotingCurve, ballot, curve_points, powers
from skiploop.studies.evaluation import shown_request, shown_verdict
from skiploop.studies.guide import option_scores
from skiploop.studies.worklist import Unit, Worklist
from skiploop.tasks import Example, Task, Verdict


@dataclass(frozen=True, slots=True)
class Split:
    """A task, the inputs on which temperature and number of samples are chosen, and those on which all is reported."""

    task: Task
    train: Sequence[Example]
    test: Sequence[Example]


def affordable(layer_calls: float, num_layers: int) -> int:
    """How many samples a budget pays for, beside the greedy answer."""
    return max(0, int(layer_calls // num_layers) - 1)


def sampling_study(
    split: Split, reference: Reference, *, identity: Chain, settings: SamplingSettings, work: Worklist
) -> SamplingFigures:
    """Samples, chooses on training inputs, reports on test inputs.

    Args:
        split: the task and its inputs.
        reference: what sampling is compared with.
        identity: the chain that is sampled.
        settings: how.
        work: runs the samples, or reads them from its journal.

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
    tuned = split.train[: settings.tune]
    budgets = sum(map(bool, paid.values()))
    work.total = _most_requests(split, len(tuned), settings, most, budgets)
    sampler = _Sampler(split.task, identity, settings, work, most)
    tuning = sampler.run("train", tuned, settings.temperatures)
    choices = {name: _choose(tuning, min(k, most)) for name, k in paid.items()}
    wanted = {choice.temperature for own in choices.values() for choice in own.values()}
    samples = sampler.run("test", split.test, sorted(wanted))
    work.finish()
    tested = Tested(split.test, samples, reference, settings.seed)
    greedy = sum(each.greedy.reward >= 1 for each in next(iter(samples.values())))
    return SamplingFigures(
        single_pass=split.task.scores_options,
        num_layers=len(identity),
        train_inputs=len(tuned),
        test_inputs=len(split.test),
        samples=most,
        capped=most < max(paid.values()),
        identity=IdentityFigures(measured_share(greedy, len(split.test)), len(identity)),
        train_curves=_curves(tuning, most, len(identity), settings.seed),
        test_curves=_curves(samples, most, len(identity), settings.seed),
        budgets={name: _budget(name, min(k, most), choices[name], tested) for name, k in paid.items()},
    )


def _most_requests(split: Split, tuned: int, settings: SamplingSettings, most: int, budgets: int) -> int:
    """Greedy answers and samples, at most: two temperatures are chosen for each budget that pays for samples."""
    greedy, temperatures = tuned + len(split.test), len(settings.temperatures)
    if split.task.scores_options:
        return greedy
    return greedy + most * (tuned * temperatures + len(split.test) * min(temperatures, 2 * budgets))


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
                line["scores"] = option_scores(self._task, example, results[0]).by(self._task.metric)
            return line

        return Unit({"split": split, "input": example.id, "temperature": 0.0}, (asked,), judge)

    def _unit(self, split: str, example: Example, temperature: float) -> Unit:
        requests = tuple(
            replace(shown_request(self._task, example, self._identity), temperature=temperature, seed=seed)
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


def _choose(tuning: Mapping[float, Sequence[Samples]], most: int) -> dict[str, TunedSampling]:
    """On training inputs: the best temperature and size of a vote, and the best temperature for any of all samples.

    What is compared is the mean over all groups of k samples: by the first k alone, small votes would win by luck.
    Among equals fewer samples, then the lower temperature. `vote_all` is the vote of all that the budget pays for, at
    the temperature of the best.
    """
    if not most:
        return {}

    def accuracy(temperature: float, k: int) -> float:
        return sum(each.mean_vote(k) for each in tuning[temperature]) / len(tuning[temperature])

    def oracle(temperature: float) -> float:
        return sum(each.oracle(most, greedy=True) for each in tuning[temperature]) / len(tuning[temperature])

    pairs = [(k, temperature) for k in powers(most) for temperature in tuning]
    k, best = max(pairs, key=lambda pair: (accuracy(pair[1], pair[0]), -pair[0], -pair[1]))
    widest = max(tuning, key=lambda temperature: (oracle(temperature), -temperature))
    return {
        "vote": TunedSampling(k, best, accuracy(best, k)),
        "vote_all": TunedSampling(most, best, accuracy(best, most)),
        "any": TunedSampling(most, widest, oracle(widest)),
    }


def _curves(
    samples: Mapping[float, Sequence[Samples]], most: int, num_layers: int, seed: int
) -> tuple[VotingCurve, ...]:
    return tuple(
        VotingCurve(temperature, curve_points(inputs, most, num_layers, seed=seed))
        for temperature, inputs in samples.items()
    )


def _budget(name: str, samples: int, choices: Mapping[str, TunedSampling], tested: Tested) -> BudgetFigures:
    return BudgetFigures(
        layer_calls=tested.reference.budgets[name],
        samples=samples,
        vote=tested.vote(choices["vote"]) if "vote" in choices else None,
        vote_all=tested.vote(choices["vote_all"]) if "vote_all" in choices else None,
        any=tested.any(choices["any"], beside_search=name == "search") if "any" in choices else None,
    )
