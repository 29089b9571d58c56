"""Shards put together, byte for byte as one process would have written them. No torch.

In a search, one process asks all inputs in every round, in their order, and writes what it evaluated in parts of about
`per_call` lines, of which none splits an input within a round. A shard has the same lines of its own inputs, in the
same order. So the merged journal has, round by round and shard by shard, the lines as they are, with the ends of its
own parts between them. Lines aren't decoded, only their beginnings are looked at: round and input.

Memory grows with the number of rounds and shards, not with that of evaluations.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from skiploop.errors import InvalidInput
from skiploop.storage.files import Line, checksum, read_json, unsealed, write_atomically, writing
from skiploop.storage.journal import JsonlJournal, dump, raw_lines

_BEGINNING = re.compile(rb'\{"round":(\d+),"input":("(?:[^"\\]|\\.)*"),')
_END = b'{"end":'
_JOURNALS = ("journal.jsonl", "verified.jsonl", "metrics.jsonl")

Stretch = tuple[Path, int, int]
"""Consecutive lines of one round: a file, where they begin in it, and where they end."""


def merge_search(out: Path, shards: Sequence[Path], per_call: int) -> None:
    """Writes journal.jsonl, verified.jsonl and metrics.jsonl of a search from those of its shards, which are complete.

    Args:
        out: the study's folder.
        shards: in the order of the inputs.
        per_call: of the study's settings.

    Raises:
        InvalidInput: a shard isn't complete, or was damaged.
    """
    for shard in shards:
        check_shard(shard)
    _merge_metrics(out, shards, per_call)
    _merge_verified(out, shards)
    merge_journals(out / "journal.jsonl", [shard / "journal.jsonl" for shard in shards], per_call)


def merge_parts(out: Path, shards: Sequence[Path], size: int) -> None:
    """Writes journal.jsonl of a study that runs all inputs under one chain after another, and its costs, spent.jsonl.

    Args:
        out: the study's folder.
        shards: in the order of the inputs.
        size: lines of a part, within a chain; each line has its `chain`, or none has one.

    Raises:
        InvalidInput: a shard isn't complete, or was damaged.
    """
    for shard in shards:
        check_shard(shard)
    by_chain: dict[str, list[Line]] = defaultdict(list)
    for line in _lines_of(shards, "journal.jsonl"):
        by_chain[str(line.get("chain"))].append(line)
    parts = [lines[at : at + size] for lines in by_chain.values() for at in range(0, len(lines), size)]
    _write(out / "journal.jsonl", "".join(dump(each) for part in parts for each in [*part, {"end": len(part)}]))
    spent = _lines_of(shards, "spent.jsonl")
    _write(out / "spent.jsonl", "".join(dump(each) + dump({"end": 1}) for each in spent))


def check_shard(shard: Path) -> None:
    """Raises InvalidInput where the journals of a shard aren't those that it was completed with."""
    place = shard / "summary.json"
    again = f"Delete {place} and give the study's command again: it evaluates what is missing"
    if not place.exists():
        raise InvalidInput(f"{shard} isn't complete; give the study's command again")
    files = unsealed(place, read_json(place)).get("files", {})
    for name in _JOURNALS:
        data = (shard / name).read_bytes() if (shard / name).exists() else b""
        if files.get(name) != {"bytes": len(data), "blake2b": checksum(data)}:
            raise InvalidInput(f"{shard / name} isn't the file that {place} was written for. {again}")


def merge_journals(target: Path, journals: Sequence[Path], per_call: int) -> int:
    """Merges journals of evaluations; how many of these there are.

    Args:
        target: the merged journal.
        journals: of the shards, in the order of the inputs.
        per_call: at which a part ends, with the input that reaches it.
    """
    rounds: dict[int, list[Stretch]] = defaultdict(list)
    for journal in journals:
        for number, begin, end in _stretches(journal):
            rounds[number].append((journal, begin, end))
    count = 0
    with _replacing(target) as file:
        for number in sorted(rounds):
            for part in _parts(_lines(rounds[number]), per_call):
                file.write(b"".join(part) + dump({"end": len(part)}).encode())
                count += len(part)
    return count


def _stretches(journal: Path) -> Iterator[tuple[int, int, int]]:
    """Round, beginning and end of each stretch of a journal."""
    current, begin, position = -1, 0, 0
    for raw in raw_lines(journal):
        after = position + len(raw)
        number = -1 if raw.startswith(_END) else _beginning(journal, raw)[0]
        if number != current:
            if current >= 0:
                yield current, begin, position
            current, begin = number, position
        position = after
    if current >= 0:
        yield current, begin, position


def _lines(stretches: Iterable[Stretch]) -> Iterator[tuple[bytes, bytes]]:
    """The lines of stretches, each with its input."""
    for journal, begin, end in stretches:
        with journal.open("rb") as file:
            file.seek(begin)
            data = file.read(end - begin)
        for raw in data.splitlines(keepends=True):
            yield _beginning(journal, raw)[1], raw


def _parts(lines: Iterable[tuple[bytes, bytes]], per_call: int) -> Iterator[list[bytes]]:
    """As `skiploop.studies.rounds` cuts what is asked in a round."""
    part: list[bytes] = []
    last = b""
    for name, raw in lines:
        if len(part) >= per_call and name != last:
            yield part
            part = []
        part.append(raw)
        last = name
    if part:
        yield part


def _beginning(journal: Path, raw: bytes) -> tuple[int, bytes]:
    found = _BEGINNING.match(raw)
    if found is None:
        raise InvalidInput(f"{journal}: {raw[:80]!r} isn't the line of an evaluation; the file was edited")
    return int(found[1]), found[2]


def _merge_metrics(out: Path, shards: Sequence[Path], per_call: int) -> None:
    """Those of the identity, in parts of `per_call` inputs; of several lines of an input the last one counts."""
    lines = _lines_of(shards, "metrics.jsonl")
    last = list({line["input"]: line for line in lines}.values())
    parts = [last[start : start + per_call] for start in range(0, len(last), per_call)]
    _write(out / "metrics.jsonl", "".join(dump(each) for part in parts for each in [*part, {"end": len(part)}]))


def _merge_verified(out: Path, shards: Sequence[Path]) -> None:
    """Each line is a batch of its own, so they follow each other as they are."""
    lines = _lines_of(shards, "verified.jsonl")
    _write(out / "verified.jsonl", "".join(dump(line) + dump({"end": 1}) for line in lines))


def _lines_of(shards: Sequence[Path], name: str) -> list[Line]:
    return [line for shard in shards for line in JsonlJournal(shard / name).lines()]


def _write(place: Path, text: str) -> None:
    """A file; none where there is nothing to write, as a journal that nothing was appended to isn't there."""
    if text:
        write_atomically(place, text)
    else:
        place.unlink(missing_ok=True)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of another one when it is whole, and on the disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
