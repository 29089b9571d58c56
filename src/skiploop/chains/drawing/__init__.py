"""Drawings of chains: SVG for papers and pages, text for the terminal. Pure Python.

from skiploop.chains.drawing import draw_svg, draw_text, read_svg
"""

from __future__ import annotations

from skiploop.chains.drawing.metadata import read_svg
from skiploop.chains.drawing.svg import draw_svg
from skiploop.chains.drawing.text import draw_text

__all__ = ["draw_svg", "draw_text", "read_svg"]
