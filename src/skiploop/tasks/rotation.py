"""The options of an example in another order."""

from __future__ import annotations

from dataclasses import replace

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.text import letters
from skiploop.tasks.example import Example
from skiploop.tasks.prompts import rotate_options


def rotated(example: Example, shift: int, *, listed: bool) -> Example:
    """Return an example with its options moved up by `shift` places, cyclically; one without options as it is.

    Args:
        example: the example.
        shift: may be larger than the number of options.
        listed: whether the prompt has to list the options; an answer that is a letter then moves along.

    Raises:
        InvalidInput: the prompt has to list the options as A, B, ... and doesn't.
    """
    count = len(example.choices)
    if not count or example.gold is None:
        return example
    shift %= count
    prompt = rotate_options(example.prompt, example.choices, shift)
    if prompt is None and listed:
        raise InvalidInput(
            f"The options of the example {example.id!r} can't be rotated: its prompt doesn't list them "
            "as A, B, ... Give a prompt template with {options}."
        )
    gold, names = (example.gold - shift) % count, letters(count)
    return replace(
        example,
        prompt=prompt or example.prompt,
        choices=example.choices[shift:] + example.choices[:shift],
        gold=gold,
        answer=names[gold] if listed and example.answer == names[example.gold] else example.answer,
    )
