"""Multiple choice with its options moved: does what was found belong to the answer, or to a letter? No torch.

The options of each input are moved up cyclically by 0, 1, ... places; the right one moves with them. Then

    identity, static chain   accuracy at each rotation, right at all of them, and the majority over rotations
    always A, always B, ...  what one would reach by never reading the question
    search                   does the best chain of each corrected input stay right at the other rotations? Beside it
                             the same for inputs that the identity gets right, for shortened ones, and for the hits of
                             the control: does a chain that hits a wrong option stay with that option?

A chain that was picked because it is right at one rotation will be right less often at the others, as anything is that
was picked by luck in part. So the yardsticks count: a correction that survives no oftener than a hit of the control
shows nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.request import Result, Runner
from skiploop.errors import InvalidInput
from skiploop.stats.measured import measured_mean
from skiploop.stats.shares import newcombe_independent, share, wilson
from skiploop.storage.files import Line
from skiploop.storage.journal import Journal
from skiploop.studies.controls.sampling import paired
from skiploop.studies.evaluation import shown_request, shown_verdict
from skiploop.studies.progress import Progress
from skiploop.studies.results import InputResult
from skiploop.studies.worklist import Unit, Worklist
from skiploop.tasks import Example, Task
from skiploop.tasks.answers.text import letters

GROUPS = ("identity_right", "corrected", "right_shorter", "control_hit")


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
    task: Task,
    test: Sequence[Example],
    chains: Mapping[str, Chain],
    found: Sequence[Claim],
    *,
    runner: Runner,
    journal: Journal,
    per_call: int = 1024,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The figures, ready for JSON.

    Args:
        task: how answers are judged; `why_not` must be None.
        test: inputs on which chains are compared.
        chains: by name; `identity` must be one of them.
        found: what the study claims.
        runner: evaluates.
        journal: what was run already.
        per_call: about how many requests go into one call of the runner.
        progress: is told how far it is.
    """
    work = Worklist(runner, journal, per_call=per_call, progress=progress)
    units = [_unit(task, name, example, chain) for name, chain in chains.items() for example in test]
    units += [_unit(task, claim.group, claim.example, claim.chain) for claim in found]
    lines = work.run(units)
    work.finish()
    per_chain = {name: lines[i * len(test) : (i + 1) * len(test)] for i, name in enumerate(chains)}
    claimed = lines[len(chains) * len(test) :]
    moved = any(each.prompt != example.prompt for example in test for each in rotations(task, example))
    figures = {name: _chain_figures(own) | {"notation": str(chains[name])} for name, own in per_chain.items()}
    return {
        "kind": "options",
        "test_inputs": len(test),
        "seen_by_the_model": moved,
        "always": _always(test),
        "chains": figures,
        "minus_identity": {
            name: {
                how: paired([each[how] for each in map(_read, own)], [each[how] for each in _base(per_chain)], seed=0)
                for how in ("all", "majority")
            }
            for name, own in per_chain.items()
            if name != "identity"
        },
        "survival": _survival(found, claimed),
    }


def _base(per_chain: Mapping[str, list[Line]]) -> list[dict[str, bool]]:
    return [_read(line) for line in per_chain["identity"]]


def _unit(task: Task, name: str, example: Example, chain: Chain) -> Unit:
    moved = rotations(task, example)

    def judge(results: Sequence[Result]) -> Line:
        verdicts = [shown_verdict(task, each, result) for each, result in zip(moved, results, strict=True)]
        places = [_place(each, verdict.answer) for each, verdict in zip(moved, verdicts, strict=True)]
        return {"rewards": [each.reward for each in verdicts], "places": places, "gold": example.gold}

    key = {"what": name, "input": example.id, "chain": list(chain)}
    return Unit(key, tuple(shown_request(task, each, chain) for each in moved), judge)


def _place(example: Example, answer: str | None) -> int | None:
    """Where the option stands that was chosen, from 0; None: none of them."""
    names = letters(len(example.choices))
    if answer in example.choices:
        return example.choices.index(answer)
    return names.index(answer) if answer in names else None


def _read(line: Line) -> dict[str, bool]:
    """Right at all rotations; right by the majority of rotations (ties: the option chosen first)."""
    count = len(line["rewards"])
    # The option in place p at shift s stood in place p + s of the original order.
    chosen = [(place + shift) % count for shift, place in enumerate(line["places"]) if place is not None]
    majority = Counter(chosen).most_common(1)[0][0] if chosen else None
    return {"all": min(line["rewards"]) >= 1, "majority": majority == line["gold"]}


def _chain_figures(lines: Sequence[Line]) -> dict[str, Any]:
    read = [_read(line) for line in lines]
    shifts = range(max(len(line["rewards"]) for line in lines))
    per_shift = [[line["rewards"][shift] >= 1 for line in lines if shift < len(line["rewards"])] for shift in shifts]
    places = Counter(place for line in lines for place in line["places"])
    names, said = letters(len(shifts)), sum(places.values())
    return {
        "by_rotation": [_shared(sum(right), len(right)) for right in per_shift],
        "right_at_all": _shared(sum(each["all"] for each in read), len(read)),
        "majority": _shared(sum(each["majority"] for each in read), len(read)),
        # Over all rotations the right option stands in each place equally often, so a reader has equal shares here.
        "chosen_letters": {name: places[i] / said for i, name in enumerate(names)} | {"none": places[None] / said},
    }


def _always(test: Sequence[Example]) -> dict[str, Any]:
    """What is right by always giving one letter, with the options where they stand in the data."""
    names = letters(max(len(example.choices) for example in test))
    return {name: _shared(sum(each.gold == i for each in test), len(test)) for i, name in enumerate(names)}


def _shared(part: int, whole: int) -> dict[str, Any]:
    return {"share": share(part, whole), "interval": wilson(part, whole)}


def _survival(found: Sequence[Claim], lines: Sequence[Line]) -> dict[str, Any]:
    """By group: how often what was right as it stood is right with its options moved."""
    figures: dict[str, Any] = {}
    outcomes: dict[str, list[float]] = {}
    kept: dict[str, tuple[int, int]] = {}
    for group in GROUPS:
        own = [line["rewards"][1:] for claim, line in zip(found, lines, strict=True) if claim.group == group]
        rates = [sum(reward >= 1 for reward in rewards) / len(rewards) for rewards in own]
        whole = sum(rate == 1.0 for rate in rates)
        outcomes[group], kept[group] = rates, (whole, len(rates))
        figures[group] = {
            "inputs": len(own),
            "rate": sum(rates) / len(rates) if rates else None,
            "rate_interval": measured_mean(rates).to_json()["interval"],
            "all": share(whole, len(rates)),
            "all_interval": wilson(whole, len(rates)),
        }
    for yardstick in ("identity_right", "control_hit"):
        interval = newcombe_independent(*kept["corrected"], *kept[yardstick])
        values = figures["corrected"]["all"], figures[yardstick]["all"]
        figures[f"corrected_minus_{yardstick}"] = (
            None if None in values or interval is None else {"all": values[0] - values[1], "interval": list(interval)}
        )
    return figures
