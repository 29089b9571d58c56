"""What the analyses find, as `RUN/analysis/NAME.json` holds it; each file is one `...Figures`. No torch.

Intervals are 95 % unless said otherwise. `skiploop.storage.records` reads and writes these classes.

Shapes: L layers of the model, E edits of a chain, N slots of a chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.analysis.settings import (
    DifficultySettings,
    EditSettings,
    LensSettings,
    RobustnessSettings,
    SimilaritySettings,
)
from skiploop.chains.weights import Layers
from skiploop.stats.measured import Measured, PooledShare, RankCorrelation

# Difficulty


@dataclass(frozen=True, slots=True)
class Retest(Measured):
    """The mean of Spearman's rho over pairs of seeds.

    Attributes:
        reliable: it is high enough to measure single inputs; None where it is undefined.
    """

    reliable: bool | None


@dataclass(frozen=True, slots=True)
class InputDifficulty:
    """One input.

    Attributes:
        input: its id.
        level: as the task states it.
        family: as the task states it.
        base_right: the identity is right.
        evaluations: to the first success, one number per seed; budget + 1 where it is censored.
        mean: of these.
        censored: seeds that found nothing.
    """

    input: str
    level: int | None
    family: str | None
    base_right: bool
    evaluations: tuple[int, ...]
    mean: float
    censored: int


@dataclass(frozen=True, slots=True)
class DifficultyGroup:
    """A group of inputs.

    Attributes:
        evaluations: mean number.
        censored: share of (input, seed).
        retest: correlation of two seeds.
        spearman_brown: what the correlation of the mean over this many seeds would be.
        level: correlation of the mean number with the task's level.
    """

    evaluations: Measured
    censored: PooledShare
    retest: Retest
    spearman_brown: Measured
    level: RankCorrelation


@dataclass(frozen=True, slots=True)
class DifficultyGroups:
    """By the identity and by what was found.

    Attributes:
        all: all inputs.
        base_wrong: the identity is wrong.
        found: the identity is wrong, and some seed found a right chain.
    """

    all: DifficultyGroup
    base_wrong: DifficultyGroup
    found: DifficultyGroup


@dataclass(frozen=True, slots=True)
class DifficultyFigures:
    """`difficulty.json`; see `skiploop.analysis.difficulty`. `n` counts inputs."""

    version: int
    name: str
    settings: DifficultySettings
    searcher: str
    budget: int
    n: int
    groups: DifficultyGroups
    inputs: tuple[InputDifficulty, ...]


# Edits


@dataclass(frozen=True, slots=True)
class EditEffect(Measured):
    """The change of the mean reward over all inputs when one edit is done alone; above 0 it helps.

    Attributes:
        kind: `skip` or `loop`.
        layer: the layer.
        level: of the interval, corrected for the number of edits.
        p: of a sign-flip test.
        p_holm: the same, corrected by Holm.
        counts: both the interval and `p_holm` exclude no change.
    """

    kind: str
    layer: int
    level: float
    p: float
    p_holm: float
    counts: bool

    @property
    def edit(self) -> str:
        """For people, such as `skip 3`."""
        return f"{self.kind} {self.layer}"


@dataclass(frozen=True, slots=True)
class CorrectedChains:
    """Chains that correct an input.

    Attributes:
        n: how many.
        one_edit: those of a single edit, which are left out of `necessity` and `sufficiency`.
        edits: of a chain.
        minimal: edits of its minimal sufficient set.
        whole: share of chains that are minimal.
        necessity: share of edits without which the answer is wrong.
        sufficiency: share of edits that are enough alone.
    """

    n: int
    one_edit: int
    edits: Measured
    minimal: Measured
    whole: Measured
    necessity: PooledShare
    sufficiency: PooledShare


@dataclass(frozen=True, slots=True)
class ShorterChains:
    """Shorter right chains of inputs that the identity gets right.

    Attributes:
        n: how many.
        one_edit: those of a single edit, which are left out of the shares.
        alone: share of edits that keep the answer right alone.
        needed: share of edits without which it is wrong.
    """

    n: int
    one_edit: int
    alone: PooledShare
    needed: PooledShare


@dataclass(frozen=True, slots=True)
class LayerEdits:
    """One layer in the correcting chains; an edit of a block counts for each of its layers.

    Attributes:
        kind: of the edit.
        layer: the layer.
        chains: that have such an edit.
        minimal: chains that have it in their minimal set.
        necessity: share of these edits without which the answer is wrong, in chains of several edits.
    """

    kind: str
    layer: int
    chains: int
    minimal: int
    necessity: PooledShare


@dataclass(frozen=True, slots=True)
class CountedEdits:
    """Edits whose effect counts, such as `skip 3`.

    Attributes:
        helps: they raise the mean reward.
        hurts: they lower it.
    """

    helps: tuple[str, ...]
    hurts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InputEdits:
    """The chain of one input.

    Attributes:
        input: its id.
        transition: `corrected` or `right_shorter`.
        chain: its layers.
        edits: of the chain, [E].
        undone: the reward without each edit, [E].
        alone: the reward with this edit alone, [E].
        minimal: edits of a minimal sufficient set; None where no edit is needed.
    """

    input: str
    transition: str
    chain: Layers
    edits: tuple[str, ...]
    undone: tuple[float, ...]
    alone: tuple[float, ...]
    minimal: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class EditFigures:
    """`edits.json`; see `skiploop.analysis.edits`. `n` counts the inputs of `effects`."""

    version: int
    name: str
    settings: EditSettings
    n: int
    corrected: CorrectedChains
    shorter: ShorterChains
    layers: tuple[LayerEdits, ...]
    effects: tuple[EditEffect, ...]
    counted: CountedEdits
    inputs: tuple[InputEdits, ...]


# Robustness


@dataclass(frozen=True, slots=True)
class InputNeighbours:
    """The neighbours of one chain of one input.

    Attributes:
        input: its id.
        transition: what became of the input.
        kind: `best`, `found`, `random` or `identity`.
        chain: its layers.
        neighbours: how many were evaluated.
        reward: their mean.
        chance: share of right chains in the random arm; None without one.
    """

    input: str
    transition: str
    kind: str
    chain: Layers
    neighbours: int
    reward: float
    chance: float | None


@dataclass(frozen=True, slots=True)
class NeighbourGroup:
    """Chains of one kind.

    Attributes:
        reward: mean reward of their neighbours.
        chance: share of right chains in the random arm on the same inputs.
        depth: mean depth of the chains; None without any.
    """

    reward: Measured
    chance: Measured
    depth: float | None


@dataclass(frozen=True, slots=True)
class NeighbourDifferences:
    """Differences of the neighbours' mean reward on the same inputs.

    Attributes:
        best_random: best chain less random chain.
        found_random: drawn chain less random chain.
        found_identity: drawn chain less identity, on corrected inputs.
    """

    best_random: Measured
    found_random: Measured
    found_identity: Measured


@dataclass(frozen=True, slots=True)
class RobustnessFigures:
    """`robustness.json`; see `skiploop.analysis.robustness`. `n` counts best chains other than the identity."""

    version: int
    name: str
    settings: RobustnessSettings
    n: int
    best: NeighbourGroup
    best_corrected: NeighbourGroup
    best_shorter: NeighbourGroup
    found: NeighbourGroup
    found_corrected: NeighbourGroup
    random: NeighbourGroup
    identity: NeighbourGroup
    identity_right: NeighbourGroup
    identity_corrected: NeighbourGroup
    differences: NeighbourDifferences
    inputs: tuple[InputNeighbours, ...]


# Similarity


@dataclass(frozen=True, slots=True)
class Phases:
    """Contiguous phases of layers; see `skiploop.analysis.phases`.

    Attributes:
        phases: first and last layer of each.
        gain: how much better than without phases, resampled over prompts.
        reference: the gain of an uneven drift, 95 % quantile.
        clear: the interval of the gain is above the reference.
        gains: for 1..L phases.
    """

    phases: tuple[tuple[int, int], ...]
    gain: Measured
    reference: float
    clear: bool
    gains: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LayerInfluence:
    """What one layer does, and what its skip costs.

    Attributes:
        layer: the layer.
        influence: Block Influence.
        log_probability_drop: of the gold answer, without the layer.
        reward_drop: likewise.
    """

    layer: int
    influence: float
    log_probability_drop: Measured
    reward_drop: Measured


@dataclass(frozen=True, slots=True)
class Prior:
    """Whether Block Influence predicts which layers can be skipped.

    Attributes:
        log_probability: its correlation with the drop of the log-probability, which decides.
        reward: its correlation with the drop of the reward.
        verdict: `skiploop.analysis.similarity.ALLOWED` or `REFUSED`.
        reason: for people.
    """

    log_probability: RankCorrelation
    reward: RankCorrelation
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class SimilarityFigures:
    """`similarity.json`; see `skiploop.analysis.similarity`.

    Attributes:
        n: prompts.
        tokens: of all prompts.
        matrix: 1 - cos between states, [L + 1, L + 1]; row 0: before the first layer.
        phases: of the layers.
        layers: one by one.
        prior: the verdict.
        broken: pairs of input and layer whose log-probability isn't a number; they are left out.
    """

    version: int
    name: str
    settings: SimilaritySettings
    n: int
    tokens: int
    matrix: tuple[tuple[float, ...], ...]
    phases: Phases
    layers: tuple[LayerInfluence, ...]
    prior: Prior
    broken: int


# Lens


@dataclass(frozen=True, slots=True)
class SlotCurves:
    """One chain through the lens, at each of its slots.

    Attributes:
        turn: the first slot, from 1, after which the most likely token stays the final one.
        gold_probability: of the gold token, [N].
        gold_rank: from 1, [N].
        identity_probability: of the identity's token, [N].
        identity_rank: from 1, [N].
        entropy: in nats, [N].
    """

    turn: int
    gold_probability: tuple[float, ...]
    gold_rank: tuple[int, ...]
    identity_probability: tuple[float, ...]
    identity_rank: tuple[int, ...]
    entropy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class InputLens:
    """One chain of one input through the lens.

    Attributes:
        input: its id.
        group: `identity_right`, `identity_wrong`, `corrected` or `shorter`.
        chain: its layers.
        position: tokens of the gold answer before the one that is looked at.
        gold: the gold token.
        identity: the identity's token.
        slots: the curves.
    """

    input: str
    group: str
    chain: Layers
    position: int
    gold: int
    identity: int
    slots: SlotCurves


@dataclass(frozen=True, slots=True)
class LensCurves:
    """Means over inputs at 1/L, 2/L, ..., 1 of the chains' slots, [L] each; names as in `SlotCurves`."""

    gold_probability: tuple[Measured, ...]
    gold_rank: tuple[Measured, ...]
    identity_probability: tuple[Measured, ...]
    identity_rank: tuple[Measured, ...]
    entropy: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class LensGroup:
    """Chains of one kind.

    Attributes:
        n: inputs.
        curves: means over inputs.
        turn: in shares of the chain.
    """

    n: int
    curves: LensCurves
    turn: Measured


@dataclass(frozen=True, slots=True)
class LensGroups:
    """The identity by whether it is right, the best chains of two transitions, and the identity by what was found."""

    identity_right: LensGroup
    identity_wrong: LensGroup
    corrected: LensGroup
    shorter: LensGroup
    corrected_identity: LensGroup
    still_wrong_identity: LensGroup


@dataclass(frozen=True, slots=True)
class LetterBias:
    """One option of multiple choice.

    Attributes:
        letter: the option.
        predicted: share of inputs on which the identity chooses it.
        gold: share of inputs on which it is right.
        difference: predicted - gold, paired by input.
    """

    letter: str
    predicted: float
    gold: float
    difference: Measured


@dataclass(frozen=True, slots=True)
class LensFigures:
    """`lens.json`; see `skiploop.analysis.lens`.

    Attributes:
        n: inputs.
        positions: at which shares of a chain's slots curves are read, [L].
        groups: means over inputs.
        turn_difference: turn of the best chain less that of the identity, on corrected inputs.
        letters: of multiple choice; None for other tasks.
        inputs: one by one.
    """

    version: int
    name: str
    settings: LensSettings
    n: int
    positions: tuple[float, ...]
    groups: LensGroups
    turn_difference: Measured
    letters: tuple[LetterBias, ...] | None
    inputs: tuple[InputLens, ...]


AnalysisFigures = DifficultyFigures | EditFigures | RobustnessFigures | SimilarityFigures | LensFigures
FIGURES: dict[str, type[AnalysisFigures]] = {
    "difficulty": DifficultyFigures,
    "edits": EditFigures,
    "robustness": RobustnessFigures,
    "similarity": SimilarityFigures,
    "lens": LensFigures,
}
