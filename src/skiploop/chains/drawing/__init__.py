"""Drawings of chains: SVG for papers and pages, text for the terminal. Pure Python.

drawable      what a drawing asks of a chain
svg           `draw_svg`: a drawing for papers and pages
text          `draw_text`: a drawing for the terminal
program       a chain as properly nested loops
arrangement   columns, passes and back edges, shared by both drawings
geometry      coordinates of the SVG
style         its colours and elements
metadata      the chain inside the SVG
listing       a chain in one line, where there is no room to draw it
"""

from __future__ import annotations

from skiploop.chains.drawing.svg import draw_svg
from skiploop.chains.drawing.text import draw_text

__all__ = ["draw_svg", "draw_text"]
