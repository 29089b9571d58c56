"""What a router needs is what it loses by; what says nothing is no loss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from skiploop.cli.main import app
from skiploop.errors import InvalidInput
from skiploop.routing.ablate import BLINDED, ablate, without_chain, without_state, without_text
from skiploop.routing.figures import RouteAblation
from skiploop.storage.records import as_json, from_json
from skiploop.testing.planted_routing import planted
from tests.routing.test_train import collected


@pytest.fixture(scope="module")
def found() -> RouteAblation:
    return ablate(planted(400), choosers=("gain",), folds=2)


def test_a_router_whose_state_says_which_chain_is_right_needs_state_and_chain_and_not_the_length(
    found: RouteAblation,
) -> None:
    rule = found.rules["gain"]
    assert rule.gain.difference.value is not None and rule.gain.difference.value > 0.4
    low = {name: (each.loss.difference.interval or (0, 0))[0] for name, each in rule.without.items()}
    assert set(low) == set(BLINDED) and low["state"] > 0.3 and low["chain"] > 0.2 and low["everything"] > 0.3
    text = rule.without["text"].loss.difference
    assert text.interval is not None and text.interval[0] <= 0 <= text.interval[1]
    assert rule.without["everything"].left_identity < 0.1 < rule.left_identity, "it goes back to the identity"


def test_where_there_is_nothing_to_find_next_to_nothing_is_lost() -> None:
    """What a rule decides on a few validation inputs is noise there, with and without a part of what it sees."""
    rule = ablate(planted(400, predictable=False), choosers=("gain",), folds=2).rules["gain"]
    losses = {name: each.loss.difference.value for name, each in rule.without.items()}
    assert all(value is not None and abs(value) <= 0.06 for value in losses.values()), losses


def test_what_is_taken_away_is_permuted_and_the_rest_stays() -> None:
    data, draw = planted(50), np.random.default_rng(0)
    table = data.table
    text, state, chain = (blind(data, draw).table for blind in (without_text, without_state, without_chain))
    assert sorted(text.prompt_tokens) == sorted(table.prompt_tokens) and (text.states == table.states).all()
    assert (text.prompt_tokens != table.prompt_tokens).any()
    rows = {tuple(row) for row in table.states}
    assert {tuple(row) for row in state.states} == rows and (state.states != table.states).any()
    assert state.scores is table.scores
    assert (chain.answers[:, 0] == table.answers[:, 0]).all(), "the identity stays what it is"
    assert (np.sort(chain.answers[:, 1:]) == np.sort(table.answers[:, 1:])).all()
    assert chain.scores is not None and table.scores is not None
    best = chain.scores.argmax(axis=2)
    assert (best == chain.answers).all(), "scores and answers go together"
    assert (chain.answers != table.answers).any()


def test_figures_are_read_as_they_were_written(found: RouteAblation) -> None:
    assert from_json(RouteAblation, as_json(found)) == found


def test_the_command_needs_no_model_and_keeps_what_it_finds(tmp_path: Path) -> None:
    folder = collected(tmp_path, "own")
    words = ["route", "ablate", str(folder), "--chooser", "imitate", "--folds", "1"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0 and "without state" in told.output and "less the identity" in told.output
    line = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert set(line["rules"]["imitate"]["without"]) == set(BLINDED)
    assert json.loads((folder / "ablation.json").read_text())["figures"]["rules"] == line["rules"]


def test_an_unknown_chooser_is_refused() -> None:
    with pytest.raises(InvalidInput, match="there are gain"):
        ablate(planted(50), choosers=("nope",))
