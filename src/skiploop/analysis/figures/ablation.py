"""What skip-only, loop-only and both find, and how they differ: `ablation.json`.

All of it but the accuracy of the identity needs the gold answer; none of the others is an accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skiploop.stats.measured import Measured
from skiploop.stats.shares import PairedCounts
from skiploop.storage.files import Line
from skiploop.storage.records import as_json


@dataclass(frozen=True, slots=True)
class SpaceFigures:
    """The search in one space; see `skiploop.studies.figures`.

    Attributes:
        out: the folder of its study.
        base_accuracy: of the identity.
        oracle_accuracy: inputs for which some chain is right.
        shorter_share: of the inputs that the identity gets right, those with a shorter right chain.
        corrected_share: of the inputs that the identity gets wrong, those with a right chain.
        mean_best_depth: of the best chain of each input; None without inputs.
        excess: over the control.
        random_oracle_accuracy: of uniform chains in this space; None where they weren't run.
        layer_calls: of all evaluations.
    """

    out: str
    base_accuracy: Measured
    oracle_accuracy: Measured
    shorter_share: Measured
    corrected_share: Measured
    mean_best_depth: float | None
    excess: Measured
    random_oracle_accuracy: Measured | None
    layer_calls: int


@dataclass(frozen=True, slots=True)
class SpaceDifference:
    """Two spaces compared on the same inputs.

    Attributes:
        first: a space.
        second: another one.
        difference: first - second.
        p: of a test that there is none; None without inputs.
        p_holm: the same, corrected by Holm for the pairs of spaces.
    """

    first: str
    second: str
    difference: Measured
    p: float | None
    p_holm: float | None

    @property
    def shown(self) -> bool:
        """Whether the interval and the corrected p both say that the spaces differ."""
        return self.difference.excludes() and self.p_holm is not None and self.p_holm < 0.05


@dataclass(frozen=True, slots=True)
class ShareDifference(SpaceDifference):
    """A difference of shares, with Newcombe's paired interval and McNemar's exact test.

    Attributes:
        measure: `oracle_accuracy`, of all inputs; `corrected`, of those that the identity gets wrong; `shorter`, of
            those that it gets right.
        counts: inputs of which it holds in both spaces, in one of them, or in none.
    """

    measure: str
    counts: PairedCounts


@dataclass(frozen=True, slots=True)
class AblationFigures:
    """`ablation.json`; see `skiploop.analysis.ablation`.

    Attributes:
        settings: of the studies, by section, without the space.
        model: its name.
        task: its name.
        n: inputs.
        base_differs: inputs on which the identities of the studies disagree: 0, unless rounding flips a verdict.
        spaces: by name.
        shares: differences of shares, pair by pair and measure by measure; `shorter` without spaces of
            loops alone, whose chains never are.
        excess: differences of the excess over the control, pair by pair: a paired bootstrap with a sign-flip test,
            which is the better guide where inputs are few.
    """

    settings: Mapping[str, Any]
    model: str
    task: str
    n: int
    base_differs: int
    spaces: Mapping[str, SpaceFigures]
    shares: tuple[ShareDifference, ...]
    excess: tuple[SpaceDifference, ...]

    def of_oracle_accuracy(self) -> tuple[ShareDifference, ...]:
        """The differences in oracle accuracy."""
        return tuple(each for each in self.shares if each.measure == "oracle_accuracy")

    def to_json(self) -> Line:
        """Ready for JSON."""
        line: Line = as_json(self)
        return line
