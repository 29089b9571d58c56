"""How often damage is tried, and what comes of it: refused in one line, harmless, or another file of the same form."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

from skiploop import InvalidInput, UnsupportedModel

LONGEST = 30.0  # seconds; a trial that takes longer hangs
MANY = int(os.environ.get("FUZZ_EXAMPLES", "400"))
TRIED: Counter[str] = Counter()
"""What came of all trials; the tests under `slow` print it."""

_common: dict[str, Any] = {
    "deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "print_blob": False,
}  # fmt: skip
few = settings(max_examples=5, derandomize=True, **_common)
many = settings(max_examples=MANY, derandomize=False, **_common)


def refused(what: str, run: Callable[[], Any]) -> Any:
    """What `run` returns; None where it refuses, which takes one line. Whatever else it raises is a failure."""
    begun = time.monotonic()
    try:
        return run()
    except (InvalidInput, UnsupportedModel) as error:
        assert "\n" not in str(error), error
        TRIED[f"{what} refused"] += 1
        return None
    finally:
        assert time.monotonic() - begun < LONGEST
