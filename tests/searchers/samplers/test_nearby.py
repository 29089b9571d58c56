"""Random chains near the identity."""

from __future__ import annotations

from statistics import mean

import pytest

from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space


def test_chains_have_few_edits_and_more_on_demand() -> None:
    space = make_space("cola", 28)
    edits = {
        more: mean(len(chain.edits()) for chain in make_searcher("nearby", space, more=more).ask(300))
        for more in (0.0, 0.5, 0.8)
    }
    uniform = mean(len(chain.edits()) for chain in make_searcher("random", space).ask(300))
    assert edits[0.0] <= 1 < edits[0.5] < edits[0.8] < uniform
    assert edits[0.5] < 3


def test_the_identity_comes_first() -> None:
    space = make_space("cola", 8)
    assert make_searcher("nearby", space, seed=5).ask(1) == [space.identity]


@pytest.mark.parametrize("more", [1, -0.1, True, float("nan")])
def test_a_probability_of_one_never_ends(more: float) -> None:
    with pytest.raises(InvalidInput, match="more="):
        make_searcher("nearby", make_space("cola", 4), more=more)
