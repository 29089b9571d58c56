"""Chains of layers as values. Pure Python, no torch, no files.

chain        `Chain`: the layers that are run, in order
edits        what a searcher does to a chain, and the shortest list of edits between the identity and a chain
policy       which keys and values a loop leaves for later tokens
replication  a chain as ranges of layers, as PEFT has them
weights      damped loops and scaled slots
notation     `0-9 12-15x2 16-27`: reading and writing
drawing/     a chain as SVG or as text
from_svg     `read_svg`: a chain out of its drawing
"""

from __future__ import annotations

from skiploop.chains.chain import Chain
from skiploop.chains.edits import Edit, LayerEdit

__all__ = ["Chain", "Edit", "LayerEdit"]
