"""The time that a study takes, over all attempts."""

from __future__ import annotations

import time

from skiploop.engine.request import Runner
from skiploop.studies.folder import StudyFolder

_SECONDS_BETWEEN_SAVES = 5.0


class Clock:
    """Adds the seconds and the layer calls of this attempt to those of the attempts before, in timing.json.

    Args:
        folder: of the study.
        runner: whose layer calls are counted.
    """

    def __init__(self, folder: StudyFolder, runner: Runner) -> None:
        self._folder, self._runner = folder, runner
        self._before = folder.read_timing()
        self._begun, self._calls, self._saved = time.monotonic(), runner.layer_calls, time.monotonic()

    def tick(self) -> None:
        """Saves, unless it was done a moment ago; after each part of the work."""
        if time.monotonic() - self._saved > _SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self) -> None:
        """Writes what has been spent so far."""
        self._saved = time.monotonic()
        spent = {
            "attempts": 1,
            "seconds": self._saved - self._begun,
            "engine_layer_calls": self._runner.layer_calls - self._calls,
        }
        self._folder.write_timing({key: self._before.get(key, 0) + value for key, value in spent.items()})
