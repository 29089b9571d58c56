"""One chain for all inputs: a search that spends little on bad chains. No torch.

A searcher asks for a few chains at a time. All of them are run on the same few training inputs; the better half goes on
to twice as many, and so on until all training inputs are used (successive halving, Jamieson and Talwalkar,
arXiv 1502.07943). The searcher is told the mean reward of each chain over the inputs that it came to. Only chains that
were run on *all* training inputs can be chosen, so no chain wins by luck on a few.

Where several cache policies are tried, a chain with a loop starts once under each of them, and the searcher is told the
best of its means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from skiploop.chains.policy import CachePolicy
from skiploop.searchers import Searcher
from skiploop.studies.static.cached_chain import CachedChain, variants
from skiploop.validate import whole_number

Evaluate = Callable[[Sequence[tuple[CachedChain, int]]], Sequence[float]]
"""Rewards of pairs (chain, number of a training input)."""


@dataclass(frozen=True, slots=True)
class Halving:
    """How the inputs are dealt out.

    Attributes:
        inputs: number of training inputs.
        first: inputs of the first step.
        per_round: chains that start together.
    """

    inputs: int
    first: int = 16
    per_round: int = 8

    def __post_init__(self) -> None:
        for name in ("inputs", "first", "per_round"):
            whole_number(name, getattr(self, name), 1)

    @property
    def steps(self) -> tuple[int, ...]:
        """Inputs that a chain has been run on after each step."""
        found = [min(self.first, self.inputs)]
        while found[-1] < self.inputs:
            found.append(min(2 * found[-1], self.inputs))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chain with the rewards of the training inputs that it was run on, in their order."""

    chain: CachedChain
    rewards: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean reward over the inputs so far."""
        return sum(self.rewards) / len(self.rewards)


@dataclass(slots=True)
class StaticSearch:
    """Asks a searcher for chains until its budget is spent.

    Args:
        searcher: looks for chains; rewards are means over inputs.
        plan: how the inputs are dealt out.
        budget: distinct chains.
        evaluate: rewards; asking for a pair again must give the same.
        policies: of the cache, under each of which a chain with a loop is tried.
    """

    searcher: Searcher
    plan: Halving
    budget: int
    evaluate: Evaluate
    policies: tuple[CachePolicy, ...] = ("own",)
    candidates: list[Candidate] = field(default_factory=list)

    def run(self) -> Iterator[list[Candidate]]:
        """Round after round; yields what each has found."""
        while (room := self.budget - self.chains) > 0:
            chains = self.searcher.ask(min(self.plan.per_round, room))
            if not chains:
                return
            started = [each for chain in chains for each in variants(chain, self.policies)]
            found = race(started, self.plan, self.evaluate)
            for chain in chains:
                self.searcher.tell(chain, max(each.mean for each in found if each.chain.chain == chain))
            self.candidates += found
            yield found

    @property
    def chains(self) -> int:
        """Distinct chains that were tried."""
        return len({each.chain.chain for each in self.candidates})

    @property
    def complete(self) -> list[Candidate]:
        """The chains that were run on all training inputs."""
        return [each for each in self.candidates if len(each.rewards) == self.plan.inputs]


def race(chains: Sequence[CachedChain], plan: Halving, evaluate: Evaluate) -> list[Candidate]:
    """Runs chains against each other on the same inputs; all of them with how far they came, in the order given."""
    rewards: dict[CachedChain, list[float]] = {chain: [] for chain in chains}
    going, done = list(chains), 0
    for inputs in plan.steps:
        pairs = [(chain, number) for chain in going for number in range(done, inputs)]
        for (chain, _), reward in zip(pairs, evaluate(pairs), strict=True):
            rewards[chain].append(reward)
        done = inputs
        going = sorted(going, key=lambda chain: (-sum(rewards[chain]), len(chain)))[: (len(going) + 1) // 2]
    return [Candidate(chain, tuple(rewards[chain])) for chain in chains]
