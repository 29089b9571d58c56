"""An append-only journal in which a batch of lines is there as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from skiploop.errors import InvalidInput
from skiploop.storage.files import Line, bytes_of, writing


class Journal(Protocol):
    """An append-only list of batches of lines."""

    def append(self, batch: Sequence[Line]) -> None:
        """Adds a batch; when this returns it survives anything."""

    def read(self) -> list[list[Line]]:
        """All complete batches, in order."""

    def lines(self) -> list[Line]:
        """All lines of complete batches, in order."""


class JsonlJournal:
    """A journal in a file of JSON lines; a line {"end": n} completes a batch of n."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end: int | None = None  # where the last complete batch ends, once known

    def append(self, batch: Sequence[Line]) -> None:
        """Writes a batch with its end line in one go, and waits until it is on the disk."""
        if self._end is None:
            self.read()
        end = self._end or 0
        data = "".join(map(dump, [*batch, {"end": len(batch)}])).encode()
        with writing(self.path), self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.truncate(end)  # what an attempt that was killed has left there
            file.seek(end)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._end = end + len(data)

    def read(self) -> list[list[Line]]:
        """The complete batches; whatever follows the last of them is left out.

        Raises:
            InvalidInput: a line is damaged that isn't in the last, incomplete batch.
        """
        batches: list[list[Line]] = []
        batch: list[Line] = []
        damaged = position = self._end = 0
        for number, raw in enumerate(raw_lines(self.path), start=1):
            position += len(raw)
            line = parse(raw)
            if line is None:
                damaged = damaged or number
            elif "end" not in line:
                batch.append(line)
            elif damaged or line["end"] != len(batch):
                raise InvalidInput(
                    f"{self.path}, line {damaged or number}: damaged, or lines before it are missing: "
                    "the file was edited or the disk failed. Choose another --out"
                )
            else:
                batches.append(batch)
                batch, self._end = [], position
        return batches

    def lines(self) -> list[Line]:
        """The lines of the complete batches; raises what `read` raises."""
        return [line for batch in self.read() for line in batch]


def raw_lines(path: Path) -> list[bytes]:
    """The lines of a file with their line ends, none where there is no file."""
    return bytes_of(path).splitlines(keepends=True)


def parse(raw: bytes) -> Line | None:
    """The object on a line, or None where the line is torn or isn't one."""
    if not raw.endswith(b"\n"):
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):  # nested too deeply
        return None
    return value if isinstance(value, dict) else None


def dump(line: Line) -> str:
    """An object as a line."""
    return json.dumps(line, separators=(",", ":")) + "\n"
