"""Each metric of options prefers the option that lm-evaluation-harness's formula prefers."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from skiploop.tasks import Example, Task, Verdict
from skiploop.tasks.metrics import METRICS, OptionScores


def test_each_metric_has_a_favourite_of_its_own() -> None:
    """acc: the largest sum; the others by their own lengths, of which é has one character and two bytes."""
    texts = ("a", "ééé", "bbbbbb bbb", "cc cc", "d")
    scores = OptionScores(texts, (-1.0, -1.5, -4.0, -3.0, -5.0), (1, 2, 6, 12, 1), (-0.5, -1.0, -3.0, -2.5, -9.0))
    per = {name: [s / n for s, n in zip(scores.loglikelihoods, lengths, strict=True)] for name, lengths in {
        "acc_norm": (1, 3, 10, 5, 1), "acc_bytes": (1, 6, 10, 5, 1), "acc_per_token": (1, 2, 6, 12, 1),
    }.items()}  # fmt: skip
    wanted = {name: values.index(max(values)) for name, values in per.items()} | {"acc": 0, "acc_mutual_info": 4}
    assert scores.picks() == wanted == {
        "acc": 0, "acc_norm": 2, "acc_bytes": 1, "acc_per_token": 3, "acc_mutual_info": 4,
    }  # fmt: skip
    assert tuple(scores.picks()) == METRICS


def test_the_first_of_equal_scores_wins_and_broken_ones_pick_nothing() -> None:
    assert OptionScores(("a", "b"), (-1.0, -1.0), (1, 1)).picks()["acc"] == 0
    assert set(OptionScores(("a", "b"), (-1.0, math.nan), (1, 1)).picks().values()) == {None}


def test_without_unconditional_scores_there_is_no_mutual_information() -> None:
    assert "acc_mutual_info" not in OptionScores(("a", "b"), (-1.0, -2.0), (1, 1)).picks()


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_the_harness_agree_with_its_own_code(name: str) -> None:
    if name == "acc_per_token":
        pytest.skip("the harness has no such metric")
    api = pytest.importorskip("lm_eval.api.task", reason='needs the extra: pip install "skiploop[eval]"')
    texts, sums, bare = ["a b", "éé", "ccccc"], [-2.0, -1.9, -3.5], [-1.0, -1.8, -0.5]

    class Harness(api.ConfigurableTask):  # type: ignore[misc, name-defined]
        OUTPUT_TYPE, multiple_input, multiple_target = "multiple_choice", 0, 0
        config = SimpleNamespace(process_results=None)
        _metric_fn_list = dict.fromkeys(METRICS)

        def __init__(self) -> None:
            pass

        def doc_to_choice(self, doc: object) -> list[str]:
            return texts

        def doc_to_target(self, doc: int) -> int:
            return doc

    results = [(score, False) for score in (*sums, *bare)]
    found = [Harness().process_results(gold, results)[name] for gold in range(3)]
    picked = OptionScores(texts, sums, (2, 3, 1), bare).picks()[name]
    assert found.index(1.0) == picked and sum(found) == 1


def quiz(choices: tuple[str, ...], gold: int, metric: str = "acc_bytes") -> Task:
    example = Example("q", "Question: Which?\nAnswer:", choices[gold], choices, gold, question="Which?")
    return Task("quiz", (example,), "choice", metric=metric)


# Letters outside of ASCII count for the bytes that they take.
@pytest.mark.parametrize(
    ("choices", "lengths"),
    [
        (("Zurich", "Zürich"), (6, 7)),
        (("Tokyo", "東京"), (5, 6)),  # two characters
        (("four", "🦉"), (4, 4)),  # one character
        (("e\u0301", "\u00e9"), (3, 2)),  # the same letter, composed and not: as it is written, not normalised
        (("µ", "Ω", "Москва"), (2, 2, 12)),
    ],
)
def test_scores_are_log_likelihoods_over_bytes(choices: tuple[str, ...], lengths: tuple[int, ...]) -> None:
    task = quiz(choices, 0)
    (example,) = task.examples
    found = task.option_scores(example, [-12.0] * len(choices), [1] * len(choices))
    assert found.by("acc_bytes") == [-12.0 / length for length in lengths]


def test_bytes_not_characters_decide_between_options_outside_of_ascii() -> None:
    """-9 over 3 bytes beats -5 over 1 and -4 over 1; by characters, and by the sum, -4 wins."""
    choices, scores = ("b", "語", "c"), [-5.0, -9.0, -4.0]
    for metric, best in (("acc_bytes", 1), ("acc_norm", 2), ("acc", 2), ("acc_per_token", 2)):
        task = quiz(choices, 1, metric)
        found = task.option_scores(task.examples[0], scores, [1, 1, 1])
        assert task.judge_scores(task.examples[0], found) == Verdict(float(best == 1), choices[best])


def test_the_space_before_an_option_is_no_part_of_its_length() -> None:
    task = quiz(("ab", "é"), 0)
    (example,) = task.examples
    assert task.continuations(example) == (" ab", " é")
    assert task.option_scores(example, [-2.0, -2.0], [1, 1]).by("acc_bytes") == [-1.0, -1.0]
