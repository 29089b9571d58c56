"""What every searcher keeps to, in every space; a new searcher is tested by adding it to SEARCHERS."""

from __future__ import annotations

import random
import sys

import pytest

from skiploop.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import SEARCHERS, Searcher, make_searcher
from skiploop.space import SPACES, Space, make_space
from tests.searchers.rewards import scattered


def run(searcher: Searcher, budget: int, batch: int = 1) -> list[Chain]:
    """Asks and tells until the budget is spent or nothing is left; the chains in the order asked."""
    asked: list[Chain] = []
    while len(asked) < budget and (chains := searcher.ask(min(batch, budget - len(asked)))):
        for chain in chains:
            searcher.tell(chain, scattered(chain))
        asked += chains
    return asked


@pytest.mark.parametrize("space_name", SPACES)
@pytest.mark.parametrize("name", SEARCHERS)
class TestContract:
    """One searcher in one space: `large` is never searched to its end, `small` is."""

    @pytest.fixture
    def large(self, space_name: str) -> Space:
        return make_space(space_name, {"early-exit": 250, "block": 24}.get(space_name, 12))

    @pytest.fixture
    def small(self, space_name: str) -> Space:
        return make_space(space_name, {"early-exit": 12, "block": 5}.get(space_name, 4))

    def test_equal_seeds_ask_equal_chains(self, name: str, large: Space) -> None:
        runs = [run(make_searcher(name, large, seed=seed), 120, batch=3) for seed in (0, 0, 1)]
        assert runs[0] == runs[1]
        assert len(runs[0]) == 120
        if large.name != "early-exit":  # a single order may be all there is to choose there
            assert runs[0] != runs[2]

    def test_the_global_generator_is_left_alone(self, name: str, large: Space) -> None:
        random.seed(1)
        before = random.getstate()
        first = run(make_searcher(name, large), 50)
        assert random.getstate() == before
        random.seed(2)
        assert run(make_searcher(name, large), 50) == first

    @pytest.mark.parametrize("batch", [1, 7, 60])
    def test_only_legal_chains_and_no_repeats(self, name: str, large: Space, batch: int) -> None:
        asked = run(make_searcher(name, large, seed=3), 180, batch)
        assert len(asked) == len(set(asked)) == 180
        assert all(chain in large for chain in asked)

    @pytest.mark.parametrize("batch", [1, 5, 10_000])
    def test_a_small_space_is_exhausted(self, name: str, small: Space, batch: int) -> None:
        searcher = make_searcher(name, small, seed=1)
        asked = run(searcher, 10_000, batch)
        assert len(asked) == small.count()
        assert set(asked) == set(small.enumerate())
        assert searcher.ask(1) == searcher.ask(5) == []

    def test_a_batch_is_full_before_anything_is_told(self, name: str, small: Space) -> None:
        searcher = make_searcher(name, small)
        first = searcher.ask(5)
        rest = searcher.ask(small.count())
        assert len(first) == 5
        assert set(first + rest) == set(small.enumerate()) and len(first + rest) == small.count()
        assert searcher.ask(1) == []
        for chain in rest + first:
            searcher.tell(chain, 1.0)
        assert searcher.ask(1) == []

    def test_nothing_is_asked_for_zero(self, name: str, large: Space) -> None:
        searcher = make_searcher(name, large)
        assert searcher.ask(0) == []
        assert run(searcher, 30) == run(make_searcher(name, large), 30)

    def test_the_order_of_tells_within_a_round_does_not_matter(self, name: str, large: Space) -> None:
        runs = []
        for order in (lambda chains: chains, lambda chains: chains[::-1]):
            searcher, asked = make_searcher(name, large, seed=2), []
            for _ in range(15):
                chains = searcher.ask(8)
                asked += chains
                for chain in order(chains):
                    searcher.tell(chain, scattered(chain))
            runs.append(asked)
        assert runs[0] == runs[1]

    def test_tells_may_come_late(self, name: str, large: Space) -> None:
        searcher, asked, waiting = make_searcher(name, large), [], []
        for _ in range(40):
            waiting += searcher.ask(4)
            asked += waiting[-4:]
            while len(waiting) > 10:
                chain = waiting.pop(len(waiting) // 2)
                searcher.tell(chain, scattered(chain))
        assert len(set(asked)) == len(asked) == 160

    def test_telling_twice_is_harmless(self, name: str, large: Space) -> None:
        searcher, asked = make_searcher(name, large), []
        for _ in range(60):
            for chain in searcher.ask(1):
                searcher.tell(chain, scattered(chain))
                searcher.tell(chain, 1 - scattered(chain))
                asked.append(chain)
                searcher.tell(asked[0], 0.5)
        assert asked == run(make_searcher(name, large), 60)

    def test_the_identity_may_be_told_first(self, name: str, small: Space) -> None:
        searcher = make_searcher(name, small)
        searcher.tell(small.identity, 1.0)
        asked = run(searcher, 10_000)
        assert small.identity not in asked
        assert set(asked) == set(small.enumerate()) - {small.identity} and len(asked) == small.count() - 1

    def test_what_was_told_is_not_asked(self, name: str, small: Space) -> None:
        told = random.Random(0).sample(list(small.enumerate()), small.count() // 2)
        searcher = make_searcher(name, small)
        asked = run(searcher, 3)
        for chain in told:
            searcher.tell(chain, 0.25)
        later = run(searcher, 10_000, batch=2)
        assert not set(later) & (set(told) | set(asked))
        assert set(asked) | set(told) | set(later) == set(small.enumerate())
        assert len(later) == small.count() - len(set(asked) | set(told))

    def test_a_searcher_that_was_only_told_goes_on(self, name: str, large: Space) -> None:
        told = run(make_searcher(name, large, seed=4), 60)
        searcher = make_searcher(name, large, seed=4)
        for chain in told:
            searcher.tell(chain, scattered(chain))
        more = run(searcher, 60)
        assert len(set(more)) == 60 and not set(more) & set(told)

    def test_chains_outside_the_space_are_absorbed(self, name: str, large: Space) -> None:
        searcher = make_searcher(name, large)
        stranger = Chain([3, 1, 2, 1], large.num_layers)
        assert stranger not in large
        searcher.tell(stranger, 1.0)
        assert run(searcher, 40) == run(make_searcher(name, large), 40)

    def test_replaying_the_rounds_restores_the_state(self, name: str, large: Space) -> None:
        """A study's resume: the same seed and the same rounds give the same future."""
        original, rng = make_searcher(name, large, seed=9), random.Random(1)
        original.tell(large.identity, 0.5)
        rounds = []
        for _ in range(20):
            chains = original.ask(rng.randint(1, 6))
            told = rng.sample(chains, len(chains))
            rounds.append((len(chains), told))
            for chain in told:
                original.tell(chain, scattered(chain))
        again = make_searcher(name, large, seed=9)
        again.tell(large.identity, 0.5)
        for n, told in rounds:
            assert set(again.ask(n)) == set(told)
            for chain in told:
                again.tell(chain, scattered(chain))
        assert run(again, 50, batch=4) == run(original, 50, batch=4)

    @pytest.mark.parametrize("reward", [float("nan"), float("inf"), None, "right"])
    def test_rewards_that_are_no_numbers_are_refused(self, name: str, large: Space, reward: float) -> None:
        searcher = make_searcher(name, large)
        with pytest.raises(InvalidInput, match="finite"):
            searcher.tell(large.identity, reward)
        assert run(searcher, 20) == run(make_searcher(name, large), 20), "a refused reward changes nothing"

    def test_bad_calls_are_refused(self, name: str, large: Space) -> None:
        searcher = make_searcher(name, large)
        for n in (-1, True, 1.0, None):
            with pytest.raises(InvalidInput, match="n="):
                searcher.ask(n)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="for a model of 5 layers"):
            searcher.tell(Chain.identity(5), 1.0)
        with pytest.raises(InvalidInput, match="seed="):
            make_searcher(name, large, seed=-1)


def test_unknown_names_are_refused() -> None:
    space = make_space("cola", 4)
    with pytest.raises(InvalidInput, match=r"'mcts'; use one of random, nearby, cola,"):
        make_searcher("mcts", space)
    with pytest.raises(InvalidInput, match=r"unknown setting lam of searcher 'cola'; it takes exploration"):
        make_searcher("cola", space, lam=0)
    with pytest.raises(
        InvalidInput, match=r"unknown setting exploration of searcher 'random'; it takes none"
    ):
        make_searcher("random", space, exploration=0)


def test_searchers_import_no_torch() -> None:
    import subprocess

    code = "import sys, skiploop.searchers.cola, skiploop.searchers.random; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
