"""What an evaluation of rules finds, as result.json holds it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skiploop.stats.measured import Measured


@dataclass(frozen=True, slots=True)
class RuleComparison:
    """A rule against an opponent on the same test inputs.

    Attributes:
        difference: of the accuracies, with Newcombe's paired interval.
        p: two-sided, of McNemar's mid-p test.
    """

    difference: Measured
    p: float


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """A rule on the test inputs.

    Attributes:
        accuracy: share of the inputs that it answers right without having seen the answer.
        layer_calls: mean per input, features and passes that led to nothing included; of generated answers, per token.
        relative_layer_calls: over those of the identity's pass.
        seconds: estimated per input: layer calls at the pace of the collection, and the rule itself; None: not timed.
        rescued: inputs that it gets right and the identity wrong.
        broken: the other way round.
        left_identity: share of the inputs that weren't answered by the identity's pass alone.
        against: each opponent, by name.
        claim: `better` (the interval against every identity is above 0, at no more than twice its layer calls),
            `cheaper` (above -.005, at 20 % fewer) or nothing.
    """

    accuracy: Measured
    layer_calls: float
    relative_layer_calls: float
    seconds: float | None
    rescued: int
    broken: int
    left_identity: float
    against: Mapping[str, RuleComparison]
    claim: str


@dataclass(frozen=True, slots=True)
class Votes:
    """All answers to one test input, by their numbers.

    Attributes:
        input: its id.
        fold: whose test it was in.
        right: numbers of right answers.
        passes: the answer of each pass, in their order; -1: none.
        answers: of each rule.
        chosen: the pass that each rule took its answer from; -1: from several.
    """

    input: str
    fold: int
    right: tuple[int, ...]
    passes: tuple[int, ...]
    answers: Mapping[str, int]
    chosen: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RouteFigures:
    """Every rule of one evaluation, side by side.

    Attributes:
        inputs: test inputs, of all folds.
        folds: how often the inputs were split.
        seed: of the splits.
        num_layers: of the model.
        passes: what was run on each input, in words.
        oracle: share of the inputs on which some pass of the menu is right; it needs the right answer.
        rules: by name; `gain on random` is `gain` fitted on blind chains of the menu's depths.
        left_out: choosers that couldn't be fitted, and why.
        permuted_claims: what was claimed where right answers have nothing to do with the inputs; None: not tried.
        votes: of every test input.
    """

    inputs: int
    folds: int
    seed: int
    num_layers: int
    passes: tuple[str, ...]
    oracle: Measured
    rules: Mapping[str, RuleFigures]
    left_out: Mapping[str, str]
    permuted_claims: Mapping[str, str] | None
    votes: tuple[Votes, ...]


@dataclass(frozen=True, slots=True)
class RemovedInput:
    """A rule where part of what it looks at says nothing.

    Attributes:
        accuracy: on the test inputs.
        left_identity: share of them that weren't answered by the identity's pass alone.
        loss: of the rule that sees everything, less this one.
    """

    accuracy: Measured
    left_identity: float
    loss: RuleComparison


@dataclass(frozen=True, slots=True)
class RuleAblation:
    """A rule that sees everything, and the same without each part.

    Attributes:
        accuracy: on the test inputs.
        left_identity: share of them that weren't answered by the identity's pass alone.
        gain: over the identity.
        without: by what was taken away, see `skiploop.routing.ablate`.
    """

    accuracy: Measured
    left_identity: float
    gain: RuleComparison
    without: Mapping[str, RemovedInput]


@dataclass(frozen=True, slots=True)
class RouteAblation:
    """Which of their inputs routers need.

    Attributes:
        inputs: test inputs, of all folds.
        folds: how often the inputs were split.
        seed: of the splits.
        rules: by name.
        left_out: choosers that couldn't be fitted, and why.
    """

    inputs: int
    folds: int
    seed: int
    rules: Mapping[str, RuleAblation]
    left_out: Mapping[str, str]
