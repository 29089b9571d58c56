"""The drawing in characters."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skiploop.chains.chain import Chain
from skiploop.chains.drawing import draw_text
from skiploop.chains.drawing.arrangement import arrange
from skiploop.chains.drawing.listing import listed
from skiploop.chains.drawing.program import program
from skiploop.errors import InvalidInput
from tests.chains.drawing.test_svg import examples
from tests.chains.drawing.tracing import read_listing, trace_text
from tests.chains.test_chain import chains


@examples
def test_the_chain_can_be_read_off_the_characters(chain: Chain) -> None:
    assert trace_text(draw_text(chain)) == list(chain)


@given(chains(max_layers=20, max_slots=50), st.integers(20, 120))
@example(Chain.parse("0-1 (1 0)x12", 2), 20)  # a count of two digits next to a short line
@example(Chain.parse("(3 (2 0)x2)x2 (3 1)x4 18", 20), 120)  # an edge that begins in the row where an outer one ends
def test_any_chain_can_be_read_off_and_fits(chain: Chain, width: int) -> None:
    text = draw_text(chain, width=width)
    assert (trace_text if "▶" in text else read_listing)(text) == list(chain)
    assert all(len(line) <= width and line == line.rstrip() for line in text.split("\n"))
    assert text == draw_text(chain, width=width)


@given(chains(max_layers=20, max_slots=50))
def test_a_list_can_be_read_as_well(chain: Chain) -> None:
    for times, back in (("×", "↰"), ("x", "<-")):
        words = listed(program(chain), chain.num_layers, times=times, back=back)
        assert read_listing(" ".join(words)) == list(chain)


@given(chains(max_layers=20, max_slots=50), st.integers(20, 120))
def test_ascii_is_ascii(chain: Chain, width: int) -> None:
    text = draw_text(chain, width=width, ascii_only=True)
    assert text.isascii() and (">" in text) == ("▶" in draw_text(chain, width=width))


@given(chains(max_layers=20, max_slots=50))
def test_color_changes_nothing_but_color(chain: Chain) -> None:
    text = draw_text(chain, color=True)
    assert re.sub(r"\x1b\[\d+m", "", text) == draw_text(chain)
    assert text.count("\x1b[2m") == text.count("\x1b[22m")
    faded = re.findall(r"\x1b\[2m(.*?)\x1b\[22m", text)
    arrangement = arrange(chain, 64)
    assert bool(faded) == (len(arrangement.by_row()[0]) < len(arrangement.columns))


def test_drawings() -> None:
    assert draw_text(Chain.identity(8)) == "╶─0─1─2─3─4─5─6─7─▶"
    assert draw_text(Chain.identity(80), width=20) == "╶─0─1..78─79─▶"
    assert draw_text(Chain.parse("0-1 5-6x2 5", 8)) == SKIP_LOOP_JUMP
    assert draw_text(Chain.parse("0-1 5-6x2 5", 8), ascii_only=True) == ASCII


SKIP_LOOP_JUMP = """
     ╭─────╮
╶─0─1╯2 3 4╰5─6─╮7
            ╰×2╯│
           ╭─◀──╯
           │ ╭────╮
           ╰5╯    ╰▶""".removeprefix("\n")

ASCII = """
     +-----+
--0-1+2 3 4+5-6-+7
            +x2+|
           +-<--+
           | +----+
           +5+    +>""".removeprefix("\n")


def test_what_is_too_wide_is_listed() -> None:
    chain = Chain.parse("(0 2 4 6)x2 8 10x3 5 (9 7)x3 14-17", 20)
    expected = "[0 (1) 2 (3) 4 (5)\n6]×2 (7) 8 (9)\n[10]×3 ↰ 5 (6..8) [9\n↰ 7]×3 (8..13)\n14..17 (18..19)"
    assert draw_text(chain, width=20) == expected
    with pytest.raises(InvalidInput, match="width=19"):
        draw_text(chain, width=19)
