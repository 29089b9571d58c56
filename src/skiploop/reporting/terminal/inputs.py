"""Single inputs of a search: a few examples, and one in full. Prompts and answers are anybody's text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from skiploop.reporting.names import ARM_NAMES
from skiploop.reporting.terminal.console import say_field
from skiploop.storage.files import Line
from skiploop.studies.results import ArmResult, InputResult

EXAMPLES = 3
_LONGEST = 160  # characters of a prompt or an answer in an example


def print_examples(inputs: Sequence[InputResult], console: Console) -> None:
    """A few inputs with what was found for them: corrected ones first, then shortened ones."""
    for result in chosen_examples(inputs):
        chain, _ = result.search.best
        console.print()
        say_field(console, "prompt", _short(result.example["prompt"]))
        say_field(console, "identity", f"{said(result)} ({_verdict(result)})")
        say_field(console, "chain", f"{chain} (depth {len(chain)}, identity {result.depth})")
        say_field(console, "answer", _answer(result))


def chosen_examples(inputs: Sequence[InputResult]) -> list[InputResult]:
    """The examples to show."""
    corrected = [each for each in inputs if each.transition() == "corrected"]
    shorter = [each for each in inputs if each.transition() == "right_shorter"]
    first = corrected[: EXAMPLES - 1] if shorter else corrected[:EXAMPLES]
    return first + shorter[: EXAMPLES - len(first)]


def print_input(result: InputResult, console: Console) -> None:
    """Everything about one input."""
    example = result.example
    family = f", family {example['family']}" if example["family"] else ""
    level = "-" if example["level"] is None else example["level"]
    say_field(console, "input", f"{example['id']} (level {level}{family})")
    say_field(console, "prompt", example["prompt"])
    say_field(console, "gold", example["answer"])
    say_field(console, "identity", f"{said(result)} ({_verdict(result)})")
    for name, arm in result.arms.items():
        say_field(console, name, _arm(name, arm))
        for chain, reward in arm.pareto:
            say_field(console, "", f"reward {reward:g}  depth {len(chain)}  {chain}")


def _arm(name: str, arm: ArmResult) -> str:
    aim = "" if arm.target is None else f" for the wrong answer {arm.target!r}"
    return f"{ARM_NAMES[name]}{aim}: {arm.right_chains} of {len(arm.evaluations) - 1} chains beside the identity hit"


def input_json(result: InputResult) -> Line:
    """Everything about one input, ready for JSON."""
    chain, reward = result.search.best
    return {
        **result.example,
        "base_right": result.base_right,
        "identity_answer": result.answer,
        "identity_text": result.text,
        "transition": result.transition(),
        "best": {"chain": chain.to_json(), "notation": str(chain), "reward": reward},
        "verified": result.verified,
        "arms": {
            name: {
                "target": arm.target,
                "evaluations": [[chain.to_json(), reward] for chain, reward in arm.evaluations],
                "pareto": [[chain.to_json(), reward] for chain, reward in arm.pareto],
            }
            for name, arm in result.arms.items()
        },
    }


def said(result: InputResult) -> str:
    """What the identity answered, as one line."""
    return _short(result.answer if result.text is None else result.text)


def _answer(result: InputResult) -> str:
    """What the chain answered when it was re-run; the gold answer where it wasn't."""
    again = result.verified
    return _short(result.example["answer"] if again is None else again.get("text", again["answer"]))


def _verdict(result: InputResult) -> str:
    return "right" if result.base_right else "wrong"


def _short(text: str | None) -> str:
    if text is None:
        return "(no answer)"
    line, half = " ".join(text.split()), _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]} ... {line[-half:]}"
