"""What the known data formats look like: one reader each, from a row to an Example without prompt.

The default prompts are plain zero-shot ones. The prompts that the CoLa paper used for multiple choice and
mathematics aren't published, so base accuracies here needn't be those of its tables; `--prompt` takes others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skiploop.tasks.example import Example
from skiploop.tasks.numeric import canonical_number
from skiploop.tasks.rows import Row
from skiploop.tasks.scoring import MAX_OPTIONS, extract_boxed, letters

PLAIN = "Question: {question}\nAnswer:"
WITH_OPTIONS = "Question: {question}\n{options}\nAnswer:"


@dataclass(frozen=True, slots=True)
class Format:
    """A data format.

    Attributes:
        read: makes an Example of a row, given an id for the case that the row has none. A prompt that isn't
            empty is used as it stands.
        scoring: default kind of scoring; None if it depends on the rows.
        template: default prompt; `letter` and generation show the options too, through `WITH_OPTIONS`.
        max_new_tokens: default; None for the length of the longest answer.
        family: whether rows without a family belong to one that is called like the task.
        hub: name, configuration and splits of the dataset on the hub.
    """

    read: Callable[[Row, str], Example]
    scoring: str | None
    template: str = PLAIN
    max_new_tokens: int | None = 64
    family: bool = True
    hub: tuple[str, str | None, tuple[str, ...]] | None = None


def read_plain(row: Row, fallback_id: str) -> Example:
    """Own rows: prompt or question with answer; with choices the answer is an index, a letter or a text."""
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
    """ARC: `choices` with `text` and `label`; `answerKey` is one of the labels (A to E, or 1 to 4)."""
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
    if not mark or answer is None:
        row.fail(f"the answer must end in '#### NUMBER', found {(tail if mark else head + tail)[-40:]!r}.")
    return Example(fallback_id, "", answer, question=row.text("question").strip())


def read_math(row: Row, fallback_id: str) -> Example:
    r"""MATH: the answer is the last \boxed{...} of the solution (MATH-500 has it as a field too)."""
    boxed = row.plain("answer") if row.has("answer") else extract_boxed(row.text("solution"))
    if boxed is None:
        row.fail("the solution has no \\boxed{...} with balanced braces.")
    return Example(
        id=row.plain("unique_id") if row.has("unique_id") else fallback_id,
        prompt="",
        answer=canonical_number(boxed) or boxed.strip(),
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


FORMATS = {
    "nano": Format(read_plain, "verbatim", "{question}", max_new_tokens=None),
    "jsonl": Format(read_plain, None, family=False),
    "arc-easy": Format(
        read_arc,
        "choice",
        max_new_tokens=8,
        hub=("allenai/ai2_arc", "ARC-Easy", ("train", "validation", "test")),
    ),
    "arc-challenge": Format(
        read_arc,
        "choice",
        max_new_tokens=8,
        hub=("allenai/ai2_arc", "ARC-Challenge", ("train", "validation", "test")),
    ),
    "gsm8k": Format(read_gsm8k, "numeric", max_new_tokens=256, hub=("openai/gsm8k", "main", ("train", "test"))),
    "math": Format(
        read_math,
        "numeric",
        "Problem: {question}\nSolution:",
        max_new_tokens=512,
        hub=("HuggingFaceH4/MATH-500", None, ("test",)),
    ),
    "svamp": Format(read_svamp, "numeric", max_new_tokens=128, hub=("ChilleD/SVAMP", None, ("train", "test"))),
}


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
