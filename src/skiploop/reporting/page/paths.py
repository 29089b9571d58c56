"""Paths of the machine that made a report don't belong into it: what they name does."""

from __future__ import annotations

import re

# Absolute ones (of either kind of system, or from home), and relative ones that climb. Names on the hub such as
# org/name stay, and so does a switch such as /no_think.
_PATH = re.compile(
    r"""(?<![\w/.~\\-])(?:file://)?(?:~/|\.{1,2}/|/[^\s/"'<>|,;()]+/|[A-Za-z]:[\\/]|\\\\)[^\s"'<>|,;()]+"""
)


def without_paths(text: str) -> str:
    """The text with the last name in place of each path: `/data/models/tiny (test)` becomes `tiny (test)`."""
    return _PATH.sub(lambda path: re.split(r"[\\/]", path[0].rstrip("\\/"))[-1] or path[0], text)
