"""The figures of sampling and voting: what controls/sampling.json has. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skiploop.stats.measured import Measured, measured_share
from skiploop.storage.files import Line
from skiploop.storage.records import as_json
from skiploop.studies.controls.voting import Samples, VotingCurve
from skiploop.studies.paired import BootstrappedDifference, bootstrapped
from skiploop.tasks import Example


@dataclass(frozen=True, slots=True)
class Reference:
    """What sampling is compared with.

    Attributes:
        budgets: layer calls of an input, by whose they are: `search`, `static`.
        static: reward of the static chain on each test input, by id.
        search: whether the search found a right chain, by id of its inputs, which are some of the test inputs.
    """

    budgets: Mapping[str, float]
    static: Mapping[str, float]
    search: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class IdentityFigures:
    """The identity's greedy answer on the test inputs, and the layer calls of one."""

    test: Measured
    layer_calls: int


@dataclass(frozen=True, slots=True)
class VoteFigures:
    """A vote.

    Attributes:
        samples: that vote.
        temperature: at which they were drawn.
        train: accuracy on the training inputs; the temperature was chosen by it.
        test: accuracy on the test inputs.
        minus_identity: accuracy less that of the identity.
        minus_static: accuracy less that of the static chain; None where there is none.
    """

    samples: int
    temperature: float
    train: float
    test: Measured
    minus_identity: BootstrappedDifference
    minus_static: BootstrappedDifference | None


@dataclass(frozen=True, slots=True)
class BesideSearch:
    """Any of the samples beside the search, on the inputs of the search.

    Attributes:
        any_oracle_accuracy: inputs for which some sample, or the greedy answer, is right.
        search_oracle_accuracy: inputs for which some chain of the search is right.
        search_minus_any: the one less the other.
    """

    any_oracle_accuracy: Measured
    search_oracle_accuracy: Measured
    search_minus_any: BootstrappedDifference


@dataclass(frozen=True, slots=True)
class AnyFigures:
    """Any of the samples, or the greedy answer: an oracle figure.

    Attributes:
        samples: of an input.
        temperature: at which they were drawn.
        train_oracle: oracle accuracy on the training inputs; the temperature was chosen by it.
        test_oracle_accuracy: on the test inputs.
        search_inputs: beside the search; None for another budget than the search's.
    """

    samples: int
    temperature: float
    train_oracle: float
    test_oracle_accuracy: Measured
    search_inputs: BesideSearch | None


@dataclass(frozen=True, slots=True)
class BudgetFigures:
    """What the layer calls of a budget pay for.

    Attributes:
        layer_calls: of an input.
        samples: that they pay for beside the greedy answer.
        vote: of the number of samples that is best on training inputs; None where no sample is paid for.
        vote_all: of all samples that are paid for.
        any: whether one of them is right.
    """

    layer_calls: float
    samples: int
    vote: VoteFigures | None
    vote_all: VoteFigures | None
    any: AnyFigures | None


@dataclass(frozen=True, slots=True)
class SamplingFigures:
    """The figures.

    Attributes:
        single_pass: options are scored: all samples of an input are draws from one softmax.
        num_layers: L of the model.
        train_inputs: on which temperature and number of samples were chosen.
        test_inputs: on which they are reported.
        samples: most samples of an input.
        capped: fewer samples were drawn than the largest budget pays for.
        identity: the greedy answer.
        train_curves: by temperature.
        test_curves: by those temperatures that were chosen.
        budgets: by whose they are: `search`, `static`.
        kind: tells these figures from those of other studies.
        cost: what layer calls are, in words.
    """

    single_pass: bool
    num_layers: int
    train_inputs: int
    test_inputs: int
    samples: int
    capped: bool
    identity: IdentityFigures
    train_curves: tuple[VotingCurve, ...]
    test_curves: tuple[VotingCurve, ...]
    budgets: dict[str, BudgetFigures]
    kind: str = "sampling"
    cost: str = "layer calls of an input; one pass of the identity is L, the greedy pass included"

    @property
    def beside_search(self) -> BesideSearch | None:
        """Any of the samples beside the search; None where the search's budget pays for no sample."""
        own = self.budgets["search"].any
        return None if own is None else own.search_inputs

    def to_json(self) -> Line:
        """What controls/sampling.json has."""
        line: Line = as_json(self)
        return line


@dataclass(frozen=True, slots=True)
class TunedSampling:
    """What was chosen on training inputs.

    Attributes:
        samples: their number.
        temperature: at which they are drawn.
        train: the figure by which it was chosen.
    """

    samples: int
    temperature: float
    train: float


@dataclass(frozen=True, slots=True)
class Tested:
    """Sampled test inputs, and what they are compared with.

    Attributes:
        examples: the inputs.
        samples: by temperature, in the order of the examples.
        reference: to compare with.
        seed: of bootstrap intervals.
    """

    examples: Sequence[Example]
    samples: Mapping[float, Sequence[Samples]]
    reference: Reference
    seed: int

    def vote(self, choice: TunedSampling) -> VoteFigures:
        """The vote of this many samples."""
        inputs = self.samples[choice.temperature]
        right = [each.vote(choice.samples).reward >= 1 for each in inputs]
        greedy = [each.greedy.reward >= 1 for each in inputs]
        static = [self.reference.static[each.id] >= 1 for each in self.examples] if self.reference.static else None
        return VoteFigures(
            choice.samples,
            choice.temperature,
            choice.train,
            test=measured_share(sum(right), len(right)),
            minus_identity=bootstrapped(right, greedy, seed=self.seed),
            minus_static=None if static is None else bootstrapped(right, static, seed=self.seed),
        )

    def any(self, choice: TunedSampling, *, beside_search: bool) -> AnyFigures:
        """Any of this many samples, or the greedy answer."""
        right = {
            example.id: max(said.reward for said in (each.greedy, *each.drawn[: choice.samples])) >= 1
            for example, each in zip(self.examples, self.samples[choice.temperature], strict=True)
        }
        return AnyFigures(
            choice.samples,
            choice.temperature,
            choice.train,
            test_oracle_accuracy=measured_share(sum(right.values()), len(right)),
            search_inputs=self._beside_search(right) if beside_search and self.reference.search else None,
        )

    def _beside_search(self, right: Mapping[str, bool]) -> BesideSearch:
        searched = self.reference.search
        mine, theirs = [right[name] for name in searched], list(searched.values())
        return BesideSearch(
            measured_share(sum(mine), len(mine)),
            measured_share(sum(theirs), len(theirs)),
            bootstrapped(theirs, mine, seed=0),
        )
