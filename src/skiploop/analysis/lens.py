"""Logit lens along a chain: what the model would say after each slot (Bigram subnetworks, arXiv 2504.15471).

The hidden state after each slot goes through the final norm and the head; at the last slot that gives the model's own
logits. One position of each input is looked at. Where exactly one text is right (verbatim scoring) it is the first
token at which the identity leaves the gold answer, all tokens before it being given; where it never does, the one at
which it is least sure. For all other tasks it is the first token after the prompt. The *gold* token is the gold
answer's there, the *identity* token is what the identity says there. Where the identity is right the two are one.

The *turn* of a chain is the first slot from which on the most likely token stays the final one: there the state has
turned from input to output. Chains have different lengths; curves are read at 1/L, 2/L, ..., 1 of each chain's slots,
which for the identity are its layers.

Norm and head were trained on the last layer only, so that early slots may know more than they show. The best chain of a
corrected input was chosen because it is right there: that the gold token wins at its end is no finding, where on the
way it does may be one. Right and wrong inputs differ in more than their being right (level, position looked at).

`lens.json`:

    version, name, settings {inputs, resamples, seed}, n (inputs), positions (grid, L numbers)
    groups      identity_right, identity_wrong (the identity, by whether it is right), corrected, shorter (the best
                chains of these transitions), corrected_identity, still_wrong_identity (the identity on the inputs that
                are corrected, and on those for which nothing right was found):
        n           inputs
        curves      {gold_probability, gold_rank, identity_probability, identity_rank, entropy}: L figures each;
                    ranks from 1, entropy in nats
        turn        figure, in shares of the chain
    turn_difference figure, turn of the best chain less that of the identity, on corrected inputs
    letters     null, or for each letter of multiple choice {letter, n, predicted, gold (shares), difference,
                interval}: how much oftener the identity answers with this option than it is right
    inputs      [{input, group, chain, position, gold, identity (tokens), turn (slot, from 1),
                gold_probability, gold_rank, identity_probability, identity_rank, entropy [one per slot]}]

Shapes: N slots, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from skiploop.analysis.similarity import gold_continuation
from skiploop.analysis.states import states_after_slots
from skiploop.analysis.subject import Subject
from skiploop.chains.chain import Chain
from skiploop.models.layered import LayeredModel
from skiploop.models.recorded_calls import head
from skiploop.stats.intervals import Figure, mean_figure
from skiploop.stats.shares import newcombe_paired, paired_counts
from skiploop.studies.results import InputResult
from skiploop.tasks import Example, Task
from skiploop.tasks.answers.text import letters
from skiploop.validate import whole_number

VERSION = 1
CURVES = ("gold_probability", "gold_rank", "identity_probability", "identity_rank", "entropy")


@dataclass(frozen=True, slots=True, kw_only=True)
class LensSettings:
    """On how many inputs it is looked through.

    Attributes:
        inputs: most inputs, the first of the study.
        resamples: of the bootstrap.
        seed: of the resamples.
    """

    inputs: int = 256
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("inputs", self.inputs, 2)
        whole_number("resamples", self.resamples, 1)


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


def analyse(subject: Subject, settings: LensSettings | None = None) -> dict[str, Any]:
    """What goes into lens.json."""
    settings = settings or LensSettings()
    lines = []
    for result in subject.inputs[: settings.inputs]:
        place = find_place(subject.model, subject.task, subject.example(result.example["id"]))
        for group, chain in _chosen(result):
            found = curves(subject.model, place, chain)
            about = {"input": result.example["id"], "group": group, "chain": list(chain)}
            lines.append(about | {"position": place.position, "gold": place.gold, "identity": place.said} | found)
    groups = {name: [line for line in lines if line["group"] in names] for name, names in _GROUPS.items()}
    corrected = {line["input"] for line in groups["corrected"]}
    wrong = groups["identity_wrong"]
    groups["corrected_identity"] = [line for line in wrong if line["input"] in corrected]
    groups["still_wrong_identity"] = [line for line in wrong if line["input"] not in corrected]
    grid = subject.space.num_layers
    return {
        "version": VERSION,
        "name": "lens",
        "settings": asdict(settings),
        "n": len({line["input"] for line in lines}),
        "positions": [(number + 1) / grid for number in range(grid)],
        "groups": {name: _group(members, grid, settings) for name, members in groups.items()},
        "turn_difference": _turn_difference(groups, settings),
        "letters": letter_bias(subject.task, subject.inputs),
        "inputs": lines,
    }


_GROUPS = {
    "identity_right": ("identity_right",),
    "identity_wrong": ("identity_wrong",),
    "corrected": ("corrected",),
    "shorter": ("shorter",),
}


def _chosen(result: InputResult) -> list[tuple[str, Chain]]:
    identity = result.search.evaluations[0][0]
    found = [("identity_right" if result.base_right else "identity_wrong", identity)]
    name = {"corrected": "corrected", "right_shorter": "shorter"}.get(result.transition())
    return found if name is None else [*found, (name, result.search.best[0])]


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


def curves(model: LayeredModel, place: Place, chain: Chain) -> dict[str, Any]:
    """Probability and rank of the two tokens, the entropy, at each slot, and the turn."""
    logits = lens_logits(model, place.ids, chain)
    logs = logits.log_softmax(-1)
    top = logits.argmax(-1).tolist()
    found: dict[str, Any] = {"turn": turn(top)}
    for name, token in (("gold", place.gold), ("identity", place.said)):
        found[f"{name}_probability"] = logs[:, token].exp().tolist()
        found[f"{name}_rank"] = (1 + (logits > logits[:, token, None]).sum(-1)).tolist()
    found["entropy"] = (-(logs.exp() * logs.clamp_min(-1e4)).sum(-1)).tolist()
    return found


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


def _group(lines: Sequence[dict[str, Any]], grid: int, settings: LensSettings) -> dict[str, Any]:
    def curve(name: str) -> list[Figure]:
        rows = [at_grid(line[name], grid) for line in lines]
        return [
            mean_figure([row[number] for row in rows], resamples=settings.resamples, seed=settings.seed)
            for number in range(grid)
        ]

    turns = [line["turn"] / len(line["chain"]) for line in lines]
    return {
        "n": len(lines),
        "curves": {name: curve(name) for name in CURVES},
        "turn": mean_figure(turns, resamples=settings.resamples, seed=settings.seed),
    }


def _turn_difference(groups: dict[str, list[dict[str, Any]]], settings: LensSettings) -> Figure:
    base = {line["input"]: line["turn"] / len(line["chain"]) for line in groups["corrected_identity"]}
    own = {line["input"]: line["turn"] / len(line["chain"]) for line in groups["corrected"]}
    return mean_figure([own[name] - base[name] for name in own], resamples=settings.resamples, seed=settings.seed)


def letter_bias(task: Task, results: Sequence[InputResult]) -> list[dict[str, Any]] | None:
    """How often the identity chooses each option by its place, beside how often it is right there.

    Paired over inputs (Newcombe); None where no options are scored. Options of inputs with fewer options count as
    never chosen and never right.
    """
    if not task.scores_options:
        return None
    chosen = [(_option(task, result), result.example["gold"]) for result in results]
    most = max(len(result.example["choices"]) for result in results)
    rows = []
    for number, letter in enumerate(letters(most)):
        counts = paired_counts([said == number for said, _ in chosen], [gold == number for _, gold in chosen])
        both, first, second, _ = counts
        total = len(chosen)
        rows.append(
            {
                "letter": letter,
                "n": total,
                "predicted": (both + first) / total,
                "gold": (both + second) / total,
                "difference": (first - second) / total,
                "interval": list(newcombe_paired(*counts) or ()) or None,
            }
        )
    return rows


def _option(task: Task, result: InputResult) -> int | None:
    if result.answer is None:
        return None
    choices = result.example["choices"]
    names = letters(len(choices)) if task.scoring == "letter" else choices
    return list(names).index(result.answer)
