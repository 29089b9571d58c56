"""Shards brought to the driver, where workers don't see the study's folder: what is new in them, after each step.

A worker of another machine writes its shard into a folder of its own, and sends what was added along with its reports;
the driver writes that into the study's folder. A worker that takes a chunk over is sent what the driver has of it. So
the driver's folder is always what a shared one would be, a step later at most.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from skiploop.storage.files import bytes_of, read_json, write_atomically, write_json, writing
from skiploop.studies.shards import SHARDS

_APPENDED = ".jsonl"
_LAST = "summary.json"  # it says that all else is there


@dataclass(frozen=True, slots=True)
class Change:
    """New bytes of a file.

    Attributes:
        name: of the file.
        begin: where in the file they begin; it ends with them.
        data: the bytes.
    """

    name: str
    begin: int
    data: bytes


def contents(place: Path) -> tuple[Change, ...]:
    """All that a shard's folder has."""
    return tuple([Change(name, 0, bytes_of(place / name)) for name in _names(place)])


def apply(place: Path, changes: tuple[Change, ...]) -> None:
    """Brings a folder up to date; when this returns, that survives anything."""
    if changes:
        with writing(place):
            place.mkdir(parents=True, exist_ok=True)
    for change in changes:
        path = place / change.name
        if not change.name.endswith(_APPENDED):
            write_atomically(path, change.data)
            continue
        with writing(path), path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(change.begin)
            file.seek(change.begin)
            file.write(change.data)
            file.flush()
            os.fsync(file.fileno())


class Mirror:
    """A worker's own folder of a shard.

    Args:
        place: the folder, which is filled with `begun`.
        begun: what the driver has of the shard.
    """

    def __init__(self, place: Path, begun: tuple[Change, ...]) -> None:
        apply(place, begun)
        self._place = place
        self._sizes = {change.name: len(change.data) for change in begun}
        self._whole = {change.name: change.data for change in begun}

    def changes(self) -> tuple[Change, ...]:
        """What is new since this was asked last."""
        found = []
        for name in _names(self._place):
            data, known = bytes_of(self._place / name), self._sizes.get(name, 0)
            if name.endswith(_APPENDED) and len(data) > known:
                found.append(Change(name, known, data[known:]))
            elif not name.endswith(_APPENDED) and data != self._whole.get(name):
                found.append(Change(name, 0, data))
                self._whole[name] = data
            self._sizes[name] = len(data)
        return tuple(found)


def mark(out: Path, token: str) -> None:
    """Leaves something in the study's folder by which workers know it."""
    write_json(out / SHARDS / "driver.json", {"token": token})


def sees(place: Path, token: str) -> bool:
    """Whether this process has the study's folder, with the shard's folder `place`, before it."""
    found = place.parent / "driver.json"
    return found.exists() and read_json(found).get("token") == token


def _names(place: Path) -> list[str]:
    """Files of a shard, the one that completes it last; no locks, and nothing that is half written."""
    names = [each.name for each in place.glob("*.json*") if not each.name.startswith(".")] if place.is_dir() else []
    return sorted(names, key=lambda name: (name == _LAST, name))
