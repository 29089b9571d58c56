"""A study for people: a table by level, what the figures mean in plain words, and a few examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skiploop.studies.arms import PEERS
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study

COLUMNS = (
    "\nlevel", "\ninputs", "base\n%", "oracle\n%", "random\n%", "nearby\n%", "right,\nshorter", "wrong\n->right",
    "still\nwrong", "ident.\nbest", "mean\ndepth",
)  # fmt: skip
_SHARES = ("base_accuracy", "oracle_accuracy", "random_oracle_accuracy", "nearby_oracle_accuracy")
EXAMPLES = 3
_WIDTH = 100  # where the output isn't a terminal, so that tables in logs aren't squeezed


def make_console() -> Console:
    """A console on stdout that is wide enough for the tables."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def print_study(study: Study, console: Console) -> None:
    """The table, its reading, examples, and where the study is."""
    summary = study.summary
    state = "" if study.complete else " (not complete)"
    console.print(
        f"{summary['model']} on {summary['task']}, searcher {summary['searcher']}, space {summary['space']}, "
        f"{summary['budget']} evaluations an input{state}",
        markup=False,
    )
    console.print(study_table(summary, dense=console.width < 85))
    for line in reading(summary):
        console.print(line, markup=False)
    print_examples(study, console)
    seconds, calls = summary["seconds"], summary["layer_calls"]
    console.print(f"\n{calls:,} layer calls in {seconds:.0f} s. The study is in {study.out}", markup=False)


def study_table(summary: dict[str, Any], *, dense: bool = False) -> Table:
    """One row per level and one for all; `dense` fits into 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0 if dense else (0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "\nlevel" else "right", no_wrap=True)
    levels = summary["by_level"]
    for row in levels if len(levels) > 1 else []:
        table.add_row(*_cells("-" if row["level"] is None else str(row["level"]), row))
    if len(levels) > 1:
        table.add_section()
    table.add_row(*_cells("all", summary), style="bold")
    return table


def _cells(name: str, row: dict[str, Any]) -> list[str]:
    moves = row["transitions"]
    return [
        name,
        str(row["inputs"]),
        *(_number(row[key], 100) for key in _SHARES),
        *(str(moves[key]) for key in ("right_shorter", "corrected", "still_wrong", "identity_best")),
        f"{_number(row['mean_base_depth'])} / {_number(row['mean_best_depth'])}",
    ]


def reading(summary: dict[str, Any]) -> list[str]:
    """What the figures say, and what they don't."""
    if not summary["inputs"]:
        return ["Nothing has been evaluated yet."]
    lines = [
        f"Oracle accuracy {_with_interval(summary, 'oracle_accuracy')}: some chain out of at most "
        f"{summary['budget']} is right. To pick it one needs the gold answer, so this is no accuracy; the "
        f"model's own is {_with_interval(summary, 'base_accuracy')}.",
        _chance(summary),
        _single(summary),
        _format(summary),
        _again(summary),
    ]
    return [f"- {line}" for line in lines if line]


def _chance(summary: dict[str, Any]) -> str:
    parts = [
        f"{_PEERS[peer]} reach {percent(summary[f'{peer}_oracle_accuracy'])} at the same budget (the search "
        f"{_points(found['oracle_accuracy'])} points, {_points_interval(found['interval'])})"
        for peer in PEERS
        if (found := summary.get(f"{peer}_difference")) is not None
    ]
    if summary["control_hit_share"] is not None:
        parts.append(
            f"on {summary['control_inputs']} inputs that the model gets wrong, the search for a wrong answer "
            f"hits it in {percent(summary['control_hit_share'])}. Excess of the right answer over the wrong "
            f"one: {_points(summary['excess'])} points ({_points_interval(summary['excess_interval'])})"
        )
    return "Chance: " + "; ".join(parts) + "." if parts else ""


def _single(summary: dict[str, Any]) -> str:
    """How often one chain by itself reaches its target: the odds that a budget multiplies."""
    shares = summary.get("right_chain_share_control_inputs") or {}
    if shares.get("search") is None or shares.get("control") is None:
        return ""
    return (
        f"Of single chains, on the inputs of the control, {percent(shares['search'])} are right where the search is "
        f"paid for the right answer, and {percent(shares['control'])} hit the wrong one where it is paid for that."
    )


def _format(summary: dict[str, Any]) -> str:
    found = summary.get("format")
    if found is None or not found["unparsable_before"]:
        return ""
    return (
        f"Format: {found['unparsable_before']} of {found['inputs']} answers of the identity can't be read; "
        f"{found['corrected_unparsable_before']} of the {found['corrected']} corrected inputs are among them, where a "
        "chain may repair no more than the format."
    )


def _again(summary: dict[str, Any]) -> str:
    if not summary["verified"]:
        return ""
    return (
        f"Run again alone, {summary['flips']} of {summary['verified']} claimed successes (of all arms) were wrong "
        f"and don't count (flip rate {percent(summary['flip_rate'])})."
    )


def print_static(summary: dict[str, Any], console: Console) -> None:
    """One row for each way to choose a static chain, and what it comes to."""
    console.print(
        f"{summary['model']} on {summary['task']}: one chain for all inputs, chosen on {summary['train_inputs']} "
        f"training inputs, reported on {summary['test_inputs']} others"
    )
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("chosen by", "chain", "depth", "train %", "test %", "95 %", "difference", "95 %", "p"):
        table.add_column(name, justify="left" if name in ("chosen by", "chain") else "right")
    for name, row in summary["chosen"].items():
        low, high = row["test_interval"]
        different = row["difference_interval"] is not None
        table.add_row(
            _STATIC_NAMES.get(name, name).format(**summary), row["notation"], str(row["depth"]),
            f"{100 * row['train']:.1f}", f"{100 * row['test']:.1f}", f"{100 * low:.0f} to {100 * high:.0f}",
            _points(row["difference"]) if different else "",
            _points_interval(row["difference_interval"]).removeprefix("95 %: ") if different else "",
            f"{row['mcnemar_p']:.3f}" if different else "",
        )  # fmt: skip
    console.print(table)
    console.print(_static_reading(summary), soft_wrap=True)


_PEERS = {"random": "uniform random chains", "nearby": "random chains a few edits from the identity"}
_STATIC_NAMES = {
    "search": "search ({searcher})",
    "random": "random chains",
    "block": "one block twice (RYS)",
    "influence": "Block Influence",
    "gates": "gates",
}


def _static_reading(summary: dict[str, Any]) -> str:
    """In plain words: is the chosen chain better than the model as it is?"""
    row = summary["chosen"]["search"]
    tried = summary["chains"]["search"]
    if row["difference_interval"] is None:
        return f"None of the {tried} chains tried was better than the identity on the training inputs."
    low, high = row["difference_interval"]
    calls = f"at {row['depth']} layer calls instead of {summary['chosen']['identity']['depth']}"
    if low > 0:
        return f"The chain found is more accurate than the identity on inputs that it wasn't chosen on, {calls}."
    if high < 0:
        return f"The chain found is less accurate than the identity on inputs that it wasn't chosen on, {calls}."
    return (
        "No difference to the identity is shown on inputs that the chain wasn't chosen on (0 is in the interval), "
        f"{calls}."
    )


def print_examples(study: Study, console: Console) -> None:
    """A few inputs with what was found for them: corrected ones first, then shortened ones."""
    for result in chosen_examples(study.inputs):
        chain, _ = result.search.best
        console.print()
        _field(console, "prompt", _short(result.example["prompt"]))
        _field(console, "identity", f"{said(result)} ({'right' if result.base_right else 'wrong'})")
        _field(console, "chain", f"{chain} (depth {len(chain)}, identity {result.depth})")
        again = result.verified
        _field(console, "answer", _short(_shown(again)) if again is not None else result.example["answer"])


def chosen_examples(inputs: Sequence[InputResult]) -> list[InputResult]:
    """The examples to show."""
    corrected = [each for each in inputs if each.transition() == "corrected"]
    shorter = [each for each in inputs if each.transition() == "right_shorter"]
    first = corrected[: EXAMPLES - 1] if shorter else corrected[:EXAMPLES]
    return first + shorter[: EXAMPLES - len(first)]


def print_input(result: InputResult, console: Console) -> None:
    """Everything about one input."""
    example = result.example
    _field(console, "input", f"{example['id']} (level {example['level']}, family {example['family'] or '-'})")
    _field(console, "prompt", example["prompt"])
    _field(console, "gold", example["answer"])
    _field(console, "identity", f"{said(result)} ({'right' if result.base_right else 'wrong'})")
    for name, arm in result.arms.items():
        aim = f", for the wrong answer {arm.target!r}" if arm.target is not None else ""
        _field(console, name, f"{len(arm.evaluations)} evaluations{aim}; {arm.hits} chains beside identity hit")
        for chain, reward in arm.pareto:
            _field(console, "", f"reward {reward:g}  depth {len(chain)}  {chain}")


def input_json(result: InputResult) -> dict[str, Any]:
    """Everything about one input, ready for JSON."""
    chain, reward = result.search.best
    return {
        **result.example,
        "base_right": result.base_right,
        "identity_answer": result.answer,
        "identity_text": result.text,
        "transition": result.transition(),
        "best": {"chain": list(chain), "notation": str(chain), "reward": reward},
        "verified": result.verified,
        "arms": {
            name: {
                "target": arm.target,
                "evaluations": [[list(chain), reward] for chain, reward in arm.evaluations],
                "pareto": [[list(chain), reward] for chain, reward in arm.pareto],
            }
            for name, arm in result.arms.items()
        },
    }


def said(result: InputResult) -> str:
    """What the identity answered, as one line."""
    return _short(result.answer if result.text is None else result.text)


def percent(value: float | None) -> str:
    """A share for people."""
    return "-" if value is None else f"{100 * value:.1f} %"


def _shown(line: dict[str, Any]) -> str | None:
    text: str | None = line.get("text", line["answer"])
    return text


def _short(text: str | None, most: int = 160) -> str:
    if text is None:
        return "(no answer)"
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most // 2]} ... {line[-most // 2 :]}"


def _field(console: Console, name: str, value: str) -> None:
    console.print(Text(f"  {name:<9}", style="dim"), Text(value), soft_wrap=True)


def _number(value: float | None, unit: int = 1) -> str:
    return "-" if value is None else f"{unit * value:.1f}"


def _with_interval(summary: dict[str, Any], name: str) -> str:
    low, high = summary[f"{name}_interval"]
    return f"{percent(summary[name])} (95 %: {100 * low:.0f} to {100 * high:.0f})"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _points_interval(interval: Sequence[float]) -> str:
    return f"95 %: {_points(interval[0])} to {_points(interval[1])}"
