"""Phases that are planted are found; a prior is refused unless it predicts."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skiploop.analysis.phases import Partition, choose_phases, drift_gain, gains, without_phases
from skiploop.analysis.settings import SimilaritySettings
from skiploop.analysis.similarity import (
    ALLOWED,
    REFUSED,
    analyse,
    gold_request,
    gold_score,
    phase_report,
    prior,
    prompt_matrices,
)
from skiploop.analysis.subject import open_subject
from skiploop.chains.chain import Chain
from skiploop.engine.request import Result
from skiploop.models.influence import block_influence
from skiploop.models.layered import LayeredModel
from skiploop.stats.bootstrap import Floats
from skiploop.studies.search import search
from skiploop.testing.fakes import fake_task


@pytest.fixture(scope="module")
def model() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


def blocks(sizes: tuple[int, ...], inside: float = 0.05, between: float = 0.5) -> Floats:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    matrix = np.where(np.equal.outer(labels, labels), inside, between)
    np.fill_diagonal(matrix, 0.0)
    return matrix


@pytest.mark.parametrize(("sizes", "starts"), [((3, 5, 4), (0, 3, 8)), ((6, 6), (0, 6)), ((2, 4, 4, 2), (0, 2, 6, 10))])
def test_planted_phases_are_found_under_noise(sizes: tuple[int, ...], starts: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.01, size=(12, 12))
    matrix = blocks(sizes) + np.triu(noise, 1) + np.triu(noise, 1).T
    assert choose_phases(matrix) == starts
    assert gains(matrix).max() > drift_gain(12)


def test_an_even_drift_has_no_phases() -> None:
    matrix = np.abs(np.subtract.outer(np.arange(10.0), np.arange(10.0))) / 10
    assert choose_phases(matrix) == (0,)
    assert without_phases(matrix) == pytest.approx(matrix)
    assert choose_phases(np.zeros((5, 5))) == (0,)


def test_an_uneven_drift_stays_below_its_reference_nineteen_times_in_twenty() -> None:
    rng, reference = np.random.default_rng(1), drift_gain(8)
    above = 0
    for _ in range(200):
        places = np.cumsum(rng.exponential(size=8))
        above += gains(np.abs(np.subtract.outer(places, places))).max() > reference
    assert above <= 20


def test_the_partition_is_the_best_of_all() -> None:
    rng = random.Random(0)
    size = 7
    values = np.array([[rng.random() for _ in range(size)] for _ in range(size)])
    matrix = np.triu(values, 1) + np.triu(values, 1).T
    partition = Partition(matrix)

    def scatter(starts: tuple[int, ...]) -> float:
        ends = (*starts[1:], size)
        parts = [matrix[a:b, a:b].sum() / 2 / (b - a) for a, b in zip(starts, ends, strict=True)]
        return float(sum(parts))

    for phases in range(1, size + 1):
        every = [(0, *rest) for rest in itertools.combinations(range(1, size), phases - 1)]
        assert scatter(partition.starts(phases)) == pytest.approx(min(map(scatter, every)))
        assert partition.scatter[phases - 1] == pytest.approx(min(map(scatter, every)))


def test_phases_are_clear_only_above_what_drift_reaches() -> None:
    settings = SimilaritySettings(resamples=50)
    rng = np.random.default_rng(0)
    sums = np.array([blocks((4, 4, 4)) * (1 + 0.1 * rng.random()) for _ in range(10)])
    found = phase_report(sums, np.ones(10), settings)
    assert found.phases == ((0, 3), (4, 7), (8, 11))
    assert found.clear
    drift = np.abs(np.subtract.outer(np.arange(12.0), np.arange(12.0)))
    assert not phase_report(np.array([drift] * 10), np.ones(10), settings).clear


# The matrix


def test_beside_the_diagonal_is_block_influence(model: LayeredModel) -> None:
    prompts = ["calc:3+4=", "sort:3 1 2="]
    sums, tokens = prompt_matrices(model, prompts)
    matrix = sums.sum(axis=0) / tokens.sum()
    assert matrix == pytest.approx(matrix.T)
    assert np.diagonal(matrix, 1) == pytest.approx(block_influence(model, prompts), rel=1e-3, abs=1e-5)


# The prior


def test_a_prior_is_allowed_only_where_it_predicts() -> None:
    rng = np.random.default_rng(0)
    influence = np.linspace(0.1, 1, 16)
    assert prior(influence, influence**2, influence).verdict == ALLOWED
    assert prior(influence, -influence, influence).verdict == REFUSED, "the wrong sign"
    assert prior(influence, np.ones(16), influence).verdict == REFUSED, "nothing varies"
    assert prior(influence[:4], influence[:4], influence[:4]).verdict == REFUSED, "four layers show nothing"
    allowed = sum(prior(influence, rng.permutation(influence), influence).verdict == ALLOWED for _ in range(40))
    assert allowed <= 4


@pytest.mark.parametrize(
    ("metric", "decides"),
    [
        ("acc", [-2.0, -3.0, -8.0, -3.0]),
        ("acc_per_token", [-2.0, -3.0, -4.0, -3.0]),
        ("acc_mutual_info", [-1.0, -2.0, -3.0, 0.0]),
    ],
)
def test_of_options_the_right_ones_share_counts_by_the_metric_of_the_study(metric: str, decides: list[float]) -> None:
    task = replace(fake_task(1, "choice"), metric=metric)
    example = task.examples[0]
    assert example.gold is not None
    alone = (-1.0, -1.0, -5.0, -3.0)
    odds = np.exp(decides)
    score = gold_score(task, example, Result((-2.0, -3.0, -8.0, -3.0), (1, 1, 2, 1), unconditional=alone))
    assert score == pytest.approx(np.log(odds[example.gold] / odds.sum()))
    assert gold_request(task, example, Chain.identity(5)).unconditional == (metric == "acc_mutual_info")


def test_a_broken_chain_is_told_and_free_text_counts_per_token() -> None:
    task, free = fake_task(1, "choice"), fake_task(1)
    broken = Result((-2.0, math.nan, -8.0, -3.0), (1, 1, 2, 1))
    assert math.isnan(gold_score(task, task.examples[0], broken))
    assert gold_score(free, free.examples[0], Result((-6.0,), (3,))) == -2.0


def test_on_a_study_drops_are_those_of_the_identity_without_a_layer(model: LayeredModel, tmp_path: Path) -> None:
    search(model, "nano", limit=5, budget=3, out=tmp_path, random_peer=False, control=False)
    with open_subject(tmp_path, model=model) as subject:
        found = analyse(subject, SimilaritySettings(inputs=4, resamples=20))
        example = subject.task.examples[0]
    assert found.n == 4
    assert len(found.matrix) == model.num_layers + 1
    assert found.phases.phases[0][0] == 0
    assert found.phases.phases[-1][1] == model.num_layers - 1
    assert found.prior.verdict in (ALLOWED, REFUSED)
    prompt, answer = model.encode_pair(example.prompt, example.answer)
    ids = torch.tensor([[*prompt, *answer]])

    def score(chain: Chain) -> float:
        logs = model.logits(ids, chain)[0].log_softmax(-1)
        return sum(logs[len(prompt) - 1 + i, token].item() for i, token in enumerate(answer)) / len(answer)

    with open_subject(tmp_path, model=model) as subject:
        alone = analyse(subject, SimilaritySettings(inputs=2, resamples=20))
        other = subject.task.examples[1]
    assert other.id != example.id
    first = score(model.identity) - score(model.identity.skip(3, 1))
    example, (prompt, answer) = other, model.encode_pair(other.prompt, other.answer)
    ids = torch.tensor([[*prompt, *answer]])
    second = score(model.identity) - score(model.identity.skip(3, 1))
    assert alone.layers[3].log_probability_drop.value == pytest.approx((first + second) / 2, abs=1e-4)
