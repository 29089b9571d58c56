"""Multiple choice with its options moved: does what was found belong to the answer, or to a letter? No torch.

The options of each input are moved up cyclically by 0, 1, ... places; the right one moves with them. Then

    identity, static chain   accuracy at each rotation, right at all of them, and the majority over rotations
    always A, always B, ...  what one would reach by never reading the question
    search                   does the best chain of each corrected input stay right at the other rotations? Beside it
                             the same for inputs that the identity gets right, for shortened ones, and for the hits of
                             the control: does a chain that hits a wrong option stay with that option?

A chain that was picked because it is right at one rotation will be right less often at the others, as anything is that
was picked by luck in part. So the yardsticks count: a correction that survives no more often than a hit of the control
shows nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from skiploop.chains.chain import Chain
from skiploop.engine.request import Result
from skiploop.errors import InvalidInput
from skiploop.stats.measured import Measured, measured_mean, measured_share
from skiploop.stats.shares import newcombe_independent
from skiploop.storage.files import Line
from skiploop.studies.controls.rotation_figures import (
    GROUPS,
    RotatedChain,
    RotationDifference,
    RotationFigures,
    Survival,
    SurvivalGroup,
)
from skiploop.studies.evaluation import shown_request, shown_verdict
from skiploop.studies.paired import bootstrapped
from skiploop.studies.results import InputResult
from skiploop.studies.worklist import Unit, Worklist
from skiploop.tasks import Example, Task
from skiploop.tasks.answers.text import letters


@dataclass(frozen=True, slots=True)
class Claim:
    """A chain that hit an option of an input, which is looked at again with its options moved.

    Attributes:
        group: one of `GROUPS`.
        example: the input; its gold option is the one that was hit, also where that is a wrong one.
        chain: what hit it.
    """

    group: str
    example: Example
    chain: Chain


def why_not(task: Task, examples: Sequence[Example]) -> str | None:
    """Why the options of these examples can't be moved; None if they can. Examples without options don't count."""
    having = tuple(example for example in examples if example.choices and example.gold is not None)
    if not having:
        return "not multiple choice"
    try:
        replace(task, examples=having).rotated(1)
    except InvalidInput as error:
        return str(error)
    return None


def rotations(task: Task, example: Example) -> list[Example]:
    """The example with its options moved up by 0, 1, ... places."""
    alone = replace(task, examples=(example,))
    return [alone.rotated(shift).examples[0] for shift in range(len(example.choices))]


def claims(task: Task, results: Sequence[InputResult], examples: Mapping[str, Example]) -> list[Claim]:
    """What a study claims: per input the best chain of the search where it is right, of the control where it hit."""
    found = []
    for result in results:
        example, chain = examples[result.example["id"]], result.search.best[0]
        if result.base_right:
            found.append(Claim("identity_right", example, result.search.evaluations[0][0]))
        if result.transition() in ("corrected", "right_shorter"):
            found.append(Claim(result.transition(), example, chain))
        control = result.arms.get("control")
        if control is not None and control.right and control.target is not None:
            aimed = _aimed_at(task, example, control.target)
            if aimed is not None:
                found.append(Claim("control_hit", aimed, control.best[0]))
    return found


def _aimed_at(task: Task, example: Example, target: str) -> Example | None:
    """The example with the control's wrong option in place of the right one; None if its target is no option."""
    names = letters(len(example.choices))
    if target in names and (task.scoring == "letter" or example.answer in names):
        return replace(example, gold=names.index(target), answer=target)
    if target in example.choices:
        return replace(example, gold=example.choices.index(target), answer=target)
    return None


def options_study(
    task: Task, test: Sequence[Example], *, chains: Mapping[str, Chain], claimed: Sequence[Claim], work: Worklist
) -> RotationFigures:
    """What becomes of answers when options move.

    Args:
        task: how answers are judged; `why_not` must be None.
        test: inputs on which chains are compared.
        chains: by name; `identity` must be one of them.
        claimed: what the study claims.
        work: runs all of it, or reads it from its journal.
    """
    units = [_unit(task, name, example, chain) for name, chain in chains.items() for example in test]
    units += [_unit(task, claim.group, claim.example, claim.chain) for claim in claimed]
    lines = work.run(units)
    work.finish()
    by_chain = {name: lines[i * len(test) : (i + 1) * len(test)] for i, name in enumerate(chains)}
    verdicts = {name: [_read(line) for line in own] for name, own in by_chain.items()}
    base = verdicts["identity"]
    return RotationFigures(
        test_inputs=len(test),
        seen_by_the_model=any(each.prompt != example.prompt for example in test for each in rotations(task, example)),
        always=_always(test),
        chains={name: _chain_figures(chains[name], own) for name, own in by_chain.items()},
        minus_identity={name: _minus(own, base) for name, own in verdicts.items() if name != "identity"},
        survival=survival(claimed, lines[len(chains) * len(test) :]),
    )


def _minus(own: Sequence[Verdicts], base: Sequence[Verdicts]) -> RotationDifference:
    return RotationDifference(
        bootstrapped([each.at_all for each in own], [each.at_all for each in base], seed=0),
        bootstrapped([each.by_majority for each in own], [each.by_majority for each in base], seed=0),
    )


def _unit(task: Task, name: str, example: Example, chain: Chain) -> Unit:
    moved = rotations(task, example)

    def judge(results: Sequence[Result]) -> Line:
        verdicts = [shown_verdict(task, each, result) for each, result in zip(moved, results, strict=True)]
        places = [_place(each, verdict.answer) for each, verdict in zip(moved, verdicts, strict=True)]
        return {"rewards": [each.reward for each in verdicts], "places": places, "gold": example.gold}

    key = {"what": name, "input": example.id, "chain": chain.to_json()}
    return Unit(key, tuple(shown_request(task, each, chain) for each in moved), judge)


def _place(example: Example, answer: str | None) -> int | None:
    """Where the option stands that was chosen, from 0; None: none of them."""
    names = letters(len(example.choices))
    if answer in example.choices:
        return example.choices.index(answer)
    return names.index(answer) if answer in names else None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of one input: right at all rotations; right by the majority of them (ties: the option chosen first)."""

    at_all: bool
    by_majority: bool


def _read(line: Line) -> Verdicts:
    count = len(line["rewards"])
    # The option in place p at shift s stood in place p + s of the original order.
    chosen = [(place + shift) % count for shift, place in enumerate(line["places"]) if place is not None]
    majority = Counter(chosen).most_common(1)[0][0] if chosen else None
    return Verdicts(min(line["rewards"]) >= 1, majority == line["gold"])


def _chain_figures(chain: Chain, lines: Sequence[Line]) -> RotatedChain:
    verdicts = [_read(line) for line in lines]
    shifts = range(max(len(line["rewards"]) for line in lines))
    per_shift = [[line["rewards"][shift] >= 1 for line in lines if shift < len(line["rewards"])] for shift in shifts]
    places = Counter(place for line in lines for place in line["places"])
    names, said = letters(len(shifts)), sum(places.values())
    return RotatedChain(
        notation=str(chain),
        by_rotation=tuple(measured_share(sum(right), len(right)) for right in per_shift),
        right_at_all=measured_share(sum(each.at_all for each in verdicts), len(verdicts)),
        majority=measured_share(sum(each.by_majority for each in verdicts), len(verdicts)),
        chosen_letters={name: places[i] / said for i, name in enumerate(names)} | {"none": places[None] / said},
    )


def _always(test: Sequence[Example]) -> dict[str, Measured]:
    names = letters(max(len(example.choices) for example in test))
    return {name: measured_share(sum(each.gold == i for each in test), len(test)) for i, name in enumerate(names)}


def survival(claimed: Sequence[Claim], lines: Sequence[Line]) -> Survival:
    """By group: how often what was right as it stood is right with its options moved."""
    rates: dict[str, list[float]] = {group: [] for group in GROUPS}
    for claim, line in zip(claimed, lines, strict=True):
        moved = line["rewards"][1:]
        rates[claim.group].append(sum(reward >= 1 for reward in moved) / len(moved))
    kept = {group: (sum(rate == 1.0 for rate in own), len(own)) for group, own in rates.items()}
    groups = {
        group: SurvivalGroup(len(own), measured_mean(own), measured_share(*kept[group])) for group, own in rates.items()
    }
    return Survival(
        **groups,
        corrected_minus_identity_right=_difference(kept["corrected"], kept["identity_right"]),
        corrected_minus_control_hit=_difference(kept["corrected"], kept["control_hit"]),
    )


def _difference(first: tuple[int, int], second: tuple[int, int]) -> Measured | None:
    """The difference of two shares of different inputs, with Newcombe's interval; None where a group is empty."""
    interval = newcombe_independent(*first, *second)
    if interval is None:
        return None
    return Measured(first[0] / first[1] - second[0] / second[1], interval, first[1] + second[1])
