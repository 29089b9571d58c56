"""PUCT's rule, priors, values at first, and pessimism."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest

from skiploop.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import ColaSearcher, ColaSettings
from skiploop.searchers.contract import SearcherContract
from skiploop.searchers.puct import PuctSearcher, PuctSettings, normalised
from skiploop.searchers.tree import ValuedNode, Valuing
from skiploop.space import Space, make_space
from tests.searchers.rewards import planted, scattered


@pytest.mark.parametrize("space_name", ["cola", "early-exit", "permute"])
class TestPessimistContract(SearcherContract):
    """All options of the tree at once."""

    @pytest.fixture(autouse=True)
    def share_of_gambles(pessimism: float, coin: float) -> float:
    """How many evaluations go to chains without layer 0, worth 1 or 0 by a coin; all others are worth 0.5."""
    space, gambles = make_space("skip", 8, max_block=1), 0
    for seed in range(30):
        rng = random.Random(seed)
        settings = PuctSettings(pessimism=pessimism, exploration=0.3, widening=8.0)
        searcher = PuctSearcher(space, seed=seed, settings=settings)
        for _ in range(80):
            (chain,) = searcher.ask(1)
            gambles += 0 not in chain
            searcher.tell(chain, float(rng.random() < coin) if 0 not in chain else 0.5)
    return gambles / (30 * 80)


def test_pessimism_prefers_what_is_steady_to_what_is_as_good_on_average() -> None:
    assert share_of_gambles(0.5, coin=0.5) < share_of_gambles(0.0, coin=0.5) - 0.05
    assert share_of_gambles(0.5, coin=0.6) < share_of_gambles(0.0, coin=0.6) - 0.1, "that is its price"


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (0.5, 2.0), (0.5, -1.0)])
def test_bad_first_values_are_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput, match="first_value gave"):
        ColaSearcher(make_space("cola", 4), first_value=lambda chain: bad)


@pytest.mark.parametrize("setting", ["exploration", "random_child", "pessimism", "first_weight"])
def test_bad_settings_are_refused_by_name(setting: str) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}=-1"):
        PuctSettings(**{setting: -1})
