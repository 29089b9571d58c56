"""Chains are searched and chosen on some inputs, and reported on others. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from skiploop.chains.policy import checked_policy
from skiploop.errors import InvalidInput
from skiploop.searchers import Searcher, make_searcher
from skiploop.spaces.space import Space
from skiploop.studies.arms import seed_for
from skiploop.studies.evaluations import Evaluations
from skiploop.studies.execution import References
from skiploop.studies.paired import paired
from skiploop.studies.progress import Progress
from skiploop.studies.static.cached_chain import CachedChain
from skiploop.studies.static.calibration import Calibration
from skiploop.studies.static.figures import FrontPoint, StaticFigures, Swapped, chosen_chain, equality
from skiploop.studies.static.race import Candidate, Halving, StaticSearch
from skiploop.studies.static.references import REFERENCES, Suggested, Training
from skiploop.studies.static.selection import best, cheapest, front
from skiploop.studies.static.settings import StaticSettings, StaticStudySettings
from skiploop.studies.static.split import Splits
from skiploop.studies.static.within_depth import WithinDepth, shallow
from skiploop.tasks import Example, Task

SWAPPED, CHEAPEST = "swapped", "cheapest"
"""Rows that are there where they are asked for."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is searched, and how.

    Attributes:
        task: whose inputs are reported.
        model: its name.
        splits: training and test inputs.
        swapped: other inputs to choose on; None: no such control.
        space: of chains.
        settings: of the study.
    """

    task: Task
    model: str
    splits: Splits
    swapped: Calibration | None
    space: Space
    settings: StaticStudySettings

    @property
    def arms(self) -> tuple[str, ...]:
        """Who searches on the training inputs."""
        return ("search",) if self.settings.search.searcher == "random" else ("search", "random")

    @property
    def total(self) -> int:
        """Evaluations of the arms, at most."""
        searches = len(self.arms) + (self.swapped is not None)
        chains = self.settings.search.budget * len(self.settings.static.policies)
        return searches * chains * len(self.splits[0])

    def training(self, examples: tuple[Example, ...], evaluate: Evaluations) -> Training:
        """Inputs to choose on."""
        sizes = self.settings.static

        def rewards(pairs: Sequence[tuple[CachedChain, int]]) -> list[float]:
            return evaluate([(examples[number].id, each.chain, each.policy) for each, number in pairs])

        plan = Halving(len(examples), sizes.first, sizes.per_round)
        return Training(examples, plan, rewards, self.space.identity, sizes.max_depth)

    def check_depth(self) -> None:
        """Raises InvalidInput where no chain is short enough."""
        most = self.settings.static.max_depth
        if most is not None and not shallow(self.space, most).count():
            raise InvalidInput(
                f"no chain of the space {self.space.name!r} has at most {most} layer calls; raise --max-depth, or use "
                "a space that skips"
            )


@dataclass(frozen=True, slots=True)
class Evaluators:
    """What evaluates, each with a journal of its own.

    Attributes:
        main: training and test inputs.
        curve: test inputs under the chains of the curve that nobody chose.
        swapped: the inputs of the control; None where there is none.
    """

    main: Evaluations
    curve: Evaluations
    swapped: Evaluations | None

    def __len__(self) -> int:
        """Evaluations that are known."""
        return sum(len(each) for each in (self.main, self.curve, self.swapped) if each is not None)


@dataclass(slots=True)
class CandidatePool:
    """The chains to choose from, with their rewards on some inputs.

    Attributes:
        training: the inputs.
        base: the identity on them.
        candidates: chains that can be chosen, by who proposed them; the identity among each, where it isn't too deep.
        chains: distinct chains that were tried, by arm.
        suggested: what the references come to, by name.
    """

    training: Training
    base: Candidate
    candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    chains: dict[str, int] = field(default_factory=dict)
    suggested: dict[str, Suggested] = field(default_factory=dict)

    def add(self, by: str, candidates: Sequence[Candidate]) -> None:
        """Chains that were run on all inputs."""
        own = [self.base] if self.training.fits(self.base.chain.chain) else []
        self.candidates[by] = [*own, *candidates]


Tick = Callable[[float], None]
"""Is told the best mean reward so far, after each round."""


def static_figures(work: Work, evaluators: Evaluators, references: References, progress: Progress) -> StaticFigures:
    """Searches, chooses on the training inputs, and reports on the test inputs."""

    def tick(reward: float) -> None:
        progress.update(len(evaluators), max(work.total, len(evaluators)), reward)

    pool = _candidates(work, evaluators.main, references, tick)
    other = _on_other_inputs(work, evaluators.swapped, tick)
    chosen = _chosen(work, pool, other)
    right = {name: _verdicts(work, evaluators.main, each.chain) for name, each in chosen.items()}
    rows = {name: chosen_chain(each, right[name], right["identity"]) for name, each in chosen.items()}
    block, influence = pool.suggested.get("block"), pool.suggested.get("influence")
    return StaticFigures(
        model=work.model,
        task=work.task.name,
        searcher=work.settings.search.searcher,
        space=work.space.name,
        num_layers=work.space.num_layers,
        train_inputs=len(work.splits[0]),
        test_inputs=len(work.splits[1]),
        chains=pool.chains,
        chosen=rows,
        block_map=None if block is None else block.block_map,
        block_influence=None if influence is None else influence.block_influence,
        max_depth=work.settings.static.max_depth,
        equality=equality(rows, work.settings.static.margin),
        curve=_curve(work, pool, {chosen[name].chain: each for name, each in right.items()}, evaluators.curve),
        swapped=None if work.swapped is None or other is None else _swapped(work.swapped, other, chosen, right),
        evaluations=len(evaluators),
    )


def _candidates(work: Work, evaluate: Evaluations, references: References, tick: Tick) -> CandidatePool:
    """The chains of the arms, then those of the references, on the training inputs."""
    training = work.training(work.splits[0], evaluate)
    pool = CandidatePool(training, training.race([training.identity])[0])
    for arm in work.arms:
        _search(arm, work, pool, tick)
    for name in REFERENCES:
        if work.settings.static.references or name == "gates":  # gates are there where they are asked for
            suggested = REFERENCES[name](training, references)
            if suggested is not None:
                pool.suggested[name] = suggested
                pool.add(name, suggested.candidates)
    return pool


def _on_other_inputs(work: Work, evaluate: Evaluations | None, tick: Tick) -> CandidatePool | None:
    """The search on the inputs of the control; None where there is none."""
    if work.swapped is None or evaluate is None:
        return None
    training = work.training(work.swapped.examples, evaluate)
    pool = CandidatePool(training, training.race([training.identity])[0])
    _search("search", work, pool, tick)
    return pool


def _search(arm: str, work: Work, pool: CandidatePool, tick: Tick) -> None:
    """Searches as an arm, which knows the identity already, and adds what it finds to the pool."""
    settings, training = work.settings.search, pool.training
    searcher = _searcher(arm, work)
    searcher.tell(pool.base.chain.chain, pool.base.mean)
    policies = tuple(map(checked_policy, work.settings.static.policies))
    search = StaticSearch(searcher, training.plan, settings.budget, training.evaluate, policies)
    for _ in search.run():
        tick(best([pool.base, *search.complete]).mean)
    pool.chains[arm] = search.chains
    pool.add(arm, search.complete)


def _searcher(arm: str, work: Work) -> Searcher:
    settings, most = work.settings.search, work.settings.static.max_depth
    seed = seed_for(settings.seed, arm, "static")
    space = work.space if most is None else shallow(work.space, most)
    if arm == "random":
        return make_searcher("random", space, seed=seed)
    if most is None or settings.searcher == "random":
        return settings.make_searcher(space, seed)
    return WithinDepth(settings.make_searcher(work.space, seed), most)


def _chosen(work: Work, pool: CandidatePool, other: CandidatePool | None) -> dict[str, Candidate]:
    """The chains that are reported, by what chose them."""
    chosen = {"identity": pool.base}
    for name, own in pool.candidates.items():
        chosen[name] = _best(name, own, work.settings.static)
    if other is not None:
        chosen[SWAPPED] = _best(SWAPPED, other.candidates["search"], work.settings.static)
    margin = work.settings.static.margin
    if margin is not None:
        everybody = [each for own in pool.candidates.values() for each in own]
        cheap = cheapest(everybody, pool.base.mean - margin)
        if cheap is not None:
            chosen[CHEAPEST] = cheap
    return chosen


def _best(name: str, own: Sequence[Candidate], settings: StaticSettings) -> Candidate:
    if not own and settings.max_depth is not None:
        raise InvalidInput(
            f"{name}: no chain of at most {settings.max_depth} layer calls was found; raise --max-depth or "
            "--budget, or take --searcher random, which draws from these chains alone"
        )
    return best(own)


def _curve(
    work: Work, pool: CandidatePool, known: Mapping[CachedChain, list[bool]], evaluate: Evaluations
) -> tuple[FrontPoint, ...]:
    """The chains of the front on the test inputs; those that somebody chose were run there already."""
    base = known[pool.base.chain]
    points = []
    for by, each in front(pool.candidates, work.settings.static.curve):
        right = known[each.chain] if each.chain in known else _verdicts(work, evaluate, each.chain)
        points.append(FrontPoint("identity" if each.chain.is_identity else by, chosen_chain(each, right, base)))
    return tuple(points)


def _swapped(
    swapped: Calibration, other: CandidatePool, chosen: Mapping[str, Candidate], right: Mapping[str, list[bool]]
) -> Swapped:
    same = chosen["search"].chain == chosen[SWAPPED].chain
    return Swapped(
        swapped.source,
        swapped.task.name,
        len(swapped.examples),
        other.chains["search"],
        None if same else paired(right["search"], right[SWAPPED]),
    )


def _verdicts(work: Work, evaluate: Evaluations, chosen: CachedChain) -> list[bool]:
    """Right or wrong on each test input; with `verify` each is run alone, in a fixed shape."""
    pairs = [(example.id, chosen.chain, chosen.policy) for example in work.splits[1]]
    return [reward >= 1 for reward in evaluate(pairs, alone=work.settings.controls.verify)]
