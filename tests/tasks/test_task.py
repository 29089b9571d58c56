"""Task: judging, sampling, filtering, rotating."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiploop.errors import InvalidInput
from skiploop.tasks import Example, Task, Verdict


def grid(levels: int = 3, families: int = 4, each: int = 5) -> Task:
    """A task with `each` examples of every level and family."""
    return Task(
        "grid",
        tuple(
            Example(f"{family}-{level}-{i}", f"{family} {level} {i}=", f"{i}", level=level, family=family)
            for family in "abcdef"[:families]
            for level in range(1, levels + 1)
            for i in range(each)
        ),
        "verbatim",
    )


def quiz(scoring: str = "choice", prompt: str = "Question: Which?\nAnswer:", **changes: str) -> Task:
    """A task of one question with three options, the second of which is right."""
    answer = "B" if scoring != "choice" else "an owl"
    example = Example("q", prompt, answer, ("a cat", "an owl", "a very big dog"), 1, question="Which?")
    return Task("quiz", (example,), scoring, **changes)  # type: ignore[arg-type]


def test_verbatim_is_character_by_character() -> None:
    task = grid()
    example = task.examples[2]
    assert task.verbatim
    assert task.judge_text(example, "2") == Verdict(1.0, "2")
    for wrong in (" 2", "2 ", "2\n", "02", "2."):
        assert task.judge_text(example, wrong) == Verdict(0.0, wrong)
    assert task.judge_text(example, "  ") == Verdict(0.0, None)


def test_verbatim_letters_know_format_failures() -> None:
    task = quiz("verbatim")
    (example,) = task.examples
    assert task.judge_text(example, "B") == Verdict(1.0, "B")
    assert task.judge_text(example, "C") == Verdict(0.0, "C")
    assert task.judge_text(example, "b") == Verdict(0.0, None)


def test_only_the_verbatim_scoring_is_verbatim() -> None:
    assert not any(Task("t", (Example("1", "p", "a"),), scoring).verbatim for scoring in ("exact", "numeric"))


def test_generation_stops_counting_at_a_new_question() -> None:
    example = Example("1", "Question: 9+9?\nAnswer:", "18")
    task = Task("t", (example,), "numeric", prompt_template="Question: {question}\nAnswer:")
    assert task.judge_text(example, " 18\n\nQuestion: 1+2?\nAnswer: 3") == Verdict(1.0, "18")
    assert task.judge_text(example, "Question: 9+9?") == Verdict(0.0, None)


@pytest.mark.parametrize(
    ("prompt", "glue"),
    [
        ("Q: Which?\nA:", " "),
        ("Which? ", ""),
        ("Which?\n", ""),
        ("calc:1+2=", ""),
        ("It is (", ""),
        ("It is", " "),
    ],
)
def test_continuations_begin_with_a_space_where_the_prompt_lacks_one(prompt: str, glue: str) -> None:
    task = quiz("letter", prompt)
    assert task.continuations(task.examples[0]) == tuple(glue + letter for letter in "ABC")
    task = quiz("choice", prompt)
    assert task.continuations(task.examples[0])[1] == f"{glue}an owl"
    assert quiz("exact", prompt).continuations(task.examples[0]) == ()


def test_choices_are_normalised_by_length() -> None:
    scores, tokens = [-3.0, -4.0, -5.0], [2, 4, 20]
    for metric, best in (("acc", 0), ("acc_norm", 2), ("acc_per_token", 2), ("acc_bytes", 2)):
        task = quiz(metric=metric)
        assert judged(task, scores, tokens) == Verdict(0.0, task.examples[0].choices[best])
    assert judged(quiz(), scores, tokens) == Verdict(0.0, quiz().examples[0].choices[0]), "acc is the default"
    assert judged(quiz("letter"), scores, tokens) == Verdict(0.0, "A")
    assert judged(quiz("letter"), [-3.0, -2.0, -5.0], tokens) == Verdict(1.0, "B")


def test_mutual_information_asks_for_what_options_score_by_themselves() -> None:
    task = quiz(metric="acc_mutual_info")
    assert task.needs_unconditional and not quiz("exact", metric="acc_mutual_info").needs_unconditional
    assert judged(task, [-3.0, -4.0, -5.0], [1, 1, 1], [-1.0, -3.5, -1.0]) == Verdict(1.0, "an owl")
    with pytest.raises(ValueError, match="acc_mutual_info needs"):
        judged(task, [-3.0, -4.0, -5.0], [1, 1, 1])


def judged(task: Task, scores: list[float], tokens: list[int], unconditional: list[float] | None = None) -> Verdict:
    (example,) = task.examples
    return task.judge_scores(example, task.option_scores(example, scores, tokens, unconditional))


def test_ties_go_to_the_lowest_index_and_nan_is_no_answer() -> None:
    assert judged(quiz(), [-2, -1, -1], [1, 1, 1]) == Verdict(1.0, "an owl")
    assert judged(quiz(), [-1, -1, -1], [1, 1, 1]) == Verdict(0.0, "a cat")
    assert judged(quiz(), [-1, math.nan, -2], [1, 1, 1]) == Verdict(0.0, None)
    with pytest.raises(ValueError, match="2 scores"):
        judged(quiz(), [-1, -2], [1, 1, 1])
    with pytest.raises(ValueError, match="length 0"):
        judged(quiz(metric="acc_per_token"), [-1, -2, -3], [1, 0, 1])


def test_generated_text_is_judged_for_options_too() -> None:
    task = quiz("letter")
    (example,) = task.examples
    assert task.judge_text(example, " B. an owl") == Verdict(1.0, "B")
    assert task.judge_text(example, "An owl.") == Verdict(1.0, "an owl")
    assert task.judge_text(example, "a cat") == Verdict(0.0, "a cat")
    assert task.judge_text(example, "A horse") == Verdict(0.0, None)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 12, 20, 40, 59, 60, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_sample_is_balanced_over_levels_then_families(n: int, seed: int) -> None:
    task = grid()
    sample = task.limit(n, seed)
    assert len(sample) == min(n, len(task))
    per_level = Counter(e.level for e in sample.examples)
    counts = [per_level[level] for level in task.levels]
    assert max(counts) - min(counts) <= 1
    for level in task.levels:
        families = Counter(e.family for e in sample.examples if e.level == level)
        counts = [families[family] for family in task.families]
        assert max(counts) - min(counts) <= 1
    if n >= 4:
        assert set(sample.families) == set(task.families)


def test_samples_depend_on_the_seed_only_and_nest() -> None:
    task = grid(each=20)
    assert task.limit(30, 1) == task.limit(30, 1)
    assert task.limit(30, 1) != task.limit(30, 2)
    shuffled = replace(task, examples=task.examples[::-1])
    assert set(shuffled.limit(30, 1).examples) == set(task.limit(30, 1).examples)
    assert set(task.limit(10, 1).examples) < set(task.limit(30, 1).examples)
    positions = [task.examples.index(e) for e in task.limit(30, 1).examples]
    assert positions == sorted(positions)


@given(st.lists(st.tuples(st.none() | st.integers(1, 3), st.sampled_from("abc")), min_size=1), st.integers(1, 40))
def test_uneven_groups_are_sampled_completely(groups: list[tuple[int | None, str]], n: int) -> None:
    examples = tuple(Example(str(i), "p", "a", level=lv, family=f) for i, (lv, f) in enumerate(groups))
    sample = Task("t", examples).limit(n)
    assert len(sample) == min(n, len(examples))
    assert set(sample.examples) <= set(examples)


def test_filter_keeps_what_was_asked_for() -> None:
    task = grid().filter(levels=[1, 3], families=["b"])
    assert task.levels == (1, 3)
    assert task.families == ("b",)
    assert len(task) == 10
    assert grid().filter() == grid()
    assert grid().filter(families="b") == grid().filter(families=["b"])


def test_filter_errors_name_what_exists() -> None:
    with pytest.raises(InvalidInput, match=r"no level 7; it has 1, 2, 3"):
        grid().filter(levels=[1, 7])
    with pytest.raises(InvalidInput, match=r"no family 'z'; it has a, b, c, d"):
        grid().filter(families=["z"])
    apart = Task("t", (Example("1", "p", "a", level=1, family="a"), Example("2", "p", "a", level=2, family="b")))
    with pytest.raises(InvalidInput, match="occur together as: a 1, b 2"):
        apart.filter(levels=[1], families=["b"])
    with pytest.raises(InvalidInput, match="it has none"):
        Task("t", (Example("1", "p", "a"),)).filter(levels=[1])
    with pytest.raises(InvalidInput, match="limit is 0"):
        grid().limit(0)


def test_deduplication_sees_through_case_and_space_but_not_signs() -> None:
    questions = ["3+4", " 3+4 ", "3-4", "Which one?", "which  ONE?", "Which one"]
    task = Task("t", tuple(Example(str(i), q, "a") for i, q in enumerate(questions)))
    assert [e.id for e in task.deduplicated().examples] == ["0", "2", "3", "5"]


def test_the_options_belong_to_the_question() -> None:
    def ask(key: str, *choices: str) -> Example:
        return Example(key, "Which is largest?", choices[0], choices, 0)

    task = Task("t", (ask("1", "2", "1"), ask("2", "4", "3"), ask("3", "1", "2")), "choice")
    assert [e.id for e in task.deduplicated().examples] == ["1", "2"]


@pytest.mark.parametrize("shift", [0, 1, 2, 3, -1])
def test_rotation_moves_options_gold_and_prompt_together(shift: int) -> None:
    prompt = "largest:A a cat B an owl C a very big dog="
    (before,), (after,) = quiz("letter", prompt).examples, quiz("letter", prompt).rotated(shift).examples
    assert after.gold is not None
    assert after.choices[after.gold] == "an owl"
    assert after.choices[0] == before.choices[shift % 3]
    assert after.answer == "ABC"[after.gold]
    assert after.prompt == "largest:" + " ".join(f"{n} {c}" for n, c in zip("ABC", after.choices, strict=True)) + "="


def test_rotation_of_prompts_without_options() -> None:
    (example,) = quiz("choice").rotated(1).examples
    assert (example.gold, example.answer, example.prompt) == (0, "an owl", "Question: Which?\nAnswer:")
    with pytest.raises(InvalidInput, match="doesn't list them"):
        quiz("letter").rotated(1)
    with pytest.raises(InvalidInput, match="no options"):
        grid().rotated(1)


def test_fingerprint_changes_with_whatever_changes_a_verdict() -> None:
    task = grid()
    assert task.fingerprint == grid().fingerprint
    assert len(task.fingerprint) == 64
    others = [
        replace(task, scoring="exact"),
        replace(task, max_new_tokens=3),
        task.limit(5),
        replace(task, examples=(replace(task.examples[0], answer="x"), *task.examples[1:])),
    ]
    assert len({task.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert replace(task, name="other").fingerprint == task.fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scoring": "bleu"}, "Unknown scoring 'bleu'; allowed are verbatim"),
        ({"metric": "acc_norms"}, "Unknown metric 'acc_norms'; allowed are acc, acc_norm"),
        ({"max_new_tokens": 0}, "at least 1"),
        ({"examples": ()}, "no examples"),
        ({"examples": (Example("1", " ", "a"),)}, "is empty"),
        ({"examples": (Example("1", "p", "a"), Example("1", "q", "a"))}, "id '1'"),
        ({"scoring": "choice"}, "needs two or more options"),
        ({"scoring": "letter", "examples": (Example("1", "p", "a", ("x", "y"), 2),)}, "allowed are 0 to 1"),
        ({"scoring": "choice", "examples": (Example("1", "p", "a", ("x", "y")),)}, "is None"),
    ],
)
def test_a_task_that_cannot_be_judged_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        replace(grid(), **changes)  # type: ignore[arg-type]
