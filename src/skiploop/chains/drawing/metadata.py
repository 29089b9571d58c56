"""The chain inside the SVG: written into `<metadata>` as JSON, read back from there. Pure Python."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput

FORMAT, SCHEMA = "skiploop-chain", 1
SVG = "http://www.w3.org/2000/svg"
LARGEST = 64 * 1024 * 1024  # characters; far above the drawing of the longest chain

_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML can't hold


def checked_text(name: str, value: str) -> str:
    """Text that can stand in an SVG, or InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"{name}={value!r} isn't text; give a str")
    bad = _UNPRINTABLE.search(value)
    if bad:
        raise InvalidInput(f"{name} holds {bad[0]!r}, which can't stand in an SVG; leave it out")
    return value


def metadata(chain: Chain) -> str:
    """The element that `read_svg` reads."""
    entry = {
        "format": FORMAT,
        "schema": SCHEMA,
        "num_layers": chain.num_layers,
        "layers": chain.to_json(),
        "notation": str(chain),
    }
    return f"<metadata>{escape(json.dumps(entry, separators=(',', ':')))}</metadata>"


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
