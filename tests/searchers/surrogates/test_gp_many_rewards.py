"""Of many rewards a Gaussian process keeps the best and the latest: what was good long ago still guides it."""

from __future__ import annotations

import random
from collections.abc import Callable

from skiploop.chains.chain import Chain
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space

LAYERS = 6
MOST = 192  # rewards that a fit looks at, half of them the best and half the latest


def skips_layer_two(chain: Chain) -> bool:
    return 2 not in chain.layers


def asked_after(first: list[Chain], later: list[Chain], reward: Callable[[Chain], float], space: Space) -> list[Chain]:
    """What is asked when the rewards of `first`, and after that those of `later`, are known."""
    searcher = make_searcher("gp", space, improvement=0.0, front=0.0)
    for chains in (first, later):
        for chain in chains:
            searcher.tell(chain, reward(chain))
        (asked,) = searcher.ask(1)  # closes a batch: what is told between two asks counts as told at once
        searcher.tell(asked, reward(asked))
    found = []
    for _ in range(8):
        (asked,) = searcher.ask(1)
        found.append(asked)
        searcher.tell(asked, 0.0)
    return found


def test_above_192_rewards_the_best_are_remembered_and_not_the_worst() -> None:
    """Chains without layer 2 are right, and were told first; the latest 220 rewards are of wrong ones.

    Where the best are kept all 8 chains that follow leave out layer 2; from the worst nothing is to be learned, and 2
    to 4 of 8 do (over 6 shufflings).
    """
    space = make_space("cola", LAYERS)
    chains = list(space.enumerate())
    random.Random(0).shuffle(chains)
    right = [chain for chain in chains if skips_layer_two(chain)][:40]
    wrong = [chain for chain in chains if not skips_layer_two(chain)][: MOST + 28]
    asked = asked_after(right, wrong, lambda chain: float(skips_layer_two(chain)), space)
    assert sum(map(skips_layer_two, asked)) >= 7
