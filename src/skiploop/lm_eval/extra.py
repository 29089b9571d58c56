"""lm-evaluation-harness, which is an extra."""

from __future__ import annotations

from importlib.util import find_spec

from skiploop.errors import InvalidInput


def require_lm_eval() -> None:
    """Raises InvalidInput, saying how to install it, where lm-evaluation-harness is missing."""
    if find_spec("lm_eval") is None:
        raise InvalidInput(
            "tasks of lm-evaluation-harness need the package lm-eval, which isn't installed: "
            'pip install "skiploop[eval]"'
        )
