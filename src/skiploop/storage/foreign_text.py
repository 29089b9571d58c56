"""Text from elsewhere, such as prompts, answers, and names of models and files, as it may be shown."""

from __future__ import annotations

import re

# What acts on a terminal or hides in a text: controls but for line breaks and tabs, controls of the direction of text,
# marks without width (not the joiners, which scripts need), tags, and halves of characters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def shown(text: str) -> str:
    """The text with escapes in place of characters that act or hide.

    Colours, window titles, links, deleted lines and reversed writing come out as `\\x1b[31m` or `\\u202e`; line
    breaks, tabs and all letters stay.
    """
    return _UNSEEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
