"""The figures of a study of static chains: what its summary.json has. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.chains.weights import Layers
from skiploop.stats.measured import Measured, measured_share
from skiploop.storage.files import Line
from skiploop.storage.records import as_json
from skiploop.studies.paired import PairedDifference, paired
from skiploop.studies.static.race import Candidate


@dataclass(frozen=True, slots=True)
class ChosenChain:
    """A chain that was chosen on the training inputs.

    Attributes:
        chain: its layers.
        notation: the same for people.
        depth: its layer calls.
        train: mean reward on the training inputs; too good, as the chain was chosen by it.
        test: accuracy on the test inputs.
        minus_identity: accuracy less that of the identity, on the test inputs; None where it is the identity.
    """

    chain: Layers
    notation: str
    depth: int
    train: float
    test: Measured
    minus_identity: PairedDifference | None


@dataclass(frozen=True, slots=True)
class BlockMean:
    """One cell of the map of blocks (RYS).

    Attributes:
        first: first layer of the block that is run twice.
        last: last layer of it.
        inputs: training inputs that it was measured on.
        mean: reward on them.
    """

    first: int
    last: int
    inputs: int
    mean: float


@dataclass(frozen=True, slots=True)
class StaticFigures:
    """The figures.

    Attributes:
        model: its name.
        task: its name.
        searcher: its name.
        space: name of the space.
        num_layers: L of the model.
        train_inputs: on which chains were chosen.
        test_inputs: on which they are reported.
        chains: distinct chains that were tried, by arm.
        evaluations: of all arms and references, tests included.
        chosen: by what chose it: identity, search, random, and the names of `skiploop.studies.static.references`.
        block_map: every block run twice; None where it wasn't measured.
        block_influence: of each layer; None where it wasn't measured.
        kind: tells these figures from those of other studies.
    """

    model: str
    task: str
    searcher: str
    space: str
    num_layers: int
    train_inputs: int
    test_inputs: int
    chains: dict[str, int]
    evaluations: int
    chosen: dict[str, ChosenChain]
    block_map: tuple[BlockMean, ...] | None
    block_influence: tuple[float, ...] | None
    kind: str = "static"

    def to_json(self) -> Line:
        """What summary.json has."""
        line: Line = as_json(self)
        return line


def chosen_chain(candidate: Candidate, right: Sequence[bool], identity: Sequence[bool]) -> ChosenChain:
    """The figures of a chain, from its verdicts and the identity's on the test inputs."""
    chain = candidate.chain
    return ChosenChain(
        chain=chain.layers,
        notation=str(chain),
        depth=len(chain),
        train=candidate.mean,
        test=measured_share(sum(right), len(right)),
        # Compared with itself there is nothing to estimate.
        minus_identity=None if chain.is_identity else paired(right, identity),
    )
