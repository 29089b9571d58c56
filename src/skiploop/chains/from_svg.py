"""A chain out of its drawing. Pure Python."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from skiploop.chains.chain import Chain
from skiploop.chains.drawing.metadata import FORMAT, SCHEMA, SVG
from skiploop.errors import InvalidInput

LARGEST = 64 * 1024 * 1024  # characters; far above the drawing of the longest chain


def read_svg(text: str) -> Chain:
    """The chain of a drawing made by `draw_svg`, also after an editor has saved it.

    Only its metadata are read. Document types and entities are refused, so that a file from elsewhere can neither
    blow up in memory nor name other files.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"read_svg takes the text of a drawing, not {type(text).__name__}; read the file first")
    if len(text) > LARGEST:
        raise InvalidInput(f"the drawing has {len(text)} characters, {LARGEST} are allowed")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InvalidInput("the drawing has a document type or entities, which aren't read; remove them")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InvalidInput(f"this isn't well-formed XML ({error}); give the text of an SVG file") from None
    entries = [entry for element in root.iter(f"{{{SVG}}}metadata") if (entry := _entry(element.text))]
    if not entries:
        raise InvalidInput("no chain in this SVG: it wasn't made by draw_svg, or its metadata were removed")
    return _chain(entries[0])


def _entry(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def _chain(entry: dict[str, Any]) -> Chain:
    if entry.get("schema") != SCHEMA:
        raise InvalidInput(f"schema {entry.get('schema')!r} of the drawing is unknown; this version reads {SCHEMA}")
    layers = entry.get("layers")
    if not isinstance(layers, list):
        raise InvalidInput(f"the drawing's layers are {layers!r}; a list of layer indices is needed")
    chain = Chain(layers, entry.get("num_layers"))  # type: ignore[arg-type]  # it checks what it is given
    if entry.get("notation") != str(chain):
        raise InvalidInput(
            f"the drawing's layers are {str(chain)!r}, its notation {entry.get('notation')!r}; draw anew"
        )
    return chain
