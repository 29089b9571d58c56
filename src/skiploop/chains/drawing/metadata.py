"""The chain inside the SVG, written into `<metadata>` as JSON; `skiploop.chains.from_svg` reads it. Pure Python."""

from __future__ import annotations

import json
import re
from xml.sax.saxutils import escape

from skiploop.chains.drawing.drawable import Drawable
from skiploop.errors import InvalidInput

FORMAT, SCHEMA = "skiploop-chain", 1
SVG = "http://www.w3.org/2000/svg"

_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML can't hold


def checked_text(name: str, value: str) -> str:
    """Text that can stand in an SVG, or InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"{name}={value!r} isn't text; give a str")
    bad = _UNPRINTABLE.search(value)
    if bad:
        raise InvalidInput(f"{name} holds {bad[0]!r}, which can't stand in an SVG; leave it out")
    return value


def metadata(chain: Drawable) -> str:
    """The element that `read_svg` reads."""
    entry = {
        "format": FORMAT,
        "schema": SCHEMA,
        "num_layers": chain.num_layers,
        "layers": chain.to_json(),
        "notation": str(chain),
    }
    return f"<metadata>{escape(json.dumps(entry, separators=(',', ':')))}</metadata>"
