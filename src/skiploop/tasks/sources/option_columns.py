"""Options that a row has elsewhere than in a list `choices`: in columns A, B, C, ... or inside of the question."""

from __future__ import annotations

import re
from typing import Any

from skiploop.tasks.answers.letters import letters
from skiploop.tasks.sources.rows import Row

_COLUMN = re.compile(
    r"(?P<stem>(?:options?|choices?|opt|op|answer|ans)?[ _-]?)(?P<label>[A-Za-z]|[0-9]{1,2})", re.IGNORECASE
)
_OTHER_OPTIONS = re.compile(
    r"(?:distractor|incorrect|wrong|false)[ _-]?(?:answer|option|choice)?s?[ _-]?[0-9]*", re.IGNORECASE
)
_LISTS = ("choices", "options")
_OTHER_LISTS = ("candidates", "endings", "alternatives", "answers", "answer_choices", "mc1_targets", "opts")


def nested_options(row: Row) -> Row:
    """Return a row of ARC's own download in the form of its copy on the hub.

    There `question` holds the text as `stem`, and `choices` as a list of {"text": ..., "label": ...}.
    """
    question, fields = row.fields.get("question"), dict(row.fields)
    if isinstance(question, dict):
        if not isinstance(question.get("stem"), str) or not isinstance(question.get("choices"), list):
            row.fail("field 'question' is an object; it must hold the text 'stem' and the list 'choices'.")
        fields |= {"question": question["stem"], "choices": question["choices"]}
    options = fields.get("choices")
    if isinstance(options, list) and all(isinstance(o, dict) and {"text", "label"} <= set(o) for o in options):
        fields["choices"] = {name: [option[name] for option in options] for name in ("text", "label")}
    return Row(row.where, fields)


def options_in_columns(row: Row) -> Row:
    """Return a row with the list `choices` where its options stand in `options`, an object, or fields of their own.

    Fields A, B, C, ... (also option_a, choice1, ...) are options where two or more of one kind are there, in order.
    Rows whose options can't be told are refused: without them the prompt would ask for a letter of nothing.
    """
    given = next((name for name in _LISTS if row.has(name)), None)
    labels = _columns(row) if given is None else {}
    value = row.fields[given] if given else None
    if isinstance(value, dict) and value and all(re.fullmatch(r"[A-Za-z]|[0-9]{1,2}", str(name)) for name in value):
        labels = {str(name): str(name) for name in value}
        texts: list[Any] = list(value.values())
    elif labels:
        texts = [row.fields[name] for name in labels]
    else:
        _refuse_others(row, given)
        return row if given in (None, "choices") else Row(row.where, {**row.fields, "choices": value})
    index = _labelled(row, labels, texts)
    fields = {**row.fields, "choices": texts}
    fields |= {} if index is None else {"answer": letters(len(texts))[index], "gold": index}
    return Row(row.where, fields)


def _columns(row: Row) -> dict[str, str]:
    """The fields that hold options, and the label of each: a run that begins with A, a, 0 or 1."""
    kinds: dict[str, dict[str, str]] = {}
    for name in row.fields:
        match = _COLUMN.fullmatch(name)
        if match and row.has(name):
            kind = f"{match['stem']}{'0' if match['label'].isdigit() else match['label'].isupper()}"
            kinds.setdefault(kind, {})[name] = match["label"]
    for kind, found in kinds.items():
        # Lower-case letters alone may be the numbers of a problem.
        parameters = kind == "False" and str(row.fields.get("answer")).strip() not in found
        if len(found) > 1 and not parameters:
            _check_run(row, list(found.values()))
            return found
    return {}


def _check_run(row: Row, labels: list[str]) -> None:
    start = int(labels[0]) if labels[0].isdigit() else ord("a")
    places = [int(label) if label.isdigit() else ord(label.lower()) for label in labels]
    if start not in (0, 1, ord("a")) or places != list(range(start, start + len(labels))):
        row.fail(f"the fields {', '.join(row.fields)} look like options, but {', '.join(labels)} leave some out.")


def _labelled(row: Row, labels: dict[str, str], texts: list[Any]) -> int | None:
    """The option that the answer names by its label or the name of its field; None where it may be a text."""
    answer = str(row.get("answer")).strip()
    names = list(labels)
    meanings = {at for at, name in enumerate(names) if answer in (name, labels[name])}
    meanings |= {at for at, text in enumerate(texts) if str(text).strip() == answer}
    if len(meanings) > 1:
        row.fail(f"answer {answer!r} can mean option {' or '.join(names[at] for at in sorted(meanings))}.")
    if not meanings:
        row.fail(
            f"answer {answer!r} is none of the options "
            f"{', '.join(f'{name}: {text}' for name, text in zip(names, texts, strict=True))}."
        )
    return meanings.pop()


def _refuse_others(row: Row, given: str | None) -> None:
    others = [name for name in row.fields if name in _OTHER_LISTS or _OTHER_OPTIONS.fullmatch(name)]
    lists = [name for name in others if isinstance(row.fields[name], (list, dict)) or _OTHER_OPTIONS.fullmatch(name)]
    if given is None and lists:
        row.fail(f"field {lists[0]!r} looks like options; put them in a list 'choices', or leave the field out.")
