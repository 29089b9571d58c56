"""What a report is made of: sections of text, tables and figures. Frozen values; nothing here draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skiploop.stats.measured import Measured
from skiploop.stats.numbers import Kind
from skiploop.stats.shares import wilson
from skiploop.studies.paired import PairedDifference

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        kind: how its cells are written.
    """

    title: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure with its interval, or words.

    Attributes:
        value: None where there is nothing to show.
        interval: 95 %; None without one.
        strong: the interval says that it matters (it excludes 0, say); printed bold.
        kind: how it is written, where that isn't its column's way.
    """

    value: float | str | None
    interval: tuple[float, float] | None = None
    strong: bool = False
    kind: Kind | None = None

    def to_json(self) -> Any:
        """The bare value, or an object where there is an interval."""
        if self.interval is None:
            return self.value
        return {"value": self.value, "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table.

    Attributes:
        caption: what it shows, and what to look out for.
        columns: from left to right.
        rows: each with one cell per column.
        last_strong: set the last row off, as a total.
        folded: shown on a click only, because it is long.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    last_strong: bool = False
    folded: bool = False

    def to_json(self) -> dict[str, Any]:
        """The caption, and one object per row."""
        titles = [column.title for column in self.columns]
        rows = [{title: cell.to_json() for title, cell in zip(titles, row, strict=True)} for row in self.rows]
        return {"caption": self.caption, "rows": rows}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, drawn when it is needed.

    Attributes:
        name: of its files, in letters, digits and hyphens.
        caption: what it shows, and how to read it.
        alt: for those who can't see it, in a sentence.
        draw: draws on an empty matplotlib figure.
        size: of it in inches.
    """

    name: str
    caption: str
    alt: str
    draw: Callable[[Canvas], None]
    size: tuple[float, float] = (6.6, 3.2)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report.

    Attributes:
        name: in letters, digits and hyphens; its place in the page and in the JSON.
        title: a heading.
        text: paragraphs in plain language.
        tables: below the text.
        figures: below the tables.
        data: the numbers behind it, ready for JSON.
        hint: what it answers, in a few words; stands beside the title, also while the section is folded.
        group: of the page that it belongs to; `skiploop.reporting.sections.order` sets it.
    """

    name: str
    title: str
    text: tuple[str, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    figures: tuple[Figure, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""
    group: str = ""

    def to_json(self) -> dict[str, Any]:
        """Title, text, tables and data; figures are drawn from these."""
        return {
            "title": self.title,
            "text": list(self.text),
            "tables": [table.to_json() for table in self.tables],
            "data": dict(self.data),
        }


def measured(found: Measured | None, kind: Kind | None = None, *, strong: bool = False) -> Cell:
    """A measured figure as a cell; empty where there is none."""
    if found is None:
        return Cell(None)
    return Cell(found.value, found.interval, strong, kind)


def difference(found: Measured | None, kind: Kind | None = None) -> Cell:
    """A difference as a cell, strong where its interval excludes 0."""
    return measured(found, kind, strong=found is not None and found.excludes())


def compared(found: PairedDifference | None) -> Cell:
    """A paired difference as a cell, strong where its interval excludes 0; empty where there is none."""
    return difference(None if found is None else found.difference)


def counted(share: float | None, count: int) -> Cell:
    """A share of this many inputs, with Wilson's interval."""
    return Cell(share) if share is None else Cell(share, wilson(round(share * count), count))
