"""How a task's examples are asked and judged where nothing else is said: scoring, prompt template, answers."""

from __future__ import annotations

from dataclasses import replace

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.numeric import parse_number
from skiploop.tasks.answers.text import letters
from skiploop.tasks.example import Example
from skiploop.tasks.prompts import check_template, render
from skiploop.tasks.sources.formats import PLAIN, WITH_OPTIONS, Format
from skiploop.tasks.task import Task


def settle(draft: Task, form: Format, examples: list[Example], template: str | None, scoring: str | None) -> Task:
    """Settle scoring, template and prompts; a prompt of the data yields to a template of the user.

    Args:
        draft: the task with its limits.
        form: of its rows.
        examples: those that are asked.
        template: of the user; None: the format's.
        scoring: None: what suits the examples.

    Raises:
        InvalidInput: examples of several kinds, or a template that doesn't suit them.
    """
    if scoring is None:
        scoring = _default_scoring(draft.name, examples)
    if template is None:
        template = _default_template(draft.name, form, [e for e in examples if not e.prompt], scoring)
        prompts = [e.prompt or render(template, e.question, e.choices) for e in examples]
    else:
        check_template(template, has_options=all(e.choices for e in examples))
        prompts = [render(template, e.question, e.choices) for e in examples]
        if scoring == "letter" and "{options}" not in template:
            raise InvalidInput(
                "The scoring 'letter' needs a prompt that lists the options: put {options} in the template."
            )
    done = [replace(e, prompt=prompt, answer=_answer(e, scoring)) for e, prompt in zip(examples, prompts, strict=True)]
    return replace(draft, examples=tuple(done), scoring=scoring, prompt_template=template)


def _default_template(name: str, form: Format, asked: list[Example], scoring: str) -> str:
    """The format's template, with the options where they have to be listed; `asked`: examples without a prompt."""
    if not asked:
        return "{question}"  # prompts that are all the data's own follow no template that is known here
    if form.template != PLAIN or scoring == "choice" or not any(e.choices for e in asked):
        return form.template
    _check_mixed(name, asked)
    return WITH_OPTIONS


def _default_scoring(name: str, examples: list[Example]) -> str:
    """Choose for own files: choices are scored as such; with a number among the answers, each row by its own kind."""
    if all(e.choices for e in examples):
        return "choice"
    if any(e.choices for e in examples):
        raise InvalidInput(
            f"Some rows of the task {name!r} have choices and others don't: choose a scoring for all of them "
            "(verbatim, exact or numeric), or keep the families of one kind."
        )
    return "numeric" if any(parse_number(e.answer) for e in examples) else "exact"


def _check_mixed(name: str, examples: list[Example]) -> None:
    without = next((e for e in examples if not e.choices), None)
    if without is not None:
        raise InvalidInput(
            f"Some rows of the task {name!r} have choices, others (such as {without.id!r}) don't: give the "
            "rows a 'prompt' of their own, or a prompt template without {options}."
        )


def _answer(example: Example, scoring: str) -> str:
    if example.gold is None or scoring not in ("choice", "letter"):
        return example.answer
    return example.choices[example.gold] if scoring == "choice" else letters(len(example.choices))[example.gold]
