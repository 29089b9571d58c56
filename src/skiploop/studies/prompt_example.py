"""What is sent to the model for an input, and what of its answer is judged, to be looked at before a run. No torch."""

from __future__ import annotations

from typing import Any

from skiploop.studies.opening import StudyModel
from skiploop.tasks import Task
from skiploop.tasks.metrics import WORDS


def prompt_example(task: Task, model: StudyModel) -> dict[str, Any]:
    """Prompt, options and judgement of a task's first input, fit for JSON; `task` is one for this model.

    Returns:
        `input`, its id; `prompt`, the text that is sent; `tokens`, their number; `in_front`, special tokens that the
        tokenizer puts there; `options`, with the text that is scored of each; `judged`, in words; `gold`.
    """
    example = task.examples[0]
    ids = model.encode(example.prompt)
    return {
        "input": example.id,
        "prompt": example.prompt,
        "tokens": len(ids),
        "in_front": _in_front(model, example.prompt, ids),
        "chat": task.chat,
        "options": list(task.continuations(example)),
        "judged": _judged(task),
        "gold": example.answer,
    }


def _in_front(model: StudyModel, prompt: str, ids: list[int]) -> list[str]:
    """The special tokens before the text, where they aren't written there."""
    tokenizer: Any = getattr(model, "tokenizer", None)
    if tokenizer is None:
        return []
    special = set(tokenizer.all_special_ids)
    size = next((place for place, token in enumerate(ids) if token not in special), len(ids))
    names: list[str] = tokenizer.convert_ids_to_tokens(ids[:size])
    return [] if prompt.startswith("".join(names)) else names


def _judged(task: Task) -> str:
    if task.scores_options:
        what = "letter" if task.scoring == "letter" else "option"
        return f"the {what} with the highest log-likelihood{WORDS[task.metric]} ({task.metric})"
    if task.verbatim:
        return "the whole text up to its end token, character by character"
    stop = f", up to {' or '.join(map(repr, task.stop))}" if task.stop else ""
    return f"a text of at most {task.max_new_tokens} tokens{stop}; its final answer is compared by {task.scoring}"


def shown_lines(shown: dict[str, Any]) -> list[str]:
    """`prompt_example` for people: the prompt stands between two rulers, exactly as it is sent."""
    in_front = f" ({len(shown['in_front'])} of them put in front by the tokenizer)" if shown["in_front"] else ""
    chat = "in the chat template" if shown["chat"] else "as text, without a chat template"
    lines = [f"The input {shown['input']} is sent as {shown['tokens']} tokens{in_front}, {chat}:", "-" * 8]
    lines += ["".join(shown["in_front"]) + shown["prompt"], "-" * 8]
    lines += [f"continued by {option!r}" for option in shown["options"]]
    return [*lines, f"Judged: {shown['judged']}. Gold answer: {shown['gold']}"]
