"""A study's folder: what was asked for, what was found, and nothing that a `kill -9` could spoil.

    run.json        settings, model, task, versions; written before work starts, never changed
    inputs.jsonl    one line per input
    journal.jsonl   append-only: one line per evaluation, an {"end": n} line after each batch of n
    verified.jsonl  the same for the claimed successes that were run again alone
    timing.json     seconds and layer calls spent, over all attempts; the one file that depends on them
    summary.json    written when the study is complete

A batch counts only with its end line: a torn or partial one is dropped when a study is resumed, and evaluated
again in the same composition. Everything else is written to a temporary file and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from skiploop.errors import InvalidInput
from skiploop.lock import Lock

SCHEMA = 1
Line = dict[str, Any]
# Not what a study is about: how the model was asked for (what was resolved is compared), and its name.
_IGNORED = {"settings": ("dtype", "device", "trust_remote_code"), "model": ("name", "revision")}
_COMPARED = ("schema", "settings", "model", "task", "space", "engine")
_LEFTOVERS = (".lock", ".tmp")


class Journal(Protocol):
    """An append-only list of batches."""

    def append(self, batch: Sequence[Line]) -> None:
        """Adds a batch; when this returns it survives anything."""

    def read(self) -> list[list[Line]]:
        """All complete batches, in order."""


class JsonlJournal:
    """A journal in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end: int | None = None  # where the last complete batch ends, once known

    def append(self, batch: Sequence[Line]) -> None:
        """Writes a batch with its end line in one go, and waits until it is on the disk."""
        if self._end is None:
            self.read()
        data = "".join(map(_dump, [*batch, {"end": len(batch)}])).encode()
        with _writing(self.path), self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.truncate(self._end or 0)
            file.seek(0, os.SEEK_END)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._end = (self._end or 0) + len(data)

    def read(self) -> list[list[Line]]:
        """The complete batches; whatever follows the last of them is left out.

        Raises:
            InvalidInput: a line is damaged that isn't at the end.
        """
        batches: list[list[Line]] = []
        batch: list[Line] = []
        damaged = position = self._end = 0
        for number, raw in enumerate(_raw_lines(self.path), start=1):
            position += len(raw)
            line = _parse(raw)
            if line is None or ("end" in line and line["end"] != len(batch)):
                damaged = damaged or number
            elif "end" not in line:
                batch.append(line)
            elif damaged:
                break
            else:
                batches.append(batch)
                batch, self._end = [], position
                continue
            if damaged and line is not None and "end" in line:
                raise InvalidInput(
                    f"{self.path}, line {damaged} is damaged: the file was edited or the disk failed. "
                    "Choose another --out, or cut the file off before that line's batch"
                )
        return batches


class StudyFolder:
    """The folder of a study that this process works on, and nobody else; use it in a `with` statement.

    Args:
        path: the folder; made where it is missing.
        run: what goes into run.json.
        inputs: what goes into inputs.jsonl.

    Raises:
        InvalidInput: the place can't be written, is used for something else, by somebody else, or for
            another study.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], inputs: Sequence[Line]) -> None:
        check_place(path)
        with _writing(path):
            path.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(path / ".lock")
        self.path = path
        self.resumed = (path / "run.json").exists()
        try:
            self._begin(run, inputs)
        except BaseException:
            self._lock.release()
            raise
        self.journal = JsonlJournal(path / "journal.jsonl")
        self.verified = JsonlJournal(path / "verified.jsonl")

    def __enter__(self) -> StudyFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _begin(self, run: Mapping[str, Any], inputs: Sequence[Line]) -> None:
        text = "".join(map(_dump, inputs))
        place = self.path / "inputs.jsonl"
        if not self.resumed:
            write_atomically(place, text)
            write_json(self.path / "run.json", run)
            return
        check_same(self.path, read_json(self.path / "run.json"), run)
        if not place.exists() or place.read_bytes() != text.encode():
            raise InvalidInput(
                f"{place} differs from this study's inputs: it was edited, or written by another version of "
                "skiploop; choose another --out"
            )

    @property
    def complete(self) -> bool:
        """Whether the study has been finished."""
        return (self.path / "summary.json").exists()

    def read_timing(self) -> dict[str, float]:
        """What the attempts so far have cost."""
        return read_timing(self.path)

    def write_timing(self, timing: Mapping[str, float]) -> None:
        """Records what the attempts have cost, this one included."""
        write_json(self.path / "timing.json", timing)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Finishes the study."""
        write_json(self.path / "summary.json", summary)


def check_place(path: Path) -> None:
    """Raises InvalidInput unless a study can be begun or resumed in this folder; changes nothing."""
    nearest = path
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InvalidInput(f"--out {path}: {nearest} is a file, not a folder; choose another --out")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InvalidInput(f"--out {path}: no permission to write in {nearest}; choose another --out")
    if nearest == path and not (path / "run.json").exists():
        others = sorted(each.name for each in path.iterdir() if not each.name.endswith(_LEFTOVERS))
        if others and others != ["inputs.jsonl"]:  # inputs.jsonl alone: killed before run.json was written
            raise InvalidInput(
                f"--out {path} isn't empty (it has {others[0]!r}) and holds no study; choose another --out"
            )


def check_same(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises InvalidInput, naming the fields that differ, unless both describe the same study."""
    there, here = _compared(old), _compared(new)
    different = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    if different:
        named = ", ".join(f"{k} (there {there.get(k)!r}, here {here.get(k)!r})" for k in different)
        raise InvalidInput(
            f"--out {path} holds another study. Different: {named}. Choose another --out, or use its settings"
        )


def default_out(run: Mapping[str, Any]) -> Path:
    """runs/<model>-<task>-<searcher>-<8 hex digits of what makes the study>."""
    digest = hashlib.blake2b(json.dumps(_compared(run), sort_keys=True).encode(), digest_size=4).hexdigest()
    kind, _, file = run["task"]["name"].partition(":")
    names = [Path(run["model"]["name"]).name, Path(file).stem or kind, run["settings"]["searcher"]]
    return Path("runs") / "-".join([*filter(None, map(_sanitised, names)), digest])


def read_run(path: Path) -> Line:
    """The run.json of a study; InvalidInput where there is none."""
    if not (path / "run.json").is_file():
        raise InvalidInput(f"{path} holds no study (there is no run.json in it); give a folder made by search")
    run = read_json(path / "run.json")
    if run.get("schema") != SCHEMA:
        raise InvalidInput(
            f"{path} was written with schema {run.get('schema')!r}, this version of skiploop reads {SCHEMA}; "
            "use the version named in its run.json"
        )
    return run


def read_inputs(path: Path) -> list[Line]:
    """The inputs of a study."""
    lines = [_parse(raw) for raw in _raw_lines(path / "inputs.jsonl")]
    if not lines or any(line is None for line in lines):
        raise InvalidInput(f"{path / 'inputs.jsonl'} is missing or damaged")
    return [line for line in lines if line is not None]


def read_timing(path: Path) -> dict[str, float]:
    """What the attempts at a study have cost so far."""
    place = path / "timing.json"
    return dict(read_json(place)) if place.exists() else {}


def read_json(path: Path) -> Line:
    """A JSON object from a file; InvalidInput where it isn't one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} doesn't hold a JSON object; was it edited?")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON object, atomically."""
    write_atomically(path, json.dumps(value, indent=2) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Writes to a temporary file and renames it, so that a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.tmp")
    with _writing(path):
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InvalidInput(f"{path} can't be written: {reason}; make room or choose another --out") from error


def _compared(run: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section in _COMPARED:
        value = run.get(section)
        if not isinstance(value, Mapping):
            flat[section] = value
            continue
        for key in value:
            if key not in _IGNORED.get(section, ()):
                flat[key if section == "settings" else f"{section}.{key}"] = value[key]
    return flat


def _sanitised(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:48]


def _raw_lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def _parse(raw: bytes) -> Line | None:
    if not raw.endswith(b"\n"):
        return None
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _dump(line: Line) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"
