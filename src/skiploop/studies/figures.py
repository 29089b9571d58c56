"""The figures of a study, from the results of its inputs: what summary.json has. No torch.

Every figure called *oracle* needs the gold answer to pick the chain. It isn't an accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from skiploop.chains.weights import layers_from_json
from skiploop.stats.measured import Measured, measured_share
from skiploop.stats.shares import share
from skiploop.storage.files import Line
from skiploop.storage.records import as_json
from skiploop.studies.arms import ARMS, PEERS
from skiploop.studies.equal_counts import SharedFigures, shared_figures
from skiploop.studies.format_failures import FormatFigures, format_figures
from skiploop.studies.paired import PairedDifference, paired
from skiploop.studies.results import TRANSITIONS, InputResult
from skiploop.studies.settings import StudySettings


@dataclass(frozen=True, slots=True)
class Transitions:
    """Inputs by what became of them; see `skiploop.studies.results`."""

    right_shorter: int
    corrected: int
    still_wrong: int
    identity_best: int

    @property
    def right(self) -> int:
        """Inputs that the identity gets right."""
        return self.right_shorter + self.identity_best

    @property
    def wrong(self) -> int:
        """Inputs that the identity gets wrong."""
        return self.corrected + self.still_wrong


@dataclass(frozen=True, slots=True)
class TransitionShares:
    """The same as shares of all inputs."""

    right_shorter: Measured
    corrected: Measured
    still_wrong: Measured
    identity_best: Measured


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """What a peer found.

    Attributes:
        oracle_accuracy: inputs for which some chain of the peer is right.
        shorter_share: of the inputs that the identity gets right, those with a shorter right chain.
        corrected_share: of the inputs that the identity gets wrong, those with a right chain.
        mean_best_depth: of the best chain of each input.
        difference: oracle accuracy of the search minus that of the peer.
    """

    oracle_accuracy: Measured
    shorter_share: Measured
    corrected_share: Measured
    mean_best_depth: float | None
    difference: PairedDifference


@dataclass(frozen=True, slots=True)
class ControlFigures:
    """What the search for a wrong answer found, on the inputs on which it was run: the identity gets all of them wrong.

    Attributes:
        inputs: their number.
        reached: those on which some chain gave the wrong answer that was aimed at.
        excess: share that the search corrects, minus `reached`.
    """

    inputs: int
    reached: Measured
    excess: Measured


@dataclass(frozen=True, slots=True)
class InputFigures:
    """The figures that are given in sum, by level and by family.

    Attributes:
        inputs: their number.
        base_accuracy: of the identity.
        oracle_accuracy: inputs for which some chain of the search is right.
        shorter_share: of the inputs that the identity gets right, those with a shorter right chain.
        corrected_share: of the inputs that the identity gets wrong, those with a right chain.
        mean_base_depth: of the identity; None without inputs.
        mean_best_depth: of the best chain of each input.
        transitions: inputs by what became of them.
        transition_shares: the same as shares.
        peers: by name, those that were run.
        control: what the search for a wrong answer found.
    """

    inputs: int
    base_accuracy: Measured
    oracle_accuracy: Measured
    shorter_share: Measured
    corrected_share: Measured
    mean_base_depth: float | None
    mean_best_depth: float | None
    transitions: Transitions
    transition_shares: TransitionShares
    peers: dict[str, PeerFigures]
    control: ControlFigures


@dataclass(frozen=True, slots=True)
class GroupFigures(InputFigures):
    """The figures of a part of the inputs; `group` is its level or its family, None where inputs have none."""

    group: int | str | None


@dataclass(frozen=True, slots=True)
class FormatFailures:
    """Base errors that are no readable answer at all, and how many of those some chain corrects."""

    errors: int
    corrected: int


@dataclass(frozen=True, slots=True)
class VerificationFigures:
    """Claims that were run again, alone.

    Attributes:
        reruns: their number, of all arms.
        flips: those that were wrong this time, and don't count.
        flip_rate: flips among the reruns; None where nothing was run again.
    """

    reruns: int
    flips: int
    flip_rate: float | None


@dataclass(frozen=True, slots=True)
class SearchFigures(InputFigures):
    """The figures of a study with chains for each input.

    Attributes:
        complete: whether the study was finished.
        model: its name.
        task: its name.
        searcher: its name.
        searcher_settings: all its constants.
        space: name of the space.
        budget: evaluations per input and arm; the most of one input where they are shared.
        shared: where inputs share a total budget; None where each has its own.
        seed: of the searchers.
        evaluations: of the search.
        evaluations_by_arm: of each arm.
        layer_calls: see `layer_calls`.
        right_chain_share: of the chains that an arm evaluated, without the identity, those that are right; a control's
            chain is right when it gives the wrong answer that was aimed at.
        right_chain_share_control_inputs: the same on the inputs of the control.
        format_failures: None where options are scored: one of them is always chosen.
        format: answers that can't be read, before and after; None where options are scored.
        metric: what decides between options, one of `skiploop.tasks.metrics.METRICS`; None where text is judged.
        base_by_metric: accuracy of the identity by every metric, before anything was run again; none for texts.
        verification: claims that were run again.
        by_level: the figures of each level.
        by_family: the figures of each family.
    """

    complete: bool
    model: str
    task: str
    searcher: str
    searcher_settings: dict[str, int | float]
    space: str
    budget: int
    shared: SharedFigures | None
    seed: int
    evaluations: int
    evaluations_by_arm: dict[str, int]
    layer_calls: int
    right_chain_share: dict[str, float | None]
    right_chain_share_control_inputs: dict[str, float | None]
    format_failures: FormatFailures | None
    format: FormatFigures | None
    metric: str | None
    base_by_metric: dict[str, Measured]
    verification: VerificationFigures
    by_level: tuple[GroupFigures, ...]
    by_family: tuple[GroupFigures, ...]

    def to_json(self) -> Line:
        """What summary.json has."""
        line: Line = as_json(self)
        return line


def search_figures(
    run: Mapping[str, Any],
    results: Sequence[InputResult],
    lines: Sequence[Line],
    *,
    complete: bool,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
) -> SearchFigures:
    """The figures of a study; the same for every attempt that leads to the same journal.

    Args:
        run: its run.json.
        results: of its inputs.
        lines: of its journal.
        complete: whether it was finished.
        metrics: by which metrics the identity is right, by input, where options are scored.
    """
    settings, scoring = StudySettings.from_json(run["settings"]), run["task"]["scoring"]
    controlled = _with_control(results)
    return SearchFigures(
        **_fields_of(_of_inputs(results)),
        complete=complete,
        model=run["model"]["name"],
        task=run["task"]["name"],
        searcher=settings.search.searcher,
        searcher_settings=dict(settings.search.searcher_settings),
        space=settings.space.name,
        budget=settings.search.budget,
        shared=None if (total := settings.search.total_budget) is None else shared_figures(total, results),
        seed=settings.search.seed,
        evaluations=_evaluations(results, "search"),
        evaluations_by_arm={arm: _evaluations(results, arm) for arm in _arms(results)},
        layer_calls=layer_calls(lines, verbatim=scoring == "verbatim"),
        right_chain_share={arm: _right_chain_share(results, arm) for arm in _arms(results)},
        right_chain_share_control_inputs={arm: _right_chain_share(controlled, arm) for arm in _arms(controlled)},
        format_failures=None if scoring in ("choice", "letter") else _format_failures(results),
        format=format_figures(results, lines, scoring=scoring),
        metric=run["task"]["metric"] if scoring in ("choice", "letter") else None,
        base_by_metric=_by_metric(list((metrics or {}).values())),
        verification=_verification(results),
        by_level=_groups(results, "level"),
        by_family=_groups(results, "family"),
    )


def layer_calls(lines: Sequence[Line], *, verbatim: bool) -> int:
    """Layers run on one sequence each: the depths of all chains that had to be run, summed.

    A chain that several arms ask for on one input is run once, except where the engine is only asked whether
    one particular answer comes out: then the control's is a run of its own. What the engine spares by
    sharing prefixes, and what it spends on several options or tokens, isn't in it (see timing.json).
    """
    distinct = {
        (line["input"], layers_from_json(line["chain"]), verbatim and line["arm"] == "control") for line in lines
    }
    return sum(len(chain) for _, chain, _ in distinct)


# Of all inputs, or of a group of them


def _fields_of(figures: InputFigures) -> dict[str, Any]:
    """By name, for figures that have them and more."""
    return {each.name: getattr(figures, each.name) for each in fields(InputFigures)}


def _of_inputs(results: Sequence[InputResult]) -> InputFigures:
    moves, count = _transitions(results, "search"), len(results)
    return InputFigures(
        inputs=count,
        base_accuracy=measured_share(moves.right, count),
        oracle_accuracy=measured_share(moves.right + moves.corrected, count),
        shorter_share=measured_share(moves.right_shorter, moves.right),
        corrected_share=measured_share(moves.corrected, moves.wrong),
        mean_base_depth=_mean([result.depth for result in results]),
        mean_best_depth=_mean([len(result.search.best[0]) for result in results]),
        transitions=moves,
        transition_shares=TransitionShares(
            **{name: measured_share(getattr(moves, name), count) for name in TRANSITIONS}
        ),
        peers={peer: _peer(own, peer) for peer in PEERS if (own := _with_arm(results, peer))},
        control=_control(_with_control(results)),
    )


def _groups(results: Sequence[InputResult], field: str) -> tuple[GroupFigures, ...]:
    order: Callable[[Any], tuple[bool, Any]] = lambda value: (value is None, value)  # noqa: E731
    groups = sorted({result.example[field] for result in results}, key=order)
    members = {group: [result for result in results if result.example[field] == group] for group in groups}
    return tuple(GroupFigures(**_fields_of(_of_inputs(own)), group=group) for group, own in members.items())


def _peer(results: Sequence[InputResult], peer: str) -> PeerFigures:
    """Of inputs that have this arm."""
    moves = _transitions(results, peer)
    return PeerFigures(
        oracle_accuracy=measured_share(moves.right + moves.corrected, len(results)),
        shorter_share=measured_share(moves.right_shorter, moves.right),
        corrected_share=measured_share(moves.corrected, moves.wrong),
        mean_best_depth=_mean([len(result.arms[peer].best[0]) for result in results]),
        difference=paired([each.search.right for each in results], [each.arms[peer].right for each in results]),
    )


def _control(results: Sequence[InputResult]) -> ControlFigures:
    """Of inputs that have a control: how much more often the right answer is reached than a particular wrong one."""
    right = [result.search.right for result in results]
    reached = [result.arms["control"].right for result in results]
    return ControlFigures(len(results), measured_share(sum(reached), len(results)), paired(right, reached).difference)


def _transitions(results: Sequence[InputResult], arm: str) -> Transitions:
    moves = [result.transition(arm) for result in results]
    return Transitions(**{name: moves.count(name) for name in TRANSITIONS})


def _with_arm(results: Sequence[InputResult], arm: str) -> list[InputResult]:
    return [result for result in results if arm in result.arms]


def _with_control(results: Sequence[InputResult]) -> list[InputResult]:
    return _with_arm(results, "control")


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None


# Of the whole study


def _format_failures(results: Sequence[InputResult]) -> FormatFailures:
    failed = [result for result in results if not result.base_right and result.answer is None]
    return FormatFailures(len(failed), sum(result.search.right for result in failed))


def _by_metric(metrics: Sequence[Mapping[str, float]]) -> dict[str, Measured]:
    """The accuracies of inputs that say by which metrics they are right."""
    names = dict.fromkeys(name for each in metrics for name in each)
    values = {name: [each[name] for each in metrics if name in each] for name in names}
    return {name: measured_share(int(sum(own)), len(own)) for name, own in values.items()}


def _verification(results: Sequence[InputResult]) -> VerificationFigures:
    reruns = [line for result in results for line in result.reruns]
    flips = sum(line["reward"] < 1 for line in reruns)
    return VerificationFigures(len(reruns), flips, share(flips, len(reruns)))


def _arms(results: Sequence[InputResult]) -> list[str]:
    return [name for name in ARMS if _with_arm(results, name)]


def _evaluations(results: Sequence[InputResult], arm: str) -> int:
    return sum(len(result.arms[arm].evaluations) for result in _with_arm(results, arm))


def _right_chain_share(results: Sequence[InputResult], arm: str) -> float | None:
    own = [result.arms[arm] for result in _with_arm(results, arm)]
    return share(sum(each.right_chains for each in own), sum(len(each.evaluations) - 1 for each in own))
