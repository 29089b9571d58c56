"""A tokenizer's chat template: a conversation as the text that its model was trained to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skiploop.errors import InvalidInput


class ChatTemplate:
    """Renders conversations; `skiploop.tasks.dialogue.Template` is what tasks ask of it."""

    def __init__(self, tokenizer: Any, model: str) -> None:
        """The template of a tokenizer that has one; `model` is named in messages."""
        self._tokenizer, self._model = tokenizer, model

    def render(self, turns: Sequence[Mapping[str, str]]) -> str:
        """A conversation as text, up to where the assistant's answer begins.

        Args:
            turns: each with `role` (system, user, assistant) and `content`; the last one is the user's.

        Raises:
            InvalidInput: the template refuses the conversation, as some do a system prompt.
        """
        try:
            text = self._tokenizer.apply_chat_template(
                [dict(turn) for turn in turns], tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # a template is a program of somebody else's, and raises what it likes
            roles = ", ".join(turn["role"] for turn in turns)
            raise InvalidInput(
                f"the chat template of {self._model} refuses a conversation of {roles} ({error}); leave out --system, "
                "use --shots-as text, or --chat off"
            ) from error
        return str(text)


def chat_template(tokenizer: Any, model: str) -> ChatTemplate | None:
    """The chat template of a tokenizer; None where it has none."""
    return ChatTemplate(tokenizer, model) if getattr(tokenizer, "chat_template", None) else None
