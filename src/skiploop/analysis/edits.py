"""Which edits of a found chain do the work: undone, alone, and minimal sets (SCCM, arXiv 2510.23482).

Two questions that are kept apart:

*Within the chain that was found* (`corrected`, `shorter`). Undo each edit: is the answer still right (necessity)? Keep
this edit alone: is it right (sufficiency)? Delta debugging finds a minimal sufficient set. The chain was chosen because
it is right on this very input, so undoing an edit can only do harm: edits look necessary even where answers are random.
These figures describe chains; they are no evidence of an effect. A chain of one edit says nothing at all (undone it is
the identity, which is wrong) and is left out of necessity and sufficiency.

*Over inputs* (`effects`). An edit (type, layer), one layer skipped or run twice, is done alone on *all* inputs of the
study and compared with the identity. Nothing is selected here: not the inputs, and not the edits (all that the space
has). It counts when both hold:

    the bootstrap interval of the mean difference excludes 0 at the level 1 - alpha / m, for m edits (Bonferroni)
    Holm's correction of m exact sign-flip tests stays below alpha

Damped loops of one layer, where the space has them or the settings name a damping, are edits like the others; `damped`
compares them with the plain loops of the same layers, input by input.

The second condition is there because a bootstrap of few inputs that rarely differ is too narrow; the first is empty
where all differences are equal, since a bootstrap has no interval there. Holm's correction alone keeps the probability
of any false edit below alpha; where answers are random, neither finds an edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.analysis.figures.edits import (
    CorrectedChains,
    CountedEdits,
    DampedEffect,
    EditEffect,
    EditFigures,
    InputEdits,
    LayerEdits,
    ShorterChains,
)
from skiploop.analysis.settings import EditSettings
from skiploop.analysis.subject import Evaluate, Subject
from skiploop.analysis.subsets import ddmin, lockstep, single_edit, with_edits
from skiploop.chains.chain import Chain
from skiploop.chains.edits import LayerEdit
from skiploop.chains.weights import weight_text
from skiploop.spaces.space import Space
from skiploop.stats.bootstrap import bootstrap_interval, sign_flip_test
from skiploop.stats.measured import PooledShare, measured_mean, measured_share, pooled_share
from skiploop.stats.shares import holm

VERSION = 2


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


def analyse(subject: Subject, settings: EditSettings | None = None) -> EditFigures:
    """The figures of edits.json."""
    settings = settings or EditSettings()
    traced = trace_edits(_findings(subject), subject.evaluate)
    names = [result.example["id"] for result in subject.inputs][: settings.inputs]
    edits = edits_of(subject.space, settings.damping)
    layers = subject.space.num_layers
    effects = layer_effects(names, edits, subject.evaluate, num_layers=layers, settings=settings)
    damped = damped_effects(names, edits, subject.evaluate, num_layers=layers, settings=settings)
    return report(traced, effects, damped, count=len(names), settings=settings)


def trace_edits(findings: Sequence[Finding], evaluate: Evaluate) -> list[Traced]:
    """Undoes each edit of each chain, keeps it alone, and looks for minimal sufficient sets."""
    edits = [finding.chain.edits() for finding in findings]
    pairs = []
    for finding, own in zip(findings, edits, strict=True):
        numbers = set(range(len(own)))
        for number in range(len(own)):
            pairs.append((finding.input, with_edits(finding.chain, numbers - {number})))
            pairs.append((finding.input, with_edits(finding.chain, {number})))
    rewards = iter(evaluate(pairs))
    both = [[(next(rewards), next(rewards)) for _ in own] for own in edits]
    return [
        Traced(finding, own, tuple(undone for undone, _ in each), tuple(alone for _, alone in each), minimal)
        for finding, own, each, minimal in zip(findings, edits, both, _minimal(findings, evaluate), strict=True)
    ]


def _minimal(findings: Sequence[Finding], evaluate: Evaluate) -> list[tuple[int, ...] | None]:
    places = [place for place, finding in enumerate(findings) if finding.corrected]

    def enough(asked: list[tuple[int, tuple[int, ...]]]) -> list[bool]:
        chosen = [(findings[places[number]], kept) for number, kept in asked]
        rewards = evaluate([(finding.input, with_edits(finding.chain, kept)) for finding, kept in chosen])
        return [reward >= 1 for reward in rewards]

    searches = [ddmin(range(len(findings[place].chain.edits()))) for place in places]
    sets = dict(zip(places, lockstep(searches, enough), strict=True))
    return [sets.get(place) for place in range(len(findings))]


# Effects over inputs


def edits_of(space: Space, damping: float | None = None) -> list[tuple[str, int]]:
    """The edits of one layer that the space has: ("skip", layer), ("loop", layer), ("loop~.5", layer).

    Args:
        space: of the study.
        damping: of loops that are tried beside the space's plain ones.
    """
    own = [_damped_kind(each) for each in space.limits.dampings if each != 1]
    edits = [(kind, layer) for kind in ("skip", "loop", *own) for layer in range(space.num_layers)]
    if space.num_layers == 1:
        edits.remove(("skip", 0))  # nothing would be left
    found = [edit for edit in edits if single_edit(*edit, space.num_layers) in space]
    if damping is not None and (kind := _damped_kind(damping)) not in own:
        found += [(kind, layer) for plain, layer in found if plain == "loop"]
    return found


def _damped_kind(damping: float) -> str:
    return f"loop~{weight_text(damping)}"


def layer_effects(
    names: Sequence[str],
    edits: Sequence[tuple[str, int]],
    evaluate: Evaluate,
    *,
    num_layers: int,
    settings: EditSettings | None = None,
) -> tuple[EditEffect, ...]:
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
        return ()
    chains = [Chain.identity(num_layers), *(single_edit(*edit, num_layers) for edit in edits)]
    rewards = list(evaluate([(name, chain) for chain in chains for name in names]))
    rows = [rewards[start : start + len(names)] for start in range(0, len(rewards), len(names))]
    changes = [[new - old for new, old in zip(row, rows[0], strict=True)] for row in rows[1:]]
    p_values = [sign_flip_test(row, resamples=settings.resamples, seed=settings.seed) for row in changes]
    corrected = zip(edits, changes, p_values, holm(p_values), strict=True)
    return tuple(_effect(edit, row, p, p_holm, len(edits), settings) for edit, row, p, p_holm in corrected)


def _effect(
    edit: tuple[str, int], changes: Sequence[float], p: float, p_holm: float, tests: int, settings: EditSettings
) -> EditEffect:
    level = 1 - settings.alpha / tests
    interval = bootstrap_interval(
        changes, level=level, method="percentile", resamples=settings.resamples, seed=settings.seed
    )
    beyond = interval is None or not interval[0] <= 0 <= interval[1]
    kind, layer = edit
    return EditEffect(
        sum(changes) / len(changes),
        interval,
        len(changes),
        kind=kind,
        layer=layer,
        level=level,
        p=p,
        p_holm=p_holm,
        counts=beyond and p_holm < settings.alpha,
    )


def damped_effects(
    names: Sequence[str],
    edits: Sequence[tuple[str, int]],
    evaluate: Evaluate,
    *,
    num_layers: int,
    settings: EditSettings | None = None,
) -> tuple[DampedEffect, ...]:
    """Damped against plain loops of the same single layers, for each damping among the edits; as `layer_effects`."""
    settings = settings or EditSettings()
    if len(names) < 2:
        return ()
    found = []
    for kind in dict.fromkeys(kind for kind, _ in edits if kind.startswith("loop~")):
        layers = [layer for each, layer in edits if each == kind and ("loop", layer) in edits]
        if layers:
            damped, plain = (
                _means_by_input(names, [single_edit(each, layer, num_layers) for layer in layers], evaluate)
                for each in (kind, "loop")
            )
            changes = [new - old for new, old in zip(damped, plain, strict=True)]
            mean = measured_mean(changes)
            p = sign_flip_test(changes, resamples=settings.resamples, seed=settings.seed)
            found.append(DampedEffect(mean.value, mean.interval, mean.count, kind=kind, layers=len(layers), p=p))
    return tuple(found)


def _means_by_input(names: Sequence[str], chains: Sequence[Chain], evaluate: Evaluate) -> list[float]:
    """The mean reward of each input over the chains."""
    rewards = list(evaluate([(name, chain) for name in names for chain in chains]))
    rows = [rewards[start : start + len(chains)] for start in range(0, len(rewards), len(chains))]
    return [sum(row) / len(row) for row in rows]


# The report


def report(
    traced: Sequence[Traced],
    effects: Sequence[EditEffect],
    damped: Sequence[DampedEffect] = (),
    *,
    count: int,
    settings: EditSettings | None = None,
) -> EditFigures:
    """The figures of what was traced and of the effects over `count` inputs."""
    counted = [effect for effect in effects if effect.counts]
    corrected = [chain for chain in traced if chain.finding.corrected]
    return EditFigures(
        VERSION,
        "edits",
        settings or EditSettings(),
        count,
        corrected=_corrected(corrected),
        shorter=_shorter([chain for chain in traced if not chain.finding.corrected]),
        layers=_layers(corrected),
        effects=tuple(effects),
        damped=tuple(damped),
        counted=CountedEdits(
            helps=tuple(effect.edit for effect in counted if (effect.value or 0) > 0),
            hurts=tuple(effect.edit for effect in counted if (effect.value or 0) <= 0),
        ),
        inputs=tuple(map(_line, traced)),
    )


def _corrected(traced: Sequence[Traced]) -> CorrectedChains:
    several = [chain for chain in traced if len(chain.edits) > 1]
    whole = sum(len(chain.minimal or ()) == len(chain.edits) for chain in traced)
    return CorrectedChains(
        n=len(traced),
        one_edit=len(traced) - len(several),
        edits=measured_mean([len(chain.edits) for chain in traced]),
        minimal=measured_mean([len(chain.minimal or ()) for chain in traced]),
        whole=measured_share(whole, len(traced)),
        necessity=_wrong_without(several),
        sufficiency=_right_alone(several),
    )


def _shorter(traced: Sequence[Traced]) -> ShorterChains:
    several = [chain for chain in traced if len(chain.edits) > 1]
    return ShorterChains(
        n=len(traced),
        one_edit=len(traced) - len(several),
        alone=_right_alone(several),
        needed=_wrong_without(several),
    )


def _wrong_without(traced: Sequence[Traced]) -> PooledShare:
    return pooled_share([(sum(reward < 1 for reward in chain.undone), len(chain.edits)) for chain in traced])


def _right_alone(traced: Sequence[Traced]) -> PooledShare:
    return pooled_share([(sum(reward >= 1 for reward in chain.alone), len(chain.edits)) for chain in traced])


def _layers(traced: Sequence[Traced]) -> tuple[LayerEdits, ...]:
    """By type and layer; an edit of a block counts for each of its layers, a jump for the layers it leads to."""
    keys = sorted({key for chain in traced for edit in chain.edits for key in _keys(edit)})
    return tuple(_layer(key, traced) for key in keys)


def _layer(key: tuple[str, int], traced: Sequence[Traced]) -> LayerEdits:
    kind, layer = key
    with_key = [(chain, [i for i, edit in enumerate(chain.edits) if key in _keys(edit)]) for chain in traced]
    own = [(chain, places) for chain, places in with_key if places]
    undone = [(int(chain.undone[place] < 1), 1) for chain, places in own if len(chain.edits) > 1 for place in places]
    return LayerEdits(
        kind,
        layer,
        chains=len(own),
        minimal=sum(not set(places).isdisjoint(chain.minimal or ()) for chain, places in own),
        necessity=pooled_share(undone),
    )


def _keys(edit: LayerEdit) -> list[tuple[str, int]]:
    layers = edit.layers[1:] if edit.kind == "jump" else edit.layers
    return [(edit.kind, layer) for layer in sorted(set(layers))]


def _line(traced: Traced) -> InputEdits:
    names = tuple(str(edit) for edit in traced.edits)
    return InputEdits(
        traced.finding.input,
        transition="corrected" if traced.finding.corrected else "right_shorter",
        chain=traced.finding.chain.layers,
        edits=names,
        undone=traced.undone,
        alone=traced.alone,
        minimal=None if traced.minimal is None else tuple(names[place] for place in traced.minimal),
    )


def _findings(subject: Subject) -> list[Finding]:
    return [
        Finding(result.example["id"], result.search.best[0], transition == "corrected")
        for result in subject.inputs
        if (transition := result.transition()) in ("corrected", "right_shorter")
    ]
