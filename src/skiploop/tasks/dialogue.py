"""What stands around a question: a system prompt, shots, and whether all of it is a conversation in a chat template.

As text, in the form of lm-evaluation-harness (0.4.13, `lm_eval/api/task.py`): each shot is its prompt, a space, its
answer and a blank line, then comes the question. As a conversation, each shot is a turn of the user and one of the
assistant, or all of that text is one message (its `fewshot_as_multiturn`, which a template switches on there as well).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from skiploop.errors import InvalidInput
from skiploop.tasks.shots import Shot

CHATS = ("auto", "on", "off")
SHOTS_AS = ("turns", "text")
BETWEEN = "\n\n"
# After these a word follows without a space: "12+30=", "(", or an open quotation mark.
_NO_SPACE_AFTER = "=([{<\"'“"


class Template(Protocol):
    """A model's chat template."""

    def render(self, turns: Sequence[Mapping[str, str]]) -> str:
        """A conversation as text, up to where the assistant's answer begins."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What stands around the questions of a task.

    Attributes:
        chat: one of `CHATS`; `auto` is on where a model has a template and `suits_chat`.
        system: the system prompt; empty for none.
        shots_as: one of `SHOTS_AS`.
        suits_chat: whether `auto` may be on: the answer is generated, and no benchmark says how it is asked for.
        shots: by the id of an example.
    """

    chat: str = "auto"
    system: str = ""
    shots_as: str = "turns"
    suits_chat: bool = False
    shots: Mapping[str, tuple[Shot, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.chat not in CHATS:
            raise InvalidInput(f"Unknown --chat {self.chat!r}; allowed are {', '.join(CHATS)}.")
        if self.shots_as not in SHOTS_AS:
            raise InvalidInput(f"Unknown --shots-as {self.shots_as!r}; allowed are {', '.join(SHOTS_AS)}.")

    def as_text(self, example_id: str, question: str) -> str:
        """The prompt without a template."""
        return f"{self._system_text()}{self._shots_text(example_id)}{question}"

    def question(self, example_id: str, prompt: str) -> str:
        """The question's own part of `as_text`."""
        return prompt.removeprefix(self._system_text()).removeprefix(self._shots_text(example_id))

    def in_chat(self, example_id: str, prompt: str, template: Template) -> str:
        """The prompt as a conversation, from what `as_text` gave."""
        question, turns = self.question(example_id, prompt), []
        if self.system:
            turns.append({"role": "system", "content": self.system})
        if self.shots_as == "text":
            question = self._shots_text(example_id) + question
        else:
            for shot in self.shots.get(example_id, ()):
                turns.append({"role": "user", "content": shot.prompt})
                turns.append({"role": "assistant", "content": shot.answer})
        return template.render([*turns, {"role": "user", "content": question}])

    def _system_text(self) -> str:
        return self.system if not self.system or self.system[-1].isspace() else self.system + BETWEEN

    def _shots_text(self, example_id: str) -> str:
        return "".join(
            f"{shot.prompt}{following(shot.prompt, shot.answer)}{BETWEEN}" for shot in self.shots.get(example_id, ())
        )


def following(prompt: str, text: str) -> str:
    """A text as it goes on from a prompt: after a space, unless one of them has it or none belongs there."""
    glued = prompt[-1].isspace() or prompt[-1] in _NO_SPACE_AFTER
    return text if glued or text[0].isspace() else f" {text}"
