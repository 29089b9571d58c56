"""What every searcher keeps to, in every space; a new searcher is tested by adding it to SEARCHERS."""

from __future__ import annotations

import sys

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import SEARCHERS, RandomSearcher, Searcher, make_searcher
from skiploop.spaces.named import SPACES, make_space
from skiploop.spaces.space import Space
from skiploop.testing.searcher_contract import SearcherContract, refused

# A searcher sees a space through `Space` alone: each searcher in one or two spaces, and one searcher in each space,
# cover both sides. All pairs are for `-m slow`, Optuna's sampler too. What learns a model costs milliseconds a chain.
COSTLY = ("surrogate", "tpe", "nsga2", "gflownet", "hybrid")


def quick(name: str, space: str) -> bool:
    """Whether the pair is always tested."""
    return name == "random" or (space == "cola" and name != "tpe") or (space == "permute" and name not in COSTLY)


PAIRS = [
    pytest.param(name, space, marks=[] if quick(name, space) else [pytest.mark.slow])
    for name in SEARCHERS
    for space in SPACES
]


@pytest.mark.parametrize(("name", "space_name"), PAIRS)
class TestContract(SearcherContract):
    """Each searcher in each space."""

    @pytest.fixture(autouse=True)
    def chosen(self, name: str, space_name: str) -> None:
        self.name, self.space_name = name, space_name
        self.seeded = name != "exhaustive"

    def make(self, space: Space, seed: int = 0) -> Searcher:
        return make_searcher(self.name, space, seed=seed)


class Broken(RandomSearcher):
    """Breaks one promise at a time."""

    def __init__(self, space: Space, *, seed: int, promise: str) -> None:
        super().__init__(space, seed=seed)
        self.promise, self.asked = promise, [space.identity]

    def ask(self, n: int) -> list[Chain]:
        chains = super().ask(n)
        if self.promise == "repeats" and len(self.asked) > 20 and chains:
            chains[0] = self.asked[5]
        if self.promise == "illegal" and chains:
            chains[-1] = Chain([3, 1, 2, 1], self.space.num_layers)
        if self.promise == "short":
            chains = chains[:3]
        self.asked += chains
        return chains

    def tell(self, chain: Chain, reward: float) -> None:
        if self.promise != "forgets":
            super().tell(chain, reward)
        if self.promise in ("ordered", "twice"):
            self._rng.seed(hash((chain.layers, reward if self.promise == "twice" else self._rng.random())))


@pytest.mark.parametrize(
    ("promise", "test"),
    [
        ("repeats", "test_only_legal_chains_and_no_repeats"),
        ("illegal", "test_only_legal_chains_and_no_repeats"),
        ("short", "test_a_batch_is_full_before_anything_is_told"),
        ("forgets", "test_what_was_told_is_not_asked"),
        ("forgets", "test_the_identity_may_be_told_first"),
        ("ordered", "test_the_order_of_tells_within_a_round_does_not_matter"),
        ("twice", "test_telling_twice_is_harmless"),
    ],
)
def test_the_contract_notices_a_searcher_that_breaks_it(promise: str, test: str) -> None:
    class Mine(SearcherContract):
        def make(self, space: Space, seed: int = 0) -> Broken:
            return Broken(space, seed=seed, promise=promise)

    with pytest.raises(AssertionError):
        getattr(Mine(), test)()


def test_what_should_be_refused_and_is_not_is_noticed() -> None:
    with pytest.raises(AssertionError, match="accepted"):
        refused(lambda: None, "n=")


def test_unknown_names_are_refused() -> None:
    space = make_space("cola", 4)
    with pytest.raises(InvalidInput, match=r"'mcts'; use one of auto, random, nearby, cola,"):
        make_searcher("mcts", space)
    with pytest.raises(
        InvalidInput,
        match=r"unknown setting lam of searcher 'cola'; it takes random_child, widening,",
    ):
        make_searcher("cola", space, lam=0)
    with pytest.raises(InvalidInput, match=r"unknown setting exploration of searcher 'random'; it takes none"):
        make_searcher("random", space, exploration=0)


def test_searchers_import_no_torch() -> None:
    import subprocess

    code = "import sys, skiploop.searchers; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
