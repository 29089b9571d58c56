"""The networks of PoLar and Dr.LLM: segments, parameters, losses, and that what one was taught it chooses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from skiploop import Chain
from skiploop.routing.choosers.networks import layerwise, polar
from skiploop.routing.networks import (
    KEEP,
    LAYERWISE,
    POLAR,
    SKIP,
    TWICE,
    NetworkTraining,
    Segment,
    _layerwise_loss,
    _network,
    _polar_loss,
    fit_network,
    segments,
    targets,
)
from skiploop.routing.runs import TableRuns
from skiploop.testing.planted_routing import planted

L = 8
MENU = [Chain.parse(text, L) for text in ("0-7", "0-4 6-7", "0-2 3-4x2 5-7", "0-2 3x2 4x2 5-7")]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0-7", [(0, 4, KEEP), (4, 4, KEEP)]),
        ("0-4 6-7", [(0, 4, KEEP), (4, 1, KEEP), (5, 1, SKIP), (6, 2, KEEP)]),
        ("0-2 3-4x2 5-7", [(0, 3, KEEP), (3, 2, TWICE), (5, 3, KEEP)]),
        ("0-2 3x2 4x2 5-7", [(0, 3, KEEP), (3, 1, TWICE), (4, 1, TWICE), (5, 3, KEEP)]),
        ("5-7", [(0, 4, SKIP), (4, 1, SKIP), (5, 3, KEEP)]),
    ],
)
def test_chains_are_cut_into_segments_of_at_most_four(text: str, wanted: list[tuple[int, int, int]]) -> None:
    assert segments(Chain.parse(text, L)) == tuple(Segment(*each) for each in wanted)


@pytest.mark.parametrize("text", ["0-3 5 4 6-7", "0-3x3 4-7", "0-2 3x2~.5 4-7", "0-4 4 3 5-7"])
def test_other_chains_have_no_segments(text: str) -> None:
    assert segments(Chain.parse(text, L)) is None


def test_parameters_are_those_of_the_papers() -> None:
    features, d, hidden = 577, POLAR.width, LAYERWISE.width
    attention, norm = 4 * d * d + 4 * d, 2 * d
    block = attention + 2 * norm + (d * 4 * d + 4 * d) + (4 * d * d + d)
    wanted = (features * d + d) + L * d + attention + 2 * block + 4 * (d + 1)
    assert sum(each.numel() for each in _network("polar", features, L, d).parameters()) == wanted
    wanted = L * ((features * hidden + hidden) + (hidden * 3 + 3))
    assert sum(each.numel() for each in _network("layerwise", features, L, hidden).parameters()) == wanted
    assert (d, hidden) == (256, 128)


def test_the_loss_of_polar_counts_operations_where_a_segment_starts_alone() -> None:
    starts, operations = (torch.from_numpy(each[1:3]) for each in targets(MENU))
    scores = torch.randn(2, L, 4)
    found = _polar_loss(scores, starts.float(), operations)
    for row in range(2):
        places = torch.nonzero(starts[row])[:, 0]
        does = functional.cross_entropy(scores[row, places, 1:], operations[row, places])
        begins = functional.binary_cross_entropy_with_logits(scores[row, :, 0], starts[row].float())
        assert found[row] == pytest.approx(float(does + begins), rel=1e-5)


def test_the_loss_of_layerwise_is_focal_with_rare_operations_weighed_up() -> None:
    _, operations = targets(MENU)
    loss = _layerwise_loss(np.repeat(operations[:2], 50, axis=0))  # 50 skips of 800
    sure = torch.zeros(1, L, 3)
    sure[..., KEEP] = 9.0
    unsure = torch.zeros(1, L, 3)
    kept, skipped = (torch.from_numpy(each)[None] for each in operations[:2])
    assert loss(sure, None, kept) < 1e-6 < loss(unsure, None, kept)
    one_skip = loss(unsure, None, skipped) - loss(unsure, None, kept) * (L - 1) / L
    assert one_skip > 4 * loss(unsure, None, kept) / L, "a skip counts for more than a layer that is kept"


@pytest.mark.parametrize("kind", ["polar", "layerwise"])
def test_what_it_was_taught_it_chooses_and_a_chain_without_segments_never(kind: str) -> None:
    draw = np.random.default_rng(0)
    features, menu = draw.normal(size=(200, 5)), [*MENU[:3], Chain.parse("0-3 5 4 6-7", L)]
    best = np.where(features[:, 0] > 0, 1, 2)
    right = np.eye(4, dtype=bool)[best]
    right[:, 3] = True
    model = fit_network(kind, features, right, menu, NetworkTraining(width=32, epochs=15, rate=1e-2))
    logs = model.log_probabilities(features)
    assert (logs.argmax(axis=1) == best).mean() > 0.9
    assert (logs[:, 3] < -100).all()
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1, rtol=1e-6)


def test_the_identity_counts_less_where_a_shorter_chain_is_valid() -> None:
    """Both are always valid; with the identity weighed down the shorter one is the likelier."""
    features, right = np.zeros((64, 2)), np.ones((64, 2), dtype=bool)
    how = NetworkTraining(width=16, epochs=40, rate=5e-3)
    shorter = fit_network("polar", features, right, MENU[:2], how).log_probabilities(features)[0]
    longer = fit_network("polar", features, right, [MENU[0], MENU[2]], how).log_probabilities(features)[0]
    assert shorter[1] - shorter[0] > longer[1] - longer[0] + 0.5


@pytest.mark.parametrize("chooser", [polar, layerwise])
def test_as_choosers_they_look_at_half_the_identity_and_never_go_back(chooser: object) -> None:
    data = planted(80)
    rule = chooser(data, data)  # type: ignore[operator]
    runs = TableRuns(data.table)
    choice = rule.choose(runs)
    depths = np.array([each.depth for each in data.table.passes])
    assert (runs.layer_calls == 4 + depths[choice.chosen]).all()
    assert rule.margin == 0 and len(rule.menu) == len(data.table.passes)
