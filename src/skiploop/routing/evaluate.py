"""Rules on held-out inputs, side by side: choosers on the menu, the same on blind chains, prompts, samples; opponents.

    result = evaluate(collected.data, folds=5)
    result.rules["gain"].against["strongest_identity"].difference

Everything is fitted on training inputs and decided on validation inputs before the test inputs are looked at. With
several folds each input is a test input once, of rules that never saw it; intervals are over inputs.

Shapes: N inputs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from skiploop.errors import InvalidInput
from skiploop.routing.chooser import Chooser
from skiploop.routing.choosers.named import CHOOSERS, OPPONENTS
from skiploop.routing.figures import RouteFigures, RuleComparison, RuleFigures, Votes
from skiploop.routing.passes import Role
from skiploop.routing.runs import TableRuns
from skiploop.routing.split import RouteSplit, folds_of, split_elsewhere
from skiploop.routing.table import Bools, Floats, Ints, Labelled
from skiploop.stats.measured import measured_difference, measured_share
from skiploop.stats.shares import mcnemar, paired_counts

PEERS: tuple[Role, ...] = ("random", "prompt", "sample")
"""Passes in place of the menu's that the same chooser is fitted on."""
SHIFTED = 1
"""Seed of the permuted right answers."""
CHEAPER, NOT_WORSE, DEAREST = 0.8, -0.005, 2.0
"""A claim: as good within half a point at 20 % fewer layer calls; or better at no more than twice the layer calls."""


@dataclass(slots=True)
class _Tested:
    """What one rule answered on test inputs, fold after fold."""

    answers: list[Ints] = field(default_factory=list)
    chosen: list[Ints] = field(default_factory=list)
    right: list[Bools] = field(default_factory=list)
    calls: list[Floats] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, rule_answers: tuple[Ints, Ints], right: Bools, calls: Floats, seconds: float) -> None:
        self.answers.append(rule_answers[0])
        self.chosen.append(rule_answers[1])
        self.right.append(right)
        self.calls.append(calls)
        self.seconds += seconds

    @property
    def hits(self) -> Bools:
        return np.concatenate(self.right)


def evaluate(
    data: Labelled,
    *,
    choosers: Sequence[str] = tuple(CHOOSERS),
    folds: int = 5,
    seed: int = 0,
    seconds_per_layer_call: float | None = None,
    permuted: bool = True,
) -> RouteFigures:
    """Fits choosers and opponents, and compares them on inputs that they haven't seen.

    Args:
        data: all inputs, with all passes.
        choosers: names in `CHOOSERS`.
        folds: each input is a test input once; 1: one split, see `skiploop.routing.split`.
        seed: of the splits.
        seconds_per_layer_call: of the machine, for an estimate of the time.
        permuted: also with right answers that have nothing to do with the inputs, where nothing may be claimed.

    Raises:
        InvalidInput: an unknown chooser, no menu, or too few inputs.
    """
    _check(data, choosers)
    found = _compare(folds_of(data, folds, seed), choosers, seed, seconds_per_layer_call)
    if not permuted:
        return found
    shuffled = evaluate(data.permuted(SHIFTED), choosers=choosers, folds=folds, seed=seed, permuted=False)
    return replace(found, permuted_claims=_claims(shuffled))


def evaluate_elsewhere(
    data: Labelled,
    other: Labelled,
    *,
    choosers: Sequence[str] = tuple(CHOOSERS),
    seed: int = 0,
    seconds_per_layer_call: float | None = None,
    permuted: bool = True,
) -> RouteFigures:
    """Fits choosers and opponents on one task, and compares them on another: out of domain.

    Args:
        data: inputs to fit on, three quarters, and to decide on, the rest.
        other: test inputs, with the same passes of the same model.
        choosers: names in `CHOOSERS`.
        seed: of the split of `data`.
        seconds_per_layer_call: of the machine, for an estimate of the time.
        permuted: also with right answers that have nothing to do with the inputs, where nothing may be claimed.

    Raises:
        InvalidInput: as for `evaluate`, other passes, or an input that is in both.
    """
    _check(data, choosers)
    found = _compare([split_elsewhere(data, other, seed)], choosers, seed, seconds_per_layer_call)
    if not permuted:
        return found
    shuffled = evaluate_elsewhere(
        data.permuted(SHIFTED), other.permuted(SHIFTED), choosers=choosers, seed=seed, permuted=False
    )
    return replace(found, permuted_claims=_claims(shuffled))


def _check(data: Labelled, choosers: Sequence[str]) -> None:
    if unknown := sorted(set(choosers).difference(CHOOSERS)):
        raise InvalidInput(f"unknown chooser {unknown[0]!r}; there are {', '.join(CHOOSERS)}")
    if not any(each.role == "menu" for each in data.table.passes):
        raise InvalidInput("there are no chains to choose from; collect a menu of them")


def _claims(figures: RouteFigures) -> dict[str, str]:
    return {name: each.claim for name, each in figures.rules.items() if each.claim}


def _compare(
    splits: Sequence[RouteSplit], choosers: Sequence[str], seed: int, seconds_per_layer_call: float | None
) -> RouteFigures:
    """Every rule on the tests of all splits."""
    test = [part.test for part in splits]
    table = test[0].table
    tested, left_out = _test(splits, choosers, _roles(test[0]))
    hits = {name: each.hits for name, each in tested.items()}
    rules = {
        name: _figures(name, each, hits, table.num_layers, seconds_per_layer_call) for name, each in tested.items()
    }
    menu = [index for index, each in enumerate(table.passes) if each.role in ("identity", "menu")]
    oracle = np.concatenate([part.pass_right[:, menu].any(axis=1) for part in test])
    return RouteFigures(
        inputs=len(oracle),
        folds=len(splits),
        seed=seed,
        num_layers=table.num_layers,
        passes=tuple(str(each) for each in table.passes),
        oracle=measured_share(int(oracle.sum()), len(oracle)),
        rules=rules,
        left_out=left_out,
        permuted_claims=None,
        votes=_votes(test, tested),
    )


def _roles(data: Labelled) -> tuple[Role, ...]:
    present = {each.role for each in data.table.passes}
    return ("menu", *(role for role in PEERS if role in present))


def _test(
    splits: Sequence[RouteSplit], choosers: Iterable[str], roles: Sequence[Role]
) -> tuple[dict[str, _Tested], dict[str, str]]:
    """What every rule answered, by name (`gain`, `gain on random`), and why others couldn't be fitted."""
    wanted: list[tuple[str, Chooser, Role]] = [(name, each, "menu") for name, each in OPPONENTS.items()]
    wanted += [(_name(name, role), CHOOSERS[name], role) for name in choosers for role in roles]
    tested: dict[str, _Tested] = {}
    left_out: dict[str, str] = {}
    for name, chooser, role in wanted:
        found = _Tested()
        try:
            for part in splits:
                _run(found, chooser, part, role)
        except InvalidInput as error:
            left_out[name] = str(error)
        else:
            tested[name] = found
    return tested, left_out


def _name(chooser: str, role: Role) -> str:
    return chooser if role == "menu" else f"{chooser} on {role}"


def _run(found: _Tested, chooser: Chooser, part: RouteSplit, role: Role) -> None:
    columns = [i for i, each in enumerate(part.test.table.passes) if each.role in ("identity", role)]
    train, validation, test = (each.of_passes(columns) for each in (part.train, part.validation, part.test))
    rule, runs = chooser(train, validation), TableRuns(test.table)
    begun = time.perf_counter()
    choice = rule.choose(runs)
    seconds = time.perf_counter() - begun
    chosen = np.where(choice.chosen >= 0, np.array(columns)[choice.chosen], choice.chosen)
    found.add((choice.answers, chosen), test.judge(choice.answers), runs.layer_calls, seconds)


def _figures(
    name: str, found: _Tested, hits: dict[str, Bools], num_layers: int, seconds_per_layer_call: float | None
) -> RuleFigures:
    right, calls = found.hits, np.concatenate(found.calls)
    own = hits["identity"]
    mean = float(calls.mean())
    against = {other: compared(right, hits[other]) for other in _opponents(name, hits)}
    relative = mean / num_layers
    pace = None if seconds_per_layer_call is None else mean * seconds_per_layer_call + found.seconds / len(right)
    return RuleFigures(
        accuracy=measured_share(int(right.sum()), len(right)),
        layer_calls=mean,
        relative_layer_calls=relative,
        seconds=pace,
        rescued=int((right & ~own).sum()),
        broken=int((own & ~right).sum()),
        left_identity=float((np.concatenate(found.chosen) != 0).mean()),
        against=against,
        claim=claimed(against, relative) if name in CHOOSERS else "",
    )


def _opponents(name: str, hits: dict[str, Bools]) -> list[str]:
    """The fixed opponents, and the same chooser on other passes."""
    return [other for other in hits if other != name and (other in OPPONENTS or other.startswith(f"{name} on "))]


def compared(right: Bools, other: Bools) -> RuleComparison:
    """A rule's verdicts less those of another, on the same inputs."""
    counts = paired_counts(right, other)
    return RuleComparison(measured_difference(counts), mcnemar(counts.first, counts.second, "mid-p"))


def claimed(against: dict[str, RuleComparison], relative: float) -> str:
    """`better`, `cheaper` or nothing: against every identity, each with its paired interval."""
    intervals = [each.difference.interval for name, each in against.items() if name in OPPONENTS and name != "static"]
    least = min((-1.0 if interval is None else interval[0]) for interval in intervals)
    if least > 0 and relative <= DEAREST:
        return "better"
    return "cheaper" if least > NOT_WORSE and relative <= CHEAPER else ""


def _votes(test: Sequence[Labelled], tested: dict[str, _Tested]) -> tuple[Votes, ...]:
    """What each pass and each rule answered to every test input."""
    lines: list[Votes] = []
    for fold, part in enumerate(test):
        for row, name in enumerate(part.table.ids):
            answers = {rule: int(each.answers[fold][row]) for rule, each in tested.items()}
            chosen = {rule: int(each.chosen[fold][row]) for rule, each in tested.items()}
            right = tuple(int(i) for i in np.flatnonzero(part.right[row]))
            passes = tuple(int(answer) for answer in part.table.answers[row])
            lines.append(Votes(name, fold, right, passes, answers, chosen))
    return tuple(lines)
