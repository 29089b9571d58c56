"""A study's folder: what was asked for, what was found, and nothing that a `kill -9` could spoil.

    run.json        settings, model, task, versions, checksum of the inputs; written before work starts, never changed
    inputs.jsonl    one line per input
    journal.jsonl   append-only: one line per evaluation, an {"end": n} line after each batch of n
    verified.jsonl  the same for the claimed successes that were run again alone
    metrics.jsonl   where options are scored: by which metrics the identity is right, one line per input
    embeddings.jsonl  with a memory: what each input is like; no figure is computed from it
    spent.jsonl     of an evaluation or of collected passes: what each part has cost
    timing.json     seconds and layer calls spent, over all attempts; with spent.jsonl the one that depends on them
    summary.json    the figures, written when the study is complete, with sizes and checksums of the four files that
                    they were computed from

A batch counts only with its end line: a torn or partial one is dropped when a study is resumed, and evaluated
again in the same composition. Everything else is written to a temporary file and renamed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.storage.files import (
    CHECKSUM,
    Line,
    bytes_of,
    checksum,
    read_json,
    unsealed,
    write_atomically,
    write_json,
    write_sealed,
    writing,
)
from skiploop.storage.journal import JsonlJournal, dump, parse, raw_lines
from skiploop.storage.lock import lock_folder
from skiploop.storage.records import Record, from_json
from skiploop.studies.record import SCHEMA, check_same
from skiploop.studies.shards import has_shards

_FILES = ("inputs.jsonl", "journal.jsonl", "verified.jsonl", "metrics.jsonl")
_SOURCES = "files"  # in summary.json: size and checksum of each
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)")  # of two letters or more, as C: is a drive; paths drop a slash
_LEFTOVERS = (".lock", ".tmp")


class StudyFolder:
    """The folder of a study that this process works on, and nobody else; use it in a `with` statement.

    Args:
        path: the folder; made where it is missing.
        run: what goes into run.json.
        inputs: what goes into inputs.jsonl.
        sharded: whether what is evaluated comes from shards, see `skiploop.studies.shards`.
        wait: seconds for which a process that works on the folder is waited for.

    Raises:
        InvalidInput: the place can't be written, is used for something else, by somebody else, or for
            another study.
    """

    def __init__(
        self, path: Path, run: Mapping[str, Any], inputs: Sequence[Line], *, sharded: bool = False, wait: float = 0.0
    ) -> None:
        check_place(path, run["kind"])
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            self._lock = lock_folder(path, wait)
        self.path = path
        # Where nothing was evaluated yet (a wrong dtype, say), nothing is lost by beginning anew.
        begun = (path / "run.json").exists()
        self.resumed = begun and (has_shards(path) or bool(raw_lines(path / "journal.jsonl")))
        try:
            if self.resumed and not self.complete and sharded != has_shards(path):
                raise InvalidInput(_begun_otherwise(path, sharded))
            self._begin(run, inputs)
        except BaseException:
            self._lock.release()
            raise
        self.journal = JsonlJournal(path / "journal.jsonl")
        self.verified = JsonlJournal(path / "verified.jsonl")
        self.metrics = JsonlJournal(path / "metrics.jsonl")
        self.spent = JsonlJournal(path / "spent.jsonl")
        self.embeddings = JsonlJournal(path / "embeddings.jsonl")

    def __enter__(self) -> StudyFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _begin(self, run: Mapping[str, Any], inputs: Sequence[Line]) -> None:
        text = "".join(map(dump, inputs))
        place = self.path / "inputs.jsonl"
        if not self.resumed:
            write_atomically(place, text)
            write_sealed(self.path / "run.json", {**run, "inputs": _state(place)})
            return
        check_same(self.path, read_run(self.path), run)
        if bytes_of(place) != text.encode():
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
        """Finishes the study: its figures, and the state of the files that they were computed from."""
        files = {name: _state(self.path / name) for name in _FILES}
        write_sealed(self.path / "summary.json", {**summary, _SOURCES: files})


def _begun_otherwise(path: Path, sharded: bool) -> str:
    before, how = ("in one process", "without") if sharded else ("by several processes", "with")
    return f"--out {path} was begun {before}; give its command {how} --ray to go on, or choose another --out"


def check_place(path: Path, kind: str | None = None) -> None:
    """Raises InvalidInput unless a study (of this kind) can be begun or resumed in this folder; changes nothing."""
    if found := _ADDRESS.match(path.as_posix()):
        raise InvalidInput(
            f"--out {found[1]}://{found[2]} is an address, not a folder; mount that storage and give the folder, or "
            "one of this machine: workers of --ray send what they found there"
        )
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
    if kind is not None and (path / "run.json").exists() and (other := read_run(path)["kind"]) != kind:
        raise InvalidInput(f"--out {path} holds a study of the kind {other!r}, not {kind!r}; choose another --out")


def write_run(path: Path, run: Mapping[str, Any]) -> None:
    """Begins the folder of a study that consists of other studies, or checks that the one there is the same.

    Raises:
        InvalidInput: the place can't be written, is used for something else, or for another study.
    """
    check_place(path, run["kind"])
    if (path / "run.json").exists():
        check_same(path, read_run(path), run)
        return
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        write_sealed(path / "run.json", run)


def read_run(path: Path, kind: str | None = None) -> Line:
    """The run.json of a study.

    Args:
        path: the folder.
        kind: that the study has to be of; None: any.

    Raises:
        InvalidInput: there is none, it is damaged, or of another schema or kind.
    """
    if not (path / "run.json").is_file():
        raise InvalidInput(f"{path} holds no study: it has no run.json; give a folder made by skiploop")
    run = read_json(path / "run.json")
    if run.get("schema") != SCHEMA:
        raise InvalidInput(
            f"{path} was written with schema {run.get('schema')!r}, this version of skiploop reads {SCHEMA}; "
            "use the version named in its run.json"
        )
    found = unsealed(path / "run.json", run)
    if kind is not None and found["kind"] != kind:
        raise InvalidInput(
            f"{path} holds a study of the kind {found['kind']!r}, not {kind!r}; `skiploop show` and "
            "skiploop.folders.open.open_folder read every kind"
        )
    return found


def read_inputs(path: Path) -> list[Line]:
    """The inputs of a study."""
    place = path / "inputs.jsonl"
    lines = [parse(raw) for raw in raw_lines(place)]
    if not lines or any(line is None for line in lines) or read_run(path).get("inputs") != _state(place):
        raise InvalidInput(f"{place} is missing or damaged: it isn't the file that {path / 'run.json'} belongs to")
    return [line for line in lines if line is not None]


def read_timing(path: Path) -> dict[str, float]:
    """What the attempts at a study have cost so far.

    Nothing else depends on it, so what is damaged counts as nothing and never stops a study.
    """
    try:
        timing = read_json(path / "timing.json")
    except InvalidInput:
        return {}
    return {name: value for name, value in timing.items() if type(value) in (int, float)}


def read_summary(cls: type[Record], path: Path) -> Record:
    """The figures of a finished study.

    Args:
        cls: their dataclass.
        path: the study's folder.

    Raises:
        InvalidInput: summary.json is damaged, or a file isn't the one that the figures were computed from.
    """
    place = path / "summary.json"
    again = f"Delete {place} and give the study's command again: it evaluates what is missing"
    try:
        sealed = read_json(place)
        figures = from_json(cls, {name: each for name, each in sealed.items() if name not in (_SOURCES, CHECKSUM)})
        recorded = unsealed(place, sealed).get(_SOURCES)
    except InvalidInput as error:
        text = str(error)
        raise InvalidInput(f"{text if str(place) in text else f'{place}: {text}'}. {again}") from None
    for name in _FILES:
        if not isinstance(recorded, Mapping) or recorded.get(name) != _state(path / name):
            raise InvalidInput(
                f"{path / name} isn't the file that {place} was computed from: lines were lost or edited. {again}"
            )
    return figures


def _state(path: Path) -> Line:
    """Bytes and checksum of a file; one that isn't there is empty."""
    data = bytes_of(path)
    return {"bytes": len(data), "blake2b": checksum(data)}
