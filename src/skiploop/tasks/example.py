"""The two plain values of a task: an example, and the verdict on an answer to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One input with its gold answer.

    Attributes:
        id: unique within its task.
        prompt: exactly the text to tokenise, already rendered.
        answer: the gold answer in canonical form (the option's text or letter for multiple choice).
        choices: texts of the options; empty for free-form answers.
        gold: index of the right option, counted from 0.
        level: difficulty as the data set states it.
        family: kind of problem within the task.
        question: the question alone, for de-duplication and reports; the prompt where nothing else is known.
    """

    id: str
    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    gold: int | None = None
    level: int | None = None
    family: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reward of one answer, in [0, 1], and the answer found; `answer` None is a format failure."""

    reward: float
    answer: str | None
