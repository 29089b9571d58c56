"""How alike the outputs of layers are, and what that is worth as a prior: `analysis/similarity.json`.

Shapes: L layers of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

from skiploop.analysis.settings import SimilaritySettings
from skiploop.stats.measured import Measured, RankCorrelation


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
