"""Which edits of a found chain do the work: undone, alone, and minimal sets (SCCM, arXiv 2510.23482).

Two questions that are kept apart:

*Within the chain that was found* (`corrected`, `shorter`). Undo each edit: is the answer still right (necessity)? Keep
only it: is it right (sufficiency)? Delta debugging finds a minimal sufficient set. The chain was chosen because it is
right on this very input, so that undoing an edit can only do harm: answers drawn at random look necessary, too. These
figures describe chains; they are no evidence of an effect. A chain of one edit says nothing at all (undone it is the
identity, which is wrong), and is left out of necessity and sufficiency.

*Over inputs* (`effects`). An edit (type, layer), one layer skipped or run twice, is done alone on *all* inputs of the
study, and compared with the identity. Nothing was selected here: not the inputs, not the edits (all that the space
has). It counts when both hold:

    the bootstrap interval of the mean difference excludes 0 at the level 1 - alpha / m, for m edits (Bonferroni)
    Holm's correction of m exact sign-flip tests stays below alpha

The second is there because a bootstrap of few, rarely differing inputs is too narrow. Either alone keeps the
probability of any false edit below alpha; where answers are random, both say nothing.

`edits.json`:

    version, name, settings {alpha, resamples, inputs, seed}, n (inputs of the effects)
    corrected   n, one_edit (chains of a single edit), edits, minimal, necessity, sufficiency, whole: figures
                (edits of a chain; edits of its minimal set; shares of edits; share of chains that are minimal)
    shorter     n, alone (share of edits that keep the answer right alone), needed (share whose undoing spoils it)
    layers      [{kind, layer, chains, minimal, necessity}]: in how many corrected chains, in how many minimal sets
    effects     [{kind, layer, n, value, interval, level, p, p_holm, counts}], value > 0: it helps
    counted     {helps: ["skip 3"], hurts: [...]}
    inputs      [{input, transition, chain, edits [text], undone [reward], alone [reward], minimal [text] or null}]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from skiploop.analysis.minimise import ddmin, lockstep
from skiploop.analysis.subject import Evaluate, Subject
from skiploop.analysis.subsets import single_edit, with_edits
from skiploop.chains.chain import Chain
from skiploop.chains.edits import LayerEdit
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.stats.bootstrap import bootstrap, sign_flip_test
from skiploop.stats.intervals import holm, mean_figure, pooled_figure, share_figure
from skiploop.validate import whole_number

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EditSettings:
    """How edits are tested.

    Attributes:
        alpha: probability of any false edit among those that count.
        resamples: of the bootstrap, and random signs of the test; enough for intervals at 1 - alpha / m.
        inputs: most inputs on which edits are done alone, the first of the study; None: all.
        seed: of the resamples.
    """

    alpha: float = 0.05
    resamples: int = 19999
    inputs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InvalidInput(f"alpha={self.alpha!r} isn't between 0 and 1; use for instance 0.05")
        whole_number("resamples", self.resamples, 1)
        if self.inputs is not None:
            whole_number("inputs", self.inputs, 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """A right chain that was found for an input.

    Attributes:
        input: its id.
        chain: the chain; not the identity.
        corrected: the identity is wrong.
    """

    input: str
    chain: Chain
    corrected: bool


@dataclass(frozen=True, slots=True)
class Traced:
    """What became of a finding when its edits were undone.

    Attributes:
        finding: the input and its chain.
        edits: of the chain, E of them.
        undone: the reward without each edit, [E].
        alone: the reward with only that edit, [E].
        minimal: numbers of the edits in a minimal sufficient set; None where no edit is needed (the identity is right).
    """

    finding: Finding
    edits: tuple[LayerEdit, ...]
    undone: tuple[float, ...]
    alone: tuple[float, ...]
    minimal: tuple[int, ...] | None


def analyse(subject: Subject, settings: EditSettings | None = None) -> dict[str, Any]:
    """What goes into edits.json."""
    settings = settings or EditSettings()
    traced = trace_edits(_findings(subject), subject.evaluate)
    names = [result.example["id"] for result in subject.inputs][: settings.inputs]
    edits = edits_of(subject.space)
    effects = layer_effects(names, edits, subject.evaluate, num_layers=subject.space.num_layers, settings=settings)
    return report(traced, effects, settings) | {"n": len(names)}


def trace_edits(findings: Sequence[Finding], evaluate: Evaluate) -> list[Traced]:
    """Undoes each edit of each chain, keeps only it, and looks for minimal sufficient sets."""
    edits = [finding.chain.edits() for finding in findings]
    numbers = [range(len(each)) for each in edits]
    wanted = [
        (finding.input, with_edits(finding.chain, kept))
        for finding, own in zip(findings, numbers, strict=True)
        for number in own
        for kept in (set(own) - {number}, {number})
    ]
    rewards = iter(evaluate(wanted))
    pairs = [[(next(rewards), next(rewards)) for _ in own] for own in numbers]
    minimal = _minimal(findings, evaluate)
    return [
        Traced(finding, own, tuple(undone for undone, _ in both), tuple(alone for _, alone in both), found)
        for finding, own, both, found in zip(findings, edits, pairs, minimal, strict=True)
    ]


def _minimal(findings: Sequence[Finding], evaluate: Evaluate) -> list[tuple[int, ...] | None]:
    places = [i for i, finding in enumerate(findings) if finding.corrected]

    def enough(asked: list[tuple[int, tuple[int, ...]]]) -> list[bool]:
        chosen = [(findings[places[number]], kept) for number, kept in asked]
        rewards = evaluate([(finding.input, with_edits(finding.chain, kept)) for finding, kept in chosen])
        return [reward >= 1 for reward in rewards]

    searches = [ddmin(range(len(findings[i].chain.edits()))) for i in places]
    found = dict(zip(places, lockstep(searches, enough), strict=True))
    return [found.get(i) for i in range(len(findings))]


# Effects over inputs


def edits_of(space: Space) -> list[tuple[str, int]]:
    """The edits of one layer that the space has: ("skip", layer), ("loop", layer)."""
    both = [(kind, layer) for kind in ("skip", "loop") for layer in range(space.num_layers)]
    possible = [each for each in both if each != ("skip", 0) or space.num_layers > 1]  # nothing would be left
    return [each for each in possible if single_edit(*each, space.num_layers) in space]


def layer_effects(
    names: Sequence[str],
    edits: Sequence[tuple[str, int]],
    evaluate: Evaluate,
    *,
    num_layers: int,
    settings: EditSettings | None = None,
) -> list[dict[str, Any]]:
    """The effect of each edit alone on the mean reward of all inputs, with simultaneous intervals.

    Args:
        names: ids of the inputs; which ones mustn't depend on what was found.
        edits: type and layer.
        evaluate: rewards of pairs of input and chain.
        num_layers: L.
        settings: level and resamples.
    """
    settings = settings or EditSettings()
    if len(names) < 2 or not edits:
        return []
    chains = [Chain.identity(num_layers), *(single_edit(*each, num_layers) for each in edits)]
    rewards = list(evaluate([(name, chain) for chain in chains for name in names]))
    rows = [rewards[i : i + len(names)] for i in range(0, len(rewards), len(names))]
    differences = [[new - old for new, old in zip(row, rows[0], strict=True)] for row in rows[1:]]
    level = 1 - settings.alpha / len(edits)
    flips = [sign_flip_test(each, resamples=settings.resamples, seed=settings.seed) for each in differences]
    found = []
    for edit, each, p, adjusted in zip(edits, differences, flips, holm(flips), strict=True):
        estimate = bootstrap(each, level=level, method="percentile", resamples=settings.resamples, seed=settings.seed)
        found.append(
            {
                "kind": edit[0],
                "layer": edit[1],
                "n": len(names),
                "value": estimate.value,
                "interval": list(estimate.interval),
                "level": level,
                "p": p,
                "p_holm": adjusted,
                "counts": estimate.interval.excludes(0.0) and adjusted < settings.alpha,
            }
        )
    return found


# The report


def report(
    traced: Sequence[Traced], effects: Sequence[dict[str, Any]], settings: EditSettings | None = None
) -> dict[str, Any]:
    """What was found, in sum; `n` comes on top."""
    settings = settings or EditSettings()
    counted: dict[str, list[str]] = {"helps": [], "hurts": []}
    for effect in effects:
        if effect["counts"]:
            counted["helps" if effect["value"] > 0 else "hurts"].append(f"{effect['kind']} {effect['layer']}")
    return {
        "version": VERSION,
        "name": "edits",
        "settings": asdict(settings),
        "corrected": _corrected([each for each in traced if each.finding.corrected]),
        "shorter": _shorter([each for each in traced if not each.finding.corrected]),
        "layers": _layers([each for each in traced if each.finding.corrected]),
        "effects": list(effects),
        "counted": counted,
        "inputs": [_line(each) for each in traced],
    }


def _corrected(traced: Sequence[Traced]) -> dict[str, Any]:
    several = [each for each in traced if len(each.edits) > 1]
    sizes = [len(each.minimal or ()) for each in traced]
    whole = sum(len(each.minimal or ()) == len(each.edits) for each in traced)
    return {
        "n": len(traced),
        "one_edit": len(traced) - len(several),
        "edits": mean_figure([len(each.edits) for each in traced]),
        "minimal": mean_figure(sizes),
        "whole": share_figure(whole, len(traced)),
        "necessity": pooled_figure([(sum(r < 1 for r in each.undone), len(each.edits)) for each in several]),
        "sufficiency": pooled_figure([(sum(r >= 1 for r in each.alone), len(each.edits)) for each in several]),
    }


def _shorter(traced: Sequence[Traced]) -> dict[str, Any]:
    several = [each for each in traced if len(each.edits) > 1]
    return {
        "n": len(traced),
        "one_edit": len(traced) - len(several),
        "alone": pooled_figure([(sum(r >= 1 for r in each.alone), len(each.edits)) for each in several]),
        "needed": pooled_figure([(sum(r < 1 for r in each.undone), len(each.edits)) for each in several]),
    }


def _layers(traced: Sequence[Traced]) -> list[dict[str, Any]]:
    """By type and layer; an edit of a block counts for each of its layers, a jump for the layer it leads to."""
    chains: dict[tuple[str, int], set[int]] = {}
    minimal: dict[tuple[str, int], set[int]] = {}
    undone: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for number, each in enumerate(traced):
        for place, edit in enumerate(each.edits):
            for key in _keys(edit):
                chains.setdefault(key, set()).add(number)
                if place in (each.minimal or ()):
                    minimal.setdefault(key, set()).add(number)
                if len(each.edits) > 1:
                    undone.setdefault(key, []).append((int(each.undone[place] < 1), 1))
    return [
        {
            "kind": key[0],
            "layer": key[1],
            "chains": len(chains[key]),
            "minimal": len(minimal.get(key, ())),
            "necessity": pooled_figure(undone.get(key, [])),
        }
        for key in sorted(chains)
    ]


def _keys(edit: LayerEdit) -> list[tuple[str, int]]:
    layers = edit.layers[1:] if edit.kind == "jump" else edit.layers
    return [(edit.kind, layer) for layer in sorted(set(layers))]


def _line(traced: Traced) -> dict[str, Any]:
    names = [str(edit) for edit in traced.edits]
    return {
        "input": traced.finding.input,
        "transition": "corrected" if traced.finding.corrected else "right_shorter",
        "chain": list(traced.finding.chain),
        "edits": names,
        "undone": list(traced.undone),
        "alone": list(traced.alone),
        "minimal": None if traced.minimal is None else [names[i] for i in traced.minimal],
    }


def _findings(subject: Subject) -> list[Finding]:
    found = []
    for result in subject.inputs:
        transition = result.transition()
        if transition in ("corrected", "right_shorter"):
            found.append(Finding(result.example["id"], result.search.best[0], transition == "corrected"))
    return found
