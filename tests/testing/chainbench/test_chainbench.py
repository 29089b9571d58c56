"""ChainBench: the tables say what the models do, what is planted is the optimum, and the cache can be trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.testing.chainbench import AnswerTable, additive, harmful_layer, load, module_reward, module_space, null
from skiploop.testing.chainbench.cached import build, cached
from skiploop.testing.chainbench.modules import run_modules
from skiploop.testing.chainbench.pointer import HOPS, LAYERS, Recipe, all_questions, held_out, train

TINY = Recipe(layer_drop=0.2, steps=3, inputs=8)


@pytest.fixture(scope="module")
def tiny() -> AnswerTable:
    return build(TINY)


def test_every_cell_is_what_its_chain_computes(tiny: AnswerTable) -> None:
    questions, answers, _ = all_questions()
    rows, _ = held_out(all_questions()[2], TINY)
    model = train(TINY)
    assert tiny.answers.shape == (8, 3**LAYERS - 1, 6)
    assert (tiny.gold == answers[rows].numpy()).all()
    for column in (0, 1, 100, 364, 727):
        with torch.inference_mode():
            want = model(questions[rows], tiny.chains[column].layers).softmax(-1).numpy()
        np.testing.assert_allclose(tiny.answers[:, column], want, atol=1e-5)


def test_answers_are_where_the_hops_lead() -> None:
    questions, answers, hops = all_questions()
    assert len(questions) == 720 * 6 * HOPS == len(set(map(tuple, questions.tolist())))
    for row in (0, 5, 777, 17_279):
        order, at = questions[row, :6].tolist(), int(questions[row, 6])
        for _ in range(int(hops[row])):
            at = order[at]
        assert at == answers[row]


def test_no_question_of_the_table_is_trained_on() -> None:
    test, pool = held_out(all_questions()[2], Recipe(0.0, 1))
    assert len(test) == 400 and len(pool) == 17_280 - 400
    assert not set(test.tolist()) & set(pool.tolist())


def test_a_build_can_be_repeated_and_leaves_the_generator_alone(tiny: AnswerTable) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    again = build(TINY)
    assert torch.equal(before, torch.get_rng_state())
    assert (again.answers == tiny.answers).all()


def test_the_cache_is_used_and_a_torn_file_is_built_again(
    tmp_path: Path, tiny: AnswerTable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = []
    monkeypatch.setattr("skiploop.testing.chainbench.cached.build", lambda recipe: built.append(recipe) or tiny)
    for _ in range(2):
        assert (cached(TINY, tmp_path).answers == tiny.answers).all()
    assert len(built) == 1
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    assert cached(TINY, tmp_path).inputs == 8 and len(built) == 2
    cached(Recipe(layer_drop=0.2, steps=4, inputs=8), tmp_path)
    assert len(built) == 3, "another recipe is another table"
    assert "building ChainBench" in capsys.readouterr().err


def test_rewards_are_what_they_are_said_to_be(tiny: AnswerTable) -> None:
    column = tiny.column[(0, 1, 1, 5)]
    p = float(tiny.answers[3, column, tiny.gold[3]])
    assert tiny.rewards("dense")[3, column] == pytest.approx(max(0, p - 0.1 * 4 / 12))
    assert tiny.reward(3, Chain((0, 1, 1, 5), 6)) == tiny.rewards()[3, column]
    assert set(np.unique(tiny.rewards("binary"))) <= {0.0, 1.0}
    assert (tiny.rewards("binary") == tiny.correct).all()
    wrong = tiny.wrong_targets()
    assert (wrong != tiny.gold).all()
    assert not (tiny.rewards("binary", target=wrong) * tiny.rewards("binary")).any(), "no answer is both"
    assert tiny.objectives().shape == (8, 728, 2)
    assert tiny.space.count() == 728 and set(tiny.space.enumerate()) == set(tiny.chains)
    with pytest.raises(InvalidInput, match="kind of reward 'sparse'"):
        tiny.rewards("sparse")  # type: ignore[arg-type]


def test_the_additive_optimum_is_the_best_count_of_every_layer() -> None:
    table = additive(4, seed=3, inputs=5)
    effects = table.features.reshape(5, 4, 3)
    for row in range(5):
        best = table.chains[int(table.p_true[row].argmax())]
        assert [best.layers.count(layer) for layer in range(4)] == effects[row].argmax(axis=1).tolist()
    assert not (additive(4, seed=3, noise=0.5).p_true == additive(4, seed=3).p_true).any()


def test_only_the_harmful_layer_harms() -> None:
    table = harmful_layer(5, 2, inputs=30)
    right = table.correct
    with_it = np.array([2 in chain.layers for chain in table.chains])
    assert not right[:, with_it].any()
    assert right[:, table.column[(0, 1, 3, 4)]].all()
    mixed = harmful_layer(5, 2, inputs=200, share=0.5)
    assert 0.4 < mixed.correct[:, mixed.column[tuple(range(5))]].mean() < 0.6


def test_in_the_null_table_the_right_answer_is_as_frequent_as_any_other() -> None:
    table = null(4, inputs=60, answers=4)
    assert abs(table.correct.mean() - 0.25) < 0.02
    control = table.rewards("binary", target=table.wrong_targets())
    assert abs(control.mean() - 0.25) < 0.02


def test_the_right_chain_of_modules_is_the_only_right_one() -> None:
    space = module_space(6)
    for number in range(7):
        right = [chain.layers for chain in space.enumerate() if module_reward(number, chain) == 1.0]
        assert right == [(0, *[1] * number, 2)]
    assert run_modules(Chain((1, 0, 1, 1), 3)) is None
    assert run_modules(Chain((0, 1, 0, 2), 3)) == 0
    assert module_reward(3, Chain((0, 1, 2), 3)) == pytest.approx(0.5 / 3)
    with pytest.raises(InvalidInput, match="3 modules"):
        run_modules(Chain((0,), 4))


def test_a_searcher_finds_the_number() -> None:
    searcher = make_searcher("random", module_space(6), seed=1)
    best = max(searcher.ask(7), key=lambda chain: module_reward(4, chain))
    assert best.layers == (0, 1, 1, 1, 1, 2)


def test_unknown_variants_are_refused() -> None:
    with pytest.raises(InvalidInput, match="use one of plain, layerdrop"):
        load("dropout")


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["plain", "layerdrop"])
def test_the_real_thing_has_room_for_a_search(variant: str) -> None:
    table = load(variant)
    identity = table.correct[:, table.column[tuple(range(6))]]
    by_level = [identity[table.levels == level].mean() for level in (1, 2, 3, 4)]
    assert by_level[0] > 0.95 and by_level[3] < 0.85
    assert table.correct.any(axis=1).mean() > 0.95
