"""Readers of the known data formats: from a row to an Example without prompt, or None for a row that is left out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from skiploop.tasks.answers.marks import boxed_answer
from skiploop.tasks.answers.numeric import canonical_number, parse_number
from skiploop.tasks.answers.text import MAX_OPTIONS, letters
from skiploop.tasks.example import Example
from skiploop.tasks.sources.option_columns import nested_options, options_in_columns
from skiploop.tasks.sources.rows import Row


def read_plain(row: Row, fallback_id: str) -> Example:
    """Own rows: prompt or question with answer; with choices the answer is an index, a letter or a text."""
    row = options_in_columns(row)
    prompt = row.text("prompt") if row.has("prompt") else ""
    question = row.text("question", "prompt")
    choices = _choices(row, row.get("choices")) if row.has("choices") else ()
    gold = _gold(row, choices) if choices else None
    answer = row.plain("answer") if gold is None or isinstance(row.get("answer"), str) else letters(len(choices))[gold]
    return Example(
        id=row.plain("id") if row.has("id") else fallback_id,
        prompt=prompt,
        answer=answer,
        choices=choices,
        gold=gold,
        level=_level(row),
        family=row.plain("family") if row.has("family") else "",
        question=question,
    )


def read_arc(row: Row, fallback_id: str) -> Example:
    """ARC: `choices` with `text` and `label`; `answerKey` is one of the labels (A to E, or 1 to 4).

    ARC's own download has both inside of `question`, see `nested_options`.
    """
    row = nested_options(row)
    options = row.get("choices")
    if not isinstance(options, dict) or not isinstance(options.get("label"), list):
        row.fail("field 'choices' must be an object with the lists 'text' and 'label'.")
    choices, labels = _choices(row, options.get("text")), [str(label) for label in options["label"]]
    key = row.plain("answerKey")
    if len(labels) != len(choices) or len(set(labels)) != len(labels):
        row.fail(f"{len(choices)} choices have the labels {labels}.")
    if key not in labels:
        row.fail(f"answerKey {key!r} isn't one of the labels {', '.join(labels)}.")
    gold = labels.index(key)
    return Example(
        id=row.plain("id") if row.has("id") else fallback_id,
        prompt="",
        answer=letters(len(choices))[gold],
        choices=choices,
        gold=gold,
        question=row.text("question").strip(),
    )


def read_gsm8k(row: Row, fallback_id: str) -> Example:
    """GSM8K: the answer is a worked solution that ends in `#### N`."""
    head, mark, tail = row.text("answer").rpartition("####")
    answer = canonical_number(tail)
    if not mark or answer is None or not re.search(r"[0-9]", tail):
        row.fail(f"the answer must end in '#### NUMBER', found {(tail if mark else head + tail)[-40:]!r}.")
    own_id = row.plain("id") if row.has("id") else fallback_id
    return Example(own_id, "", answer, question=row.text("question").strip())


def read_math(row: Row, fallback_id: str) -> Example:
    r"""MATH: the answer is the last \boxed{...} of the solution (MATH-500 has it as a field too)."""
    boxed = row.plain("answer") if row.has("answer") else boxed_answer(row.text("solution"))
    if boxed is None:
        row.fail("the solution has no \\boxed{...} with balanced braces.")
    return Example(
        id=next((row.plain(name) for name in ("unique_id", "id") if row.has(name)), fallback_id),
        prompt="",
        answer=_mathematics(boxed),
        level=_level(row),
        family=row.text("type", "subject"),
        question=row.text("problem").strip(),
    )


def read_svamp(row: Row, fallback_id: str) -> Example:
    """SVAMP: `Body` and `Question` make the question, `Answer` is a float."""
    body, answer = row.text("Body").strip(), row.plain("Answer")
    # Bodies lack their final period more often than not.
    body += "" if body.endswith((".", "?", "!", ",")) else "."
    # One row of the published file has a spelling error, which would be a family of its own.
    family = row.plain("Type").replace("Common-Divison", "Common-Division") if row.has("Type") else ""
    return Example(
        id=row.plain("ID") if row.has("ID") else fallback_id,
        prompt="",
        answer=canonical_number(answer) or row.fail(f"Answer {answer!r} isn't a number."),
        family=family,
        question=f"{body} {row.text('Question').strip()}",
    )


def read_commonsenseqa(row: Row, fallback_id: str) -> Example:
    """CommonsenseQA: ARC's form; the test split has empty keys. An option that is repeated is shown once."""
    row = nested_options(row)
    options = row.get("choices")
    if not row.fields.get("answerKey"):
        row.fail("the answerKey is empty: the test split of CommonsenseQA has no answers; use train or validation.")
    if isinstance(options, dict) and isinstance(options.get("text"), list) and isinstance(options.get("label"), list):
        key = options["label"].index(row.plain("answerKey")) if row.plain("answerKey") in options["label"] else None
        if key is not None and len(options["text"]) == len(options["label"]):
            texts, gold = _without_repeats(options["text"], key)
            kept = {"text": texts, "label": list(letters(len(texts)))}
            row = Row(row.where, {**row.fields, "choices": kept, "answerKey": kept["label"][gold]})
    return replace(read_arc(row, fallback_id), family="")


def read_mmlu_pro(row: Row, fallback_id: str) -> Example:
    """MMLU-Pro: 3 to 10 `options`, `answer_index` and the letter `answer`.

    Older versions fill up to ten options with "N/A", as the authors' script, too, takes away again. An option
    that is repeated is shown once.
    """
    options, index = row.get("options"), row.integer("answer_index")
    if not isinstance(options, (list, tuple)) or index is None or not 0 <= index < len(options):
        row.fail(f"field 'options' must be a list, and answer_index {index!r} the place of one of them, from 0.")
    if row.has("answer") and row.plain("answer") != letters(len(options))[index]:
        row.fail(f"answer {row.plain('answer')!r} isn't option {index}, {letters(len(options))[index]}.")
    texts, gold = _without_repeats(options, index, dropped="N/A")
    choices = _choices(row, texts)
    return Example(
        id=row.plain("question_id") if row.has("question_id") else fallback_id,
        prompt="",
        answer=letters(len(choices))[gold],
        choices=choices,
        gold=gold,
        family=row.plain("category") if row.has("category") else "",
        question=row.text("question").strip(),
    )


def read_asdiv(row: Row, fallback_id: str) -> Example | None:
    """ASDiv: `9 (apples)` is 9. Rows whose answer isn't one number (several, a time, a ratio, words) are left out."""
    body = row.text("body").strip()
    answer = canonical_number(re.sub(r"\([^()]*\)\s*$", "", row.plain("answer")))
    if answer is None:
        return None
    return Example(
        id=row.plain("id") if row.has("id") else fallback_id,
        prompt="",
        answer=answer,
        level=_level(row),
        family=row.plain("solution_type") if row.has("solution_type") else "",
        question=f"{body} {row.text('question').strip()}",
    )


def read_dart(row: Row, fallback_id: str) -> Example:
    """A query of DART-Math's pools (`query`, `gt_ans`), or a row of MATH (`problem`) or GSM8K (`question`)."""
    if row.has("problem"):
        return replace(read_math(row, fallback_id), level=None)
    if not row.has("query"):
        return read_gsm8k(row, fallback_id)
    answer = row.plain("gt_ans")
    return Example(
        id=row.plain("query_id") if row.has("query_id") else fallback_id,
        prompt="",
        answer=_mathematics(answer),
        family=row.plain("domain") if row.has("domain") else "",
        question=row.text("query").strip(),
    )


def _mathematics(answer: str) -> str:
    """A number in its one spelling; one with a known unit, and everything else, as it was written."""
    number = parse_number(answer)
    return answer.strip() if number is None or number.unit or "=" in answer else str(number)


def _choices(row: Row, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        row.fail("field 'choices' must be a list of two or more options.")
    for option in value:
        if isinstance(option, bool) or not isinstance(option, (str, int, float)) or not str(option).strip():
            row.fail(f"an option must be a text or a number, and not empty; found {option!r}.")
    if len(value) > MAX_OPTIONS:
        row.fail(f"{len(value)} choices; at most {MAX_OPTIONS} can be named by letters.")
    texts = tuple(row.as_text(option, "choices") for option in value)
    if len(set(texts)) < len(texts):
        row.fail(f"an option occurs twice in {list(texts)}.")
    return texts


def _gold(row: Row, choices: tuple[str, ...]) -> int:
    """Return the index that `answer` means; an answer with two different meanings is refused."""
    answer = row.plain("answer")
    names = letters(len(choices))
    meanings = {choices.index(answer)} if answer in choices else set()
    if isinstance(row.get("answer"), str):
        meanings |= {names.index(answer.strip())} if answer.strip() in names else set()
    elif answer.isdecimal() and int(answer) < len(choices):
        meanings.add(int(answer))
    if not meanings:
        row.fail(
            f"answer {answer!r} isn't among the choices {list(choices)}: give the text of the right one, its "
            f"letter ({names[0]} to {names[-1]}) or its index (0 to {len(choices) - 1})."
        )
    given = row.integer("gold")
    if given is not None and given in meanings:
        return given
    if given is not None or len(meanings) > 1:
        row.fail(
            f"answer {answer!r} can mean option {' or '.join(map(str, sorted(meanings)))} (counted from 0)"
            + (f", but gold is {given}." if given is not None else "; add a field 'gold' with the index.")
        )
    return meanings.pop()


def _level(row: Row) -> int | None:
    """Return the level; MATH writes "Level 3", and "Level ?" where it isn't known."""
    value = row.fields.get("level")
    if isinstance(value, str):
        match = re.fullmatch(r"(?:Level )?(\d+|\?)", value.strip())
        if match is None:
            row.fail(f"field 'level' must be an integer, found {value!r}.")
        return None if match[1] == "?" else int(match[1])
    return row.integer("level")


def _without_repeats(options: Any, gold: int, *, dropped: str | None = None) -> tuple[list[Any], int]:
    """The options that differ, in order, and the place of the right one among them."""
    kept = [option for option in dict.fromkeys(options) if option != dropped or option == options[gold]]
    return kept, kept.index(options[gold])
