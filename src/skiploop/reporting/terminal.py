"""A study for people: a table by level, what the figures mean in plain words, and a few examples."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skiploop.stats.measured import Measured
from skiploop.storage.files import Line
from skiploop.studies.arms import PEERS
from skiploop.studies.figures import InputFigures, SearchFigures, VerificationFigures
from skiploop.studies.format_failures import FormatFigures
from skiploop.studies.paired import PairedDifference
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study
from skiploop.studies.static.figures import StaticFigures

COLUMNS = (
    "\nlevel", "\ninputs", "base\n%", "oracle\n%", "random\n%", "nearby\n%", "right,\nshorter", "wrong\n->right",
    "still\nwrong", "ident.\nbest", "mean\ndepth",
)  # fmt: skip
EXAMPLES = 3
_WIDTH = 100  # where the output isn't a terminal, so that tables in logs aren't squeezed


def make_console() -> Console:
    """A console on stdout that is wide enough for the tables."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def print_study(study: Study, console: Console) -> None:
    """The table, its reading, examples, and where the study is."""
    figures = study.figures
    state = "" if study.complete else " (not complete)"
    console.print(
        f"{figures.model} on {figures.task}, searcher {figures.searcher}, space {figures.space}, "
        f"{figures.budget} evaluations an input{state}",
        markup=False,
    )
    console.print(study_table(figures, dense=console.width < 85))
    for line in reading(figures):
        console.print(line, markup=False)
    print_examples(study, console)
    calls = figures.layer_calls
    console.print(f"\n{calls:,} layer calls in {study.seconds:.0f} s. The study is in {study.out}", markup=False)


def study_table(figures: SearchFigures, *, dense: bool = False) -> Table:
    """One row per level and one for all; `dense` fits into 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0 if dense else (0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "\nlevel" else "right", no_wrap=True)
    levels = figures.by_level
    for row in levels if len(levels) > 1 else ():
        table.add_row(*_cells("-" if row.group is None else str(row.group), row))
    if len(levels) > 1:
        table.add_section()
    table.add_row(*_cells("all", figures), style="bold")
    return table


def _cells(name: str, row: InputFigures) -> list[str]:
    moves = row.transitions
    peers = [row.peers[peer].oracle_accuracy.value if peer in row.peers else None for peer in PEERS]
    return [
        name,
        str(row.inputs),
        *(_number(share, 100) for share in (row.base_accuracy.value, row.oracle_accuracy.value, *peers)),
        *map(str, (moves.right_shorter, moves.corrected, moves.still_wrong, moves.identity_best)),
        f"{_number(row.mean_base_depth)} / {_number(row.mean_best_depth)}",
    ]


def reading(figures: SearchFigures) -> list[str]:
    """What the figures say, and what they don't."""
    if not figures.inputs:
        return ["Nothing has been evaluated yet."]
    lines = [
        f"Oracle accuracy {_with_interval(figures.oracle_accuracy)}: some chain out of at most "
        f"{figures.budget} is right. To pick it one needs the gold answer, so this is no accuracy; the "
        f"model's own is {_with_interval(figures.base_accuracy)}.",
        _chance(figures),
        _single(figures),
        _format(figures.format),
        _again(figures.verification),
    ]
    return [f"- {line}" for line in lines if line]


def _chance(figures: SearchFigures) -> str:
    parts = [
        f"{_PEERS[name]} reach {percent(peer.oracle_accuracy.value)} at the same budget (the search "
        f"{_points(peer.difference.difference)} points, {_points_interval(peer.difference.difference)})"
        for name, peer in figures.peers.items()
    ]
    control = figures.control
    if control.inputs:
        parts.append(
            f"on {control.inputs} inputs that the model gets wrong, the search for a wrong answer "
            f"hits it in {percent(control.reached.value)}. Excess of the right answer over the wrong "
            f"one: {_points(control.excess)} points ({_points_interval(control.excess)})"
        )
    return "Chance: " + "; ".join(parts) + "." if parts else ""


def _single(figures: SearchFigures) -> str:
    """How often one chain by itself reaches its target: the odds that a budget multiplies."""
    shares = figures.right_chain_share_control_inputs
    if shares.get("search") is None or shares.get("control") is None:
        return ""
    return (
        f"Of single chains, on the inputs of the control, {percent(shares['search'])} are right where the search is "
        f"paid for the right answer, and {percent(shares['control'])} hit the wrong one where it is paid for that."
    )


def _format(figures: FormatFigures | None) -> str:
    if figures is None or not figures.unparsable_before:
        return ""
    return (
        f"Format: {figures.unparsable_before} of {figures.inputs} answers of the identity can't be read; "
        f"{figures.corrected_unparsable_before} of the {figures.corrected} corrected inputs are among them, where a "
        "chain may repair no more than the format."
    )


def _again(figures: VerificationFigures) -> str:
    if not figures.reruns:
        return ""
    return (
        f"Run again alone, {figures.flips} of {figures.reruns} claimed successes (of all arms) were wrong "
        f"and don't count (flip rate {percent(figures.flip_rate)})."
    )


def print_static(figures: StaticFigures, console: Console) -> None:
    """One row for each way to choose a static chain, and what it comes to."""
    console.print(
        f"{figures.model} on {figures.task}: one chain for all inputs, chosen on {figures.train_inputs} "
        f"training inputs, reported on {figures.test_inputs} others"
    )
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("chosen by", "chain", "depth", "train %", "test %", "95 %", "difference", "95 %", "p"):
        table.add_column(name, justify="left" if name in ("chosen by", "chain") else "right")
    for name, row in figures.chosen.items():
        title = _STATIC_NAMES.get(name, name).format(searcher=figures.searcher)
        table.add_row(
            title, row.notation, str(row.depth), f"{100 * row.train:.1f}", _number(row.test.value, 100),
            _range(row.test), *_differences(row.minus_identity),
        )  # fmt: skip
    console.print(table)
    console.print(_static_reading(figures), soft_wrap=True)


def _differences(minus: PairedDifference | None) -> tuple[str, str, str]:
    if minus is None:
        return "", "", ""
    ends = _points_interval(minus.difference).removeprefix("95 %: ")
    return _points(minus.difference), ends, f"{minus.mcnemar_p:.3f}"


_PEERS = {"random": "uniform random chains", "nearby": "random chains a few edits from the identity"}
_STATIC_NAMES = {
    "search": "search ({searcher})",
    "random": "random chains",
    "block": "one block twice (RYS)",
    "influence": "Block Influence",
    "gates": "gates",
}


def _static_reading(figures: StaticFigures) -> str:
    """In plain words: is the chosen chain better than the model as it is?"""
    row = figures.chosen["search"]
    tried = figures.chains["search"]
    if row.minus_identity is None:
        return f"None of the {tried} chains tried was better than the identity on the training inputs."
    low, high = ends(row.minus_identity.difference)
    calls = f"at {row.depth} layer calls instead of {figures.chosen['identity'].depth}"
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
        _field(console, name, f"{len(arm.evaluations)} evaluations{aim}; {arm.right_chains} chains beside identity hit")
        for chain, reward in arm.pareto:
            _field(console, "", f"reward {reward:g}  depth {len(chain)}  {chain}")


def input_json(result: InputResult) -> Line:
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


def _shown(line: Line) -> str | None:
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


def ends(figure: Measured) -> tuple[float, float]:
    """Both ends of an interval that there is: shares and differences of one input or more have one."""
    assert figure.interval is not None, "there is at least one input"
    return figure.interval


def _range(figure: Measured) -> str:
    low, high = ends(figure)
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _with_interval(figure: Measured) -> str:
    return f"{percent(figure.value)} (95 %: {_range(figure)})"


def _points(figure: Measured) -> str:
    return f"{100 * (figure.value or 0.0):+.1f}"


def _points_interval(figure: Measured) -> str:
    low, high = ends(figure)
    return f"95 %: {100 * low:+.1f} to {100 * high:+.1f}"
