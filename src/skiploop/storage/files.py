"""JSON files that a reader never sees half written, and errors of the file system that name the path.

A sealed JSON file carries a checksum of all else in it: one that was edited or damaged is refused, never believed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput

Line = dict[str, Any]
"""A JSON object as it is in a file."""
CHECKSUM = "checksum"
"""The field of a sealed file that holds it."""


def read_json(path: Path) -> Line:
    """A JSON object from a file; InvalidInput where it isn't one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} doesn't hold a JSON object; was it edited?")
    return value


def bytes_of(path: Path) -> bytes:
    """The bytes of a file, none where there is no file; InvalidInput where it can't be read."""
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror or error}") from error


def unsealed(path: Path, value: Mapping[str, Any]) -> Line:
    """What was read from a sealed file, without its checksum; InvalidInput where that is another one."""
    rest = {name: member for name, member in value.items() if name != CHECKSUM}
    if value.get(CHECKSUM) != _sealed(rest)[CHECKSUM]:
        raise InvalidInput(f"{path} isn't what was written: its checksum says that it was edited or damaged")
    return rest


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON object, atomically."""
    write_atomically(path, json.dumps(value, indent=2) + "\n")


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON object with its checksum, atomically."""
    write_json(path, _sealed(value))


def checksum(data: bytes) -> str:
    """Of the bytes of a file."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _sealed(value: Mapping[str, Any]) -> Line:
    return {**value, CHECKSUM: checksum(json.dumps(value).encode(errors="surrogatepass"))}


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes to a temporary file and renames it, so that a reader sees the old content or the new one."""
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an error of the file system into InvalidInput that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InvalidInput(f"{path} can't be written: {reason}; make room or choose another --out") from error
