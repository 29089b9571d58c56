"""A chain that breaks the model never gives a right answer: NaN and nothing but -inf are no match with anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from skiploop.chains.chain import Chain
from skiploop.chains.policy import POLICIES, CachePolicy
from skiploop.engine.engine import Engine
from skiploop.engine.packing import lay_out
from skiploop.engine.plain import PlainEngine
from skiploop.engine.request import Request
from skiploop.engine.targets import compare
from skiploop.models.layered import LayeredModel
from tests.conformance.tiny import VOCABULARY, tiny_model

NO_ENDS = (-1,)
BROKEN = [math.nan, -math.inf]


def verdicts(rows: Sequence[Sequence[float]], targets: Sequence[int], ends: Sequence[int] = NO_ENDS) -> list[bool]:
    """Of one-token answers, each with a row of logits of its own."""
    part = [(lay_out([5], [[target]]), (0,)) for target in targets]
    found = compare(torch.tensor(rows), torch.tensor(targets), part, torch.tensor(ends))
    return [score.matched for score in found]


@pytest.mark.parametrize("value", BROKEN)
def test_no_token_is_a_match_where_every_logit_is_broken(value: float) -> None:
    assert verdicts([[value] * 7] * 7, range(7)) == [False] * 7
    assert verdicts([[value] * 7] * 7, range(7), ends=range(7)) == [False] * 7  # nor any end for another


@pytest.mark.parametrize("place", range(4))
def test_no_token_is_a_match_where_one_logit_is_nan(place: int) -> None:
    logits = [1.0, 3.0, 2.0, -math.inf]
    logits[place] = math.nan
    assert verdicts([logits] * 4, range(4)) == [False] * 4


def test_logits_of_minus_infinity_beside_others_do_no_harm() -> None:
    """Some models rule tokens out that way."""
    logits = [-math.inf, -4.0, -math.inf, -5.0]
    assert verdicts([logits] * 4, range(4)) == [False, True, False, False]
    assert verdicts([logits] * 4, range(4), ends=(1, 3)) == [False, True, False, True]


@pytest.mark.parametrize("value", BROKEN)
def test_one_broken_row_spoils_its_own_answer_alone(value: float) -> None:
    part = [(lay_out([5], [[0, 1]]), (0,)), (lay_out([5], [[0, 0]]), (0,)), (lay_out([5], [[0]]), (0,))]
    right_for_0, right_for_1, broken = [2.0, 1.0], [1.0, 2.0], [value, value]
    logits = torch.tensor([right_for_0, right_for_1, right_for_0, broken, right_for_0])
    found = compare(logits, torch.tensor([0, 1, 0, 0, 0]), part, torch.tensor(NO_ENDS))
    assert [score.matched for score in found] == [True, False, True]


@pytest.mark.parametrize("value", BROKEN)
def test_an_engine_matches_nothing_on_a_model_whose_logits_are_broken(value: float) -> None:
    model = tiny_model("llama")
    pairs = [(lay_out([10, 11, 12], [[token]]), (0, 1, 2, 3)) for token in range(VOCABULARY)]

    def matched() -> int:
        with torch.inference_mode():
            return sum(score.matched for score in Engine(LayeredModel(model)).score_layouts(pairs).values())

    assert matched() == 1  # the arg-max

    def spoil(_head: Any, _inputs: Any, logits: torch.Tensor) -> torch.Tensor:
        return torch.full_like(logits, value)

    model.lm_head.register_forward_hook(spoil)
    assert matched() == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_both_engines_give_a_likelihood_where_one_pass_decides_and_none_where_it_has_to_be_generated(
    policy: CachePolicy,
) -> None:
    model, chain = LayeredModel.from_pretrained("nano"), Chain([0, 1, 1, 2, 3, 4, 5, 6, 7], 8)
    request = Request("1+1=", chain, expected="2", with_loglikelihood=True, cache_policy=policy)
    (batched,), (plain,) = Engine(model).run([request]), PlainEngine(model).run([request])
    assert batched.matched == plain.matched
    assert len(batched.loglikelihoods) == len(plain.loglikelihoods) == (policy == "own")
    assert batched.loglikelihoods == pytest.approx(plain.loglikelihoods, abs=1e-4)
