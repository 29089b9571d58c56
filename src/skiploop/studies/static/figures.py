"""The figures of a study of static chains: what its summary.json has. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skiploop.chains.policy import CachePolicy
from skiploop.chains.weights import Layers
from skiploop.stats.measured import Measured, measured_share
from skiploop.storage.files import Line
from skiploop.storage.records import as_json, from_json
from skiploop.studies.paired import PairedDifference, paired
from skiploop.studies.static.margin import NonInferiority, non_inferiority
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
        policy: of the cache, where the study chose between several; else `own` stands for the study's.
    """

    chain: Layers
    notation: str
    depth: int
    train: float
    test: Measured
    minus_identity: PairedDifference | None
    policy: CachePolicy = "own"

    @property
    def title(self) -> str:
        """The chain for people, with its cache policy where it isn't the usual one."""
        return self.notation if self.policy == "own" else f"{self.notation} (cache policy {self.policy})"


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
class FrontPoint:
    """The chain that was chosen among those of at most so many layer calls.

    Attributes:
        by: who proposed it: one of the names of `StaticFigures.chosen`.
        chosen: the chain, with its accuracy on the test inputs.
    """

    by: str
    chosen: ChosenChain


@dataclass(frozen=True, slots=True)
class Equality:
    """Which chains are as accurate as the identity, within a margin that was set beforehand.

    Attributes:
        margin: the loss of accuracy that still counts as equal, as a share.
        chains: by what chose them; the identity isn't compared with itself.
    """

    margin: float
    chains: dict[str, NonInferiority]


@dataclass(frozen=True, slots=True)
class Swapped:
    """The same search on other inputs: does the choice depend on those that it was made on?

    Attributes:
        source: `half`, or the specification of another task.
        task: its name.
        inputs: on which this chain was chosen.
        chains: distinct chains that were tried.
        search_minus_swapped: accuracy of the search's chain less this one's, on the test inputs; None where both chose
            the same chain.
    """

    source: str
    task: str
    inputs: int
    chains: int
    search_minus_swapped: PairedDifference | None


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
        chosen: by what chose it: identity, search, random, the names of `skiploop.studies.static.references`, and
            where they were asked for, cheapest (of all of them, within the margin) and swapped (the search on other
            inputs).
        block_map: every block run twice; None where it wasn't measured.
        block_influence: of each layer; None where it wasn't measured.
        max_depth: most layer calls of a chain that could be chosen; None: as the space has it.
        equality: whether chains are as accurate as the identity; None where no margin was set.
        curve: the chain chosen for each number of layer calls, shortest first, each more accurate on the training
            inputs than the one before.
        swapped: the search on other inputs; None where it wasn't made.
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
    max_depth: int | None
    equality: Equality | None
    curve: tuple[FrontPoint, ...]
    swapped: Swapped | None
    kind: str = "static"

    def to_json(self) -> Line:
        """What summary.json has."""
        line: Line = as_json(self)
        return line

    @classmethod
    def from_json(cls, line: Line) -> StaticFigures:
        """The figures in a summary.json."""
        return from_json(cls, line)


def equality(chosen: Mapping[str, ChosenChain], margin: float | None) -> Equality | None:
    """Of all chosen chains but the identity; None without a margin."""
    if margin is None:
        return None
    differences = {name: row.minus_identity for name, row in chosen.items()}
    chains = {name: non_inferiority(each.difference, margin) for name, each in differences.items() if each is not None}
    return Equality(margin, chains)


def chosen_chain(candidate: Candidate, right: Sequence[bool], identity: Sequence[bool]) -> ChosenChain:
    """The figures of a chain, from its verdicts and the identity's on the test inputs."""
    chain = candidate.chain
    return ChosenChain(
        chain=chain.layers,
        notation=str(chain.chain),
        policy=chain.policy,
        depth=len(chain),
        train=candidate.mean,
        test=measured_share(sum(right), len(right)),
        # Compared with itself there is nothing to estimate.
        minus_identity=None if chain.is_identity else paired(right, identity),
    )
