"""What every searcher keeps to, as a class of tests to inherit from. Needs nothing but an ask and a tell.

    from skiploop.testing.searcher_contract import SearcherContract

    class TestMine(SearcherContract):
        def make(self, space, seed=0):
            return MySearcher(space, seed=seed)

Run that with pytest, or call the methods whose names begin with `test_` yourself: each raises AssertionError where
the promise in its name is broken. For other spaces than CoLa's, override `space_name` (one of
`skiploop.spaces.named.SPACES`), or `large` and `small`. A searcher in whose order there is no chance says `seeded =
False`.

Rewards are numbers here; a searcher may take others, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers.warm import Asker
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space

Order = Callable[[list[Chain]], Iterable[Chain]]


def scattered(chain: Chain) -> float:
    """A reward without structure to speak of; sixteenths, so that sums are exact in any order."""
    return sum((slot + 1) * (layer + 3) ** 2 for slot, layer in enumerate(chain)) * 7919 % 17 / 16


def run(searcher: Asker, budget: int, batch: int = 1) -> list[Chain]:
    """Asks and tells until the budget is spent or nothing is left; the chains in the order asked."""
    asked: list[Chain] = []
    while len(asked) < budget and (chains := searcher.ask(min(batch, budget - len(asked)))):
        tell_all(searcher, chains)
        asked += chains
    return asked


def tell_all(searcher: Asker, chains: Iterable[Chain]) -> None:
    """The scattered reward of each."""
    for chain in chains:
        searcher.tell(chain, scattered(chain))


def refused(call: Callable[[], object], message: str) -> None:
    """Asserts that a call is refused with InvalidInput, and a message that has this in it."""
    try:
        call()
    except InvalidInput as error:
        assert message in str(error), f"the message {str(error)!r} doesn't say {message!r}"
    else:
        raise AssertionError(f"accepted, where InvalidInput with {message!r} should be raised")


class SearcherContract:
    """The promises; `large` is never searched to its end, `small` is.

    Attributes:
        space_name: where it is tested.
        seeded: whether another seed gives another order.
    """

    space_name: str = "cola"
    seeded: bool = True

    def make(self, space: Space, seed: int = 0) -> Asker:
        """A fresh searcher: this is what a subclass provides."""
        raise NotImplementedError

    def large(self) -> Space:
        """Of at least 250 chains, not all sequences over the layers."""
        return make_space(self.space_name, {"early-exit": 250, "block": 24, "damped": 24}.get(self.space_name, 12))

    def small(self) -> Space:
        """Of at least 6 chains, few enough to list."""
        return make_space(self.space_name, {"early-exit": 12, "block": 5}.get(self.space_name, 4))

    # Determinism

    def test_equal_seeds_ask_equal_chains(self) -> None:
        large = self.large()
        runs = [run(self.make(large, seed), 120, batch=3) for seed in (0, 0, 1)]
        assert runs[0] == runs[1]
        assert len(runs[0]) == 120
        if self.seeded and large.name != "early-exit":  # a single order may be all there is to choose there
            assert runs[0] != runs[2]

    def test_the_global_generator_is_left_alone(self) -> None:
        large, outside = self.large(), random.getstate()
        try:
            random.seed(1)
            before = random.getstate()
            first = run(self.make(large), 50)
            assert random.getstate() == before
            random.seed(2)
            assert run(self.make(large), 50) == first
        finally:
            random.setstate(outside)

    def test_replaying_the_rounds_restores_the_state(self) -> None:
        """A study's resume, without pickle: the same seed and the same rounds give the same future."""
        large, rng = self.large(), random.Random(1)
        original = self.make(large, 9)
        original.tell(large.identity, 0.5)
        rounds: list[tuple[int, list[Chain]]] = []
        for _ in range(20):
            wanted = rng.randint(1, 6)
            chains = original.ask(wanted)
            rounds.append((wanted, chains))
            tell_all(original, rng.sample(chains, len(chains)))
        again = self.make(large, 9)
        again.tell(large.identity, 0.5)
        for wanted, chains in rounds:
            assert again.ask(wanted) == chains
            tell_all(again, chains)
        assert run(again, 50, batch=4) == run(original, 50, batch=4)

    def test_the_order_of_tells_within_a_round_does_not_matter(self) -> None:
        orders: Sequence[Order] = (lambda chains: chains, lambda chains: chains[::-1])
        runs = []
        for order in orders:
            searcher, asked = self.make(self.large(), 2), []
            for _ in range(15):
                chains = searcher.ask(8)
                asked += chains
                tell_all(searcher, order(chains))
            runs.append(asked)
        assert runs[0] == runs[1]

    # What is asked

    def test_only_legal_chains_and_no_repeats(self) -> None:
        large = self.large()
        for batch in (1, 7, 60):
            asked = run(self.make(large, 3), 180, batch)
            assert len(asked) == len(set(asked)) == 180
            assert all(chain in large for chain in asked)

    def test_a_small_space_is_exhausted(self) -> None:
        small = self.small()
        for batch in (1, 5, 10_000):
            searcher = self.make(small, 1)
            asked = run(searcher, 10_000, batch)
            assert len(asked) == small.count()
            assert set(asked) == set(small.enumerate())
            assert searcher.ask(1) == searcher.ask(5) == []

    def test_a_batch_is_full_before_anything_is_told(self) -> None:
        small = self.small()
        searcher = self.make(small)
        first = searcher.ask(5)
        rest = searcher.ask(small.count())
        assert len(first) == 5
        assert set(first + rest) == set(small.enumerate()) and len(first + rest) == small.count()
        assert searcher.ask(1) == []
        for chain in rest + first:
            searcher.tell(chain, 1.0)
        assert searcher.ask(1) == []

    def test_nothing_is_asked_for_zero(self) -> None:
        large = self.large()
        searcher = self.make(large)
        assert searcher.ask(0) == []
        assert run(searcher, 30) == run(self.make(large), 30)

    # What is told

    def test_tells_may_come_late(self) -> None:
        searcher = self.make(self.large())
        asked: list[Chain] = []
        waiting: list[Chain] = []
        for _ in range(40):
            chains = searcher.ask(4)
            asked += chains
            waiting += chains
            while len(waiting) > 10:
                tell_all(searcher, [waiting.pop(len(waiting) // 2)])
        assert len(set(asked)) == len(asked) == 160

    def test_telling_twice_is_harmless(self) -> None:
        large = self.large()
        searcher, asked = self.make(large), []
        for _ in range(60):
            for chain in searcher.ask(1):
                searcher.tell(chain, scattered(chain))
                searcher.tell(chain, 1 - scattered(chain))
                asked.append(chain)
                searcher.tell(asked[0], 0.5)
        assert asked == run(self.make(large), 60)

    def test_the_identity_may_be_told_first(self) -> None:
        small = self.small()
        searcher = self.make(small)
        searcher.tell(small.identity, 1.0)
        asked = run(searcher, 10_000)
        assert small.identity not in asked
        assert set(asked) == set(small.enumerate()) - {small.identity} and len(asked) == small.count() - 1

    def test_what_was_told_is_not_asked(self) -> None:
        small = self.small()
        told = random.Random(0).sample(list(small.enumerate()), small.count() // 2)
        searcher = self.make(small)
        asked = run(searcher, 3)
        for chain in told:
            searcher.tell(chain, 0.25)
        later = run(searcher, 10_000, batch=2)
        assert not set(later) & (set(told) | set(asked))
        assert set(asked) | set(told) | set(later) == set(small.enumerate())
        assert len(later) == small.count() - len(set(asked) | set(told))

    def test_a_searcher_that_was_only_told_goes_on(self) -> None:
        large = self.large()
        told = run(self.make(large, 4), 60)
        searcher = self.make(large, 4)
        tell_all(searcher, told)
        more = run(searcher, 60)
        assert len(set(more)) == 60 and not set(more) & set(told)

    def test_chains_outside_the_space_are_absorbed(self) -> None:
        large = self.large()
        searcher = self.make(large)
        stranger = Chain([3, 1, 2, 1], large.num_layers)
        assert stranger not in large
        searcher.tell(stranger, 1.0)
        assert run(searcher, 40) == run(self.make(large), 40)

    # What is refused

    def test_rewards_that_are_no_numbers_are_refused(self) -> None:
        large = self.large()
        expected = run(self.make(large), 20)
        bad: Sequence[object] = (float("nan"), float("inf"), None, "right")
        for reward in bad:
            searcher = self.make(large)
            refused(lambda s=searcher, r=reward: s.tell(large.identity, r), "finite")  # type: ignore[misc]
            assert run(searcher, 20) == expected, "a refused reward changes nothing"

    def test_bad_calls_are_refused(self) -> None:
        large = self.large()
        searcher = self.make(large)
        bad: Sequence[object] = (-1, True, 1.0, None)
        for n in bad:
            refused(lambda n=n: searcher.ask(n), "n=")  # type: ignore[misc]
        refused(lambda: searcher.tell(Chain.identity(5), 1.0), "for a model of 5 layers")
        refused(lambda: self.make(large, -1), "seed=")
