"""Prompt templates: plain text with `{question}` and, for multiple choice, `{options}`.

`{{` and `}}` stand for literal braces. Nothing else of Python's format language is accepted, so that a
template can't reach into objects and a typing error is found before a model is loaded.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.text import letters

FIELDS = ("question", "options")
_HINT = "Allowed are {question} and, for multiple choice, {options}; write {{ and }} for literal braces"


def read_template(value: str) -> str:
    """Return the template given by `--prompt`: the text itself, or the content of FILE for `@FILE`.

    One final newline of a file is dropped: editors add it, and it would make another prompt.
    """
    if not value.startswith("@"):
        return value
    path = Path(value[1:]).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The prompt file {str(path)!r} can't be read: {error}.") from error
    return text.removesuffix("\n")


def check_template(template: str, *, has_options: bool = True) -> None:
    """Raise InvalidInput unless the template has `{question}` and only known fields."""
    fields = _fields(template)
    unknown = [field for field in fields if field not in FIELDS]
    if unknown:
        raise InvalidInput(f"The prompt template has an unknown field {{{unknown[0]}}}. {_HINT}.")
    if "question" not in fields:
        raise InvalidInput(f"The prompt template {template!r} has no {{question}}. {_HINT}.")
    if "options" in fields and not has_options:
        raise InvalidInput("The prompt template has {options}, but not every question of this task has options.")


def render(template: str, question: str, choices: tuple[str, ...] = ()) -> str:
    """Return the text to tokenise; options are shown as lines `A. text`."""
    return template.format(question=question, options=options_text(choices))


def options_text(choices: tuple[str, ...]) -> str:
    """Return the options as lines `A. text`."""
    if not choices:
        return ""
    return "\n".join(f"{letter}. {choice}" for letter, choice in zip(letters(len(choices)), choices, strict=True))


def question_label(template: str) -> str:
    """Return the word that announces a question, `Question:` for the default template, or nothing.

    A generation that writes it at the start of a line has begun to repeat the pattern of the prompt.
    """
    literal = template.partition("{question}")[0].replace("{{", "{").replace("}}", "}")
    label = literal.rpartition("\n")[2].strip()
    return label if len(label) >= 2 else ""


def rotate_options(prompt: str, choices: tuple[str, ...], shift: int) -> str | None:
    """Return the prompt with its options moved up cyclically; None if it doesn't list them by letter.

    The last list counts: those of shots stand before the question.
    """
    spans: list[tuple[int, int]] = []
    end = len(prompt)
    for letter, choice in reversed(list(zip(letters(len(choices)), choices, strict=True))):
        at = prompt.rfind(choice, 0, end)
        while at >= 0 and not re.search(rf"\b{letter}\W{{1,3}}$", prompt[max(at - 5, 0) : at]):
            at = prompt.rfind(choice, 0, at + len(choice) - 1)
        if at < 0:
            return None
        spans.insert(0, (at, at + len(choice)))
        end = at
    moved = choices[shift:] + choices[:shift]
    for (start, end), choice in zip(reversed(spans), reversed(moved), strict=True):
        prompt = prompt[:start] + choice + prompt[end:]
    return prompt


def _fields(template: str) -> list[str]:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InvalidInput(f"The prompt template {template!r} is malformed: {error}. {_HINT}.") from error
    fields = []
    for _, name, spec, conversion in parsed:
        if name is not None:
            fields.append(name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else ""))
    return fields
