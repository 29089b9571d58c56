"""How lines, tables and fields are printed: within the width, without markup, and without what text could do to a
terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skiploop.stats import numbers
from skiploop.storage.foreign_text import shown

DENSE = 95  # columns of a terminal below which tables are printed without room around
_WIDTH = 100  # where the output isn't a terminal, so that tables in logs aren't squeezed


def make_console() -> Console:
    """A console on stdout that is wide enough for the tables."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def say(console: Console, text: str) -> None:
    """A line, whatever is in it; long ones are left to the terminal."""
    console.print(Text(shown(text)), soft_wrap=True)


def say_wrapped(console: Console, text: str, *, bullet: str = "") -> None:
    """A sentence, broken between words."""
    lines = textwrap.wrap(
        shown(text), console.width, initial_indent=bullet, subsequent_indent=" " * len(bullet),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    say(console, numbers.plain("\n".join(lines)))


def say_sentences(console: Console, sentences: Sequence[str]) -> None:
    """Sentences as a list."""
    for sentence in sentences:
        say_wrapped(console, sentence, bullet="- ")


def say_field(console: Console, name: str, value: str) -> None:
    """A name and what belongs to it."""
    console.print(Text(f"  {name:<9}", style="dim"), Text(shown(value)), soft_wrap=True)


def make_table(columns: Sequence[tuple[str, bool]], *, dense: bool) -> Table:
    """An empty table; each column has its heading, and whether it holds text rather than numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0 if dense else (0, 1, 0, 0))
    for name, is_text in columns:
        table.add_column(name, justify="left" if is_text else "right", no_wrap=not is_text, vertical="bottom")
    return table


def row(*cells: str) -> list[Text]:
    """The cells of a row, in which nothing is markup."""
    return [Text(numbers.plain(shown(cell))) for cell in cells]
