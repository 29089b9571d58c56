"""Logit lens along a chain: what the model would say after each slot (Bigram subnetworks, arXiv 2504.15471).

The hidden state after each slot goes through the final norm and the head; at the last slot that gives the model's own
logits. One position of each input is looked at. Where exactly one text is right (verbatim scoring) it is the first
token at which the identity leaves the gold answer, all tokens before it being given; where it never does, the one at
which it is least certain. For all other tasks it is the first token after the prompt. The *gold* token is the gold
answer's there, the *identity* token is what the identity says there. Where the identity is right the two are one.

The *turn* of a chain is the first slot from which on the most likely token stays the final one: there the state has
turned from input to output. Chains have different lengths; curves are read at 1/L, 2/L, ..., 1 of each chain's slots,
which for the identity are its layers.

Norm and head were trained on the last layer only, so that early slots may know more than they show. The best chain of a
corrected input was chosen because it is right there: that the gold token wins at its end is no finding, where on the
way it does may be one. Right and wrong inputs differ in more than their being right (level, position looked at).

Shapes: N slots, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from skiploop.analysis.figures.lens import (
    InputLens,
    LensCurves,
    LensFigures,
    LensGroup,
    LensGroups,
    LetterBias,
    SlotCurves,
)
from skiploop.analysis.settings import LensSettings
from skiploop.analysis.similarity import gold_continuation
from skiploop.analysis.subject import Subject
from skiploop.chains.chain import Chain
from skiploop.models.layered import LayeredModel
from skiploop.models.recorded_calls import head
from skiploop.models.states import states_after_slots
from skiploop.stats.measured import Measured, measured_difference, measured_mean
from skiploop.stats.shares import paired_counts
from skiploop.studies.results import InputResult
from skiploop.tasks import Example, Task
from skiploop.tasks.answers.text import letters

VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where an input is looked at.

    Attributes:
        ids: the tokens before the position.
        position: tokens of the gold answer among them.
        gold: the gold answer's token that comes next.
        said: the identity's.
    """

    ids: tuple[int, ...]
    position: int
    gold: int
    said: int


def analyse(subject: Subject, settings: LensSettings | None = None) -> LensFigures:
    """The figures of lens.json."""
    settings = settings or LensSettings()
    lines: list[InputLens] = []
    for result in subject.inputs[: settings.inputs]:
        name = result.example["id"]
        place = find_place(subject.model, subject.task, subject.example(name))
        for kind, chain in _chosen(result):
            slots = curves(subject.model, place, chain)
            lines.append(InputLens(name, kind, chain.layers, place.position, place.gold, place.said, slots))
    corrected = [line for line in lines if line.group == "corrected"]
    names = {line.input for line in corrected}
    wrong = [line for line in lines if line.group == "identity_wrong"]
    corrected_identity = [line for line in wrong if line.input in names]
    grid = subject.space.num_layers

    def group(members: Sequence[InputLens]) -> LensGroup:
        return _group(members, grid, settings)

    return LensFigures(
        VERSION,
        "lens",
        settings,
        len({line.input for line in lines}),
        positions=tuple((number + 1) / grid for number in range(grid)),
        groups=LensGroups(
            identity_right=group([line for line in lines if line.group == "identity_right"]),
            identity_wrong=group(wrong),
            corrected=group(corrected),
            shorter=group([line for line in lines if line.group == "shorter"]),
            corrected_identity=group(corrected_identity),
            still_wrong_identity=group([line for line in wrong if line.input not in names]),
        ),
        turn_difference=_turn_difference(corrected, corrected_identity, settings),
        letters=letter_bias(subject.task, subject.inputs),
        inputs=tuple(lines),
    )


def _chosen(result: InputResult) -> list[tuple[str, Chain]]:
    """The chains of an input that are looked at, by group."""
    chosen = [("identity_right" if result.base_right else "identity_wrong", result.search.evaluations[0][0])]
    name = {"corrected": "corrected", "right_shorter": "shorter"}.get(result.transition())
    return chosen if name is None else [*chosen, (name, result.search.best[0])]


def find_place(model: LayeredModel, task: Task, example: Example) -> Place:
    """The position at which an input is looked at; see the head of this file."""
    prompt, answer = model.encode_pair(example.prompt, gold_continuation(task, example))
    wanted = [*answer, *model.eos_ids[:1]] if task.verbatim else answer[:1]
    sequence = [*prompt, *wanted[:-1]]
    logits = model.logits(torch.tensor([sequence]))[0, len(prompt) - 1 :].float()
    said = logits.argmax(-1).tolist()
    ends = set(model.eos_ids)
    left = (i for i, (own, gold) in enumerate(zip(said, wanted, strict=True)) if own != gold and {own, gold} - ends)
    sure = logits.log_softmax(-1)[torch.arange(len(wanted)), wanted]
    position = next(left, int(sure.argmin()))
    return Place(tuple(sequence[: len(prompt) + position]), position, wanted[position], said[position])


def lens_logits(model: LayeredModel, ids: Sequence[int], chain: Chain) -> torch.Tensor:
    """What the last token's state after each slot says through the final norm and the head, [N, V]."""
    states = states_after_slots(model, ids, chain, positions=[len(ids) - 1])[1:, 0]
    with torch.inference_mode():
        return head(model.hf, states).float()


def curves(model: LayeredModel, place: Place, chain: Chain) -> SlotCurves:
    """Probability and rank of the two tokens and the entropy at each slot, and the turn."""
    logits = lens_logits(model, place.ids, chain)
    logs = logits.log_softmax(-1)

    def probability(token: int) -> tuple[float, ...]:
        return tuple(logs[:, token].exp().tolist())

    def rank(token: int) -> tuple[int, ...]:
        return tuple((1 + (logits > logits[:, token, None]).sum(-1)).tolist())

    return SlotCurves(
        turn(logits.argmax(-1).tolist()),
        gold_probability=probability(place.gold),
        gold_rank=rank(place.gold),
        identity_probability=probability(place.said),
        identity_rank=rank(place.said),
        entropy=tuple((-(logs.exp() * logs.clamp_min(-1e4)).sum(-1)).tolist()),
    )


def turn(top: Sequence[int]) -> int:
    """The first slot, from 1, from which on the most likely token stays the final one."""
    slot = len(top)
    while slot > 1 and top[slot - 2] == top[-1]:
        slot -= 1
    return slot


def at_grid(values: Sequence[float], grid: int) -> list[float]:
    """A curve over slots, read at 1/grid, 2/grid, ..., 1 of them; the last slot is always the last point."""
    slots = len(values)
    return [values[-(-slots * (number + 1) // grid) - 1] for number in range(grid)]


def _group(lines: Sequence[InputLens], grid: int, settings: LensSettings) -> LensGroup:
    def mean(values: Sequence[float]) -> Measured:
        return measured_mean(values, resamples=settings.resamples, seed=settings.seed)

    def curve(own: Sequence[Sequence[float]]) -> tuple[Measured, ...]:
        rows = [at_grid(values, grid) for values in own]
        return tuple(mean([row[number] for row in rows]) for number in range(grid))

    slots = [line.slots for line in lines]
    return LensGroup(
        len(lines),
        LensCurves(
            gold_probability=curve([each.gold_probability for each in slots]),
            gold_rank=curve([each.gold_rank for each in slots]),
            identity_probability=curve([each.identity_probability for each in slots]),
            identity_rank=curve([each.identity_rank for each in slots]),
            entropy=curve([each.entropy for each in slots]),
        ),
        turn=mean([_turn_share(line) for line in lines]),
    )


def _turn_share(line: InputLens) -> float:
    return line.slots.turn / len(line.chain)


def _turn_difference(own: Sequence[InputLens], base: Sequence[InputLens], settings: LensSettings) -> Measured:
    of_identity = {line.input: _turn_share(line) for line in base}
    differences = [_turn_share(line) - of_identity[line.input] for line in own]
    return measured_mean(differences, resamples=settings.resamples, seed=settings.seed)


def letter_bias(task: Task, results: Sequence[InputResult]) -> tuple[LetterBias, ...] | None:
    """How often the identity chooses each option by its place, beside how often it is right there.

    Paired over inputs (Newcombe); None where no options are scored. On inputs with fewer options the missing ones count
    as never chosen and never right.
    """
    if not task.scores_options:
        return None
    chosen = [(_option(task, result), result.example["gold"]) for result in results]
    most = max(len(result.example["choices"]) for result in results)
    rows = []
    for number, letter in enumerate(letters(most)):
        counts = paired_counts([said == number for said, _ in chosen], [gold == number for _, gold in chosen])
        predicted, gold = ((counts.both + only) / len(chosen) for only in (counts.first, counts.second))
        rows.append(LetterBias(letter, predicted, gold, measured_difference(counts)))
    return tuple(rows)


def _option(task: Task, result: InputResult) -> int | None:
    if result.answer is None:
        return None
    choices = result.example["choices"]
    names = letters(len(choices)) if task.scoring == "letter" else choices
    return list(names).index(result.answer)
