"""Sections about what a search has to beat: peers that learn nothing, and repairs of the format alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from skiploop.reporting import numbers
from skiploop.reporting.charts import Series, dots
from skiploop.reporting.parts import Cell, Column, Figure, Kind, Section, Table, difference, measured
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats.measured import measured_difference, measured_mean, measured_share
from skiploop.stats.shares import mcnemar, paired_counts, wilson
from skiploop.studies.results import InputResult

PEERS = {"random": "uniform random chains", "nearby": "random chains near the identity"}
_KINDS = {"identity": "the identity", "skip": "only skip", "loop": "only loop", "both": "skip and loop"}
Holds = Callable[[InputResult, str], bool]


def peer_section(folder: RunFolder) -> Section | None:
    """The search beside random chains, and beside random chains near the identity."""
    study = folder.study
    arms = [] if study is None else [arm for arm in PEERS if any(arm in each.arms for each in study.inputs)]
    if study is None or not arms:
        return None
    text = (
        "Peers have the same inputs, the same space and the same number of evaluations, and learn nothing from them. "
        "Uniform random chains are long and far from the identity where chains may loop, so that they are easy to "
        "beat. Random chains near the identity start where most searches start: what a search finds beyond them is "
        "owed to what it learnt. Where a difference's interval includes 0, this study doesn't show that it learnt "
        "anything.",
    )
    columns = (
        Column("figure"), Column("peer"), Column("search", "share"), Column("peer's", "share"),
        Column("search less peer", "points"), Column("p", "p"), Column("inputs", "count"),
    )  # fmt: skip
    rows = [row for arm in arms for row in _rows(study.inputs, arm)]
    caption = (
        "All are oracle figures or depths. Differences are paired (Newcombe's interval, McNemar's exact p, for depths "
        "a bootstrap), and not corrected for their number. Bold: the interval excludes 0."
    )
    figure = Figure(
        "peers",
        "Share of inputs for which some evaluated chain is right, at the same number of evaluations. Compare by the "
        "paired differences in the table.",
        "Dots with intervals: oracle accuracy of the search and of its peers.",
        dots(
            ["search", *(PEERS[arm] for arm in arms)],
            [
                Series(
                    "oracle accuracy", "search",
                    tuple(_share(study.inputs, arm, _hit) for arm in ("search", *arms)),
                )
            ],
            axis="oracle accuracy", percent=True,
        ),
        (6.6, 1.0 + 0.4 * len(arms)),
    )  # fmt: skip
    summary = folder.summary
    data = {f"{arm}_difference": summary.get(f"{arm}_difference") for arm in arms}
    return Section("peers", "Peers that learn nothing", text, (Table(caption, columns, tuple(rows)),), (figure,), data)


def _hit(result: InputResult, arm: str) -> bool:
    return result.arms[arm].right


def _share(inputs: Sequence[InputResult], arm: str, holds: Holds) -> Any:
    own = [each for each in inputs if arm in each.arms]
    return measured_share(sum(holds(each, arm) for each in own), len(own))


def _rows(inputs: Sequence[InputResult], arm: str) -> list[tuple[Cell, ...]]:
    both = [each for each in inputs if arm in each.arms]
    wrong, right = ([each for each in both if each.base_right == verdict] for verdict in (False, True))
    rows = [
        _row("oracle accuracy", both, arm, _hit),
        _row("corrected, of what the model gets wrong", wrong, arm, _hit),
        _row("right and shorter, of what it gets right", right, arm, lambda e, n: e.transition(n) == "right_shorter"),
    ]
    number: Kind = "number"
    own, other = ([len(each.arms[name].best[0]) for each in both] for name in ("search", arm))
    gap = difference(measured_mean([a - b for a, b in zip(own, other, strict=True)]), number)
    depths = (measured(measured_mean(own), number), measured(measured_mean(other), number))
    return [*rows, (Cell("mean depth of the best chain"), Cell(PEERS[arm]), *depths, gap, Cell(None), Cell(len(both)))]


def _row(name: str, inputs: Sequence[InputResult], arm: str, holds: Holds) -> tuple[Cell, ...]:
    if not inputs:
        return (Cell(name), Cell(PEERS[arm]), *[Cell(None)] * 4, Cell(0))
    counts = paired_counts([holds(each, "search") for each in inputs], [holds(each, arm) for each in inputs])
    shares = (measured(_share(inputs, each, holds)) for each in ("search", arm))
    gap, p = difference(measured_difference(counts)), mcnemar(counts.first, counts.second)
    return (Cell(name), Cell(PEERS[arm]), *shares, gap, Cell(p), Cell(len(inputs)))


# Format


def format_section(folder: RunFolder) -> Section | None:
    """How many answers can't be read or echo the prompt, before and after."""
    found = folder.summary.get("format") if folder.study is not None else None
    if not found or not found["inputs"]:
        return None
    count, corrected = found["inputs"], found["corrected"]
    text = (
        "A chain can be paid for an answer that can be read at all, rather than for a better one. “Before” is the "
        "model as it is, “after” the best chain of each input, which is the identity where nothing is right. "
        f"Of {numbers.plural(corrected, 'corrected input')}, {found['corrected_unparsable_before']} had no readable "
        f"answer before, and {found['corrected_echo_before']} one that echoes the prompt. What a chain does to the "
        "wording of answers apart from that, this doesn't tell.",
    )
    columns = (Column("answers that"), Column("before", "share"), Column("after", "share"), Column("inputs", "count"))
    rows = tuple(
        (
            Cell(title),
            *(_counted(found[f"{name}_{when}"], whole) for when in ("before", "after")),
            Cell(whole),
        )
        for title, name, whole in (
            ("can't be read", "unparsable", count),
            ("echo the prompt", "echo", count),
            ("echo the prompt, corrected inputs", "corrected_echo", corrected),
        )
    )
    tables = [Table("Shares of inputs, with Wilson's intervals.", columns, rows)]
    kinds = found["unparsable_by_kind"]
    if kinds:
        tables.append(_kind_table(kinds))
    return Section("format", "Format before and after", text, tuple(tables), data=found)


def _counted(part: int, whole: int) -> Cell:
    return Cell(part / whole, wilson(part, whole)) if whole else Cell(None)


def _kind_table(kinds: dict[str, Any]) -> Table:
    columns = (Column("chains that"), Column("without a readable answer", "share"), Column("evaluations", "count"))
    rows = tuple(
        (Cell(_KINDS[name]), Cell(row["share"], None if row["interval"] is None else tuple(row["interval"])),
         Cell(row["evaluations"]))
        for name, row in kinds.items()
    )  # fmt: skip
    caption = (
        "Evaluations of the search by what their chains do. Intervals are Wilson's over evaluations, and too narrow, "
        "as several are of one input."
    )
    return Table(caption, columns, rows)
