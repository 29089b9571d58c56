"""A search with chains for each input."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from skiploop.reporting.sentences.reading import search_reading
from skiploop.reporting.sentences.search import at_equal_evaluations, by_metric, spent
from skiploop.reporting.terminal.console import DENSE, make_table, row, say, say_sentences, say_wrapped
from skiploop.reporting.terminal.inputs import print_examples
from skiploop.stats import numbers
from skiploop.studies.arms import PEERS
from skiploop.studies.figures import GroupFigures, InputFigures, SearchFigures
from skiploop.studies.search import Study

_LEGEND = (
    "Oracle: some chain tried is right. Corrected: the identity is wrong and some chain right. Shorter: the identity "
    "is right and a shorter chain, too."
)


def print_study(study: Study, console: Console) -> None:
    """The table by level, what it says, examples, and where the study is."""
    figures = study.figures
    state = "" if study.complete else " (not complete)"
    how = f"searcher {figures.searcher}, space {figures.space}, {spent(figures)}"
    say_wrapped(console, f"{figures.model} on {figures.task}{state}: {how}")
    console.print()
    console.print(study_table(figures, dense=console.width < DENSE))
    console.print()
    if figures.inputs:
        say_wrapped(console, _LEGEND)
        console.print()
    say_sentences(console, [*search_reading(figures), *by_metric(figures), *at_equal_evaluations(figures)])
    print_examples(study.inputs, console)
    say(console, f"\n{figures.layer_calls:,} layer calls in {study.seconds:.0f} s. The study is in {study.out}")


def study_table(figures: SearchFigures, *, dense: bool = False) -> Table:
    """One row per level and one for all; `dense` fits into 80 columns. Arms that weren't run have no column."""
    peers = [peer for peer in PEERS if peer in figures.peers]
    control = bool(figures.control.inputs)
    names = (
        "inputs", "identity\nright%", "search\noracle%", *(f"{peer}\noracle%" for peer in peers),
        "corrected\n/ wrong", *(["control\nhits"] if control else []), "shorter\n/ right", "best\ndepth",
    )  # fmt: skip
    table = make_table([("level", True), *((name, False) for name in names)], dense=dense)
    levels = figures.by_level
    for group in levels if len(levels) > 1 else ():
        table.add_row(*row(*_cells(group, peers, control=control)))
    if len(levels) > 1:
        table.add_section()
    table.add_row(*row(*_cells(figures, peers, control=control)), style="bold")
    return table


def _cells(figures: InputFigures, peers: list[str], *, control: bool) -> list[str]:
    """One line of the table."""
    moves, reached = figures.transitions, figures.control
    shares = (
        figures.base_accuracy,
        figures.oracle_accuracy,
        *(figures.peers[peer].oracle_accuracy if peer in figures.peers else None for peer in peers),
    )
    hits = round((reached.reached.value or 0.0) * reached.inputs)
    return [
        _name(figures),
        f"{figures.inputs:,}",
        *(numbers.NONE if share is None else numbers.bare(share.value, "share") for share in shares),
        numbers.of(moves.corrected, moves.wrong),
        *([numbers.of(hits, reached.inputs)] if control else []),
        numbers.of(moves.right_shorter, moves.right),
        numbers.value(figures.mean_best_depth, "number"),
    ]


def _name(figures: InputFigures) -> str:
    if not isinstance(figures, GroupFigures):
        return "all"
    return numbers.NONE if figures.group is None else str(figures.group)
