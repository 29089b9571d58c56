"""Rows of a data file, each with the place it came from, so that an error can name file and line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree

from skiploop.errors import InvalidInput

# JSON can write it, but no tokenizer can encode it.
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One record, and where it stands (`file.jsonl, line 7`)."""

    where: str
    fields: Mapping[str, Any]

    def fail(self, problem: str) -> NoReturn:
        """Raise InvalidInput with the place of this row."""
        raise InvalidInput(f"{self.where}: {problem}")

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.fields.get(name) is not None

    def get(self, *names: str) -> Any:
        """Return the first of these fields that is there."""
        for name in names:
            if self.has(name):
                return self.fields[name]
        wanted, found = " or ".join(map(repr, names)), ", ".join(map(repr, self.fields)) or "none"
        return self.fail(f"missing field {wanted}; fields found: {found}.")

    def text(self, *names: str) -> str:
        """Return the first of these fields that is there: a text that isn't blank."""
        value = self.get(*names)
        name = next(name for name in names if self.has(name))
        if not isinstance(value, str):
            self.fail(f"field {name!r} must be a text, found {_kind(value)}.")
        if not value.strip():
            self.fail(f"field {name!r} is empty.")
        return self.as_text(value, name)

    def plain(self, name: str) -> str:
        """Return a field that is a text or a finite number, as text (`51.0` is `51`)."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            self.fail(f"field {name!r} must be a text or a number, found {_kind(value)}.")
        text = self.as_text(value, name)
        if not text.strip():
            self.fail(f"field {name!r} is empty.")
        return text

    def integer(self, name: str) -> int | None:
        """Return an optional field that is an integer."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, type(None))):
            self.fail(f"field {name!r} must be an integer, found {_kind(value)}.")
        return value

    def as_text(self, value: str | int | float, name: str) -> str:
        """Return a value of field `name` as text; a float without a fraction is written as an integer."""
        if isinstance(value, float):
            if not math.isfinite(value):
                self.fail(f"field {name!r} is {value}, not a finite number.")
            return str(int(value)) if value.is_integer() else repr(value)
        if isinstance(value, str) and _SURROGATE.search(value):
            self.fail(f"field {name!r} has half of a surrogate pair (\\ud800 to \\udfff), which is no character.")
        return str(value)


def read_file(path: Path) -> list[Row]:
    """Read a JSONL file, a JSON file that holds one list of objects, or the XML file of ASDiv."""
    text = read_text(path)
    return _xml_rows(text, path.name) if path.suffix.casefold() == ".xml" else parse_text(text, path.name)


def read_text(path: Path) -> str:
    """Read a UTF-8 file."""
    if path.is_dir():
        raise InvalidInput(f"{str(path)!r} is a folder; give a JSONL or JSON file in it.")
    try:
        # Bytes from here: universal newlines would also split lines at a lone carriage return.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {str(path)!r} (looked in {str(Path.cwd())!r}).") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidInput(f"{path.name}, line {line}: not UTF-8 text ({error.reason}).") from error
    except OSError as error:
        raise InvalidInput(f"The file {str(path)!r} can't be read: {error.strerror}.") from error


def parse_text(text: str, name: str) -> list[Row]:
    """Parse the text of a JSONL file, or of a JSON file that holds one list of objects."""
    rows = _json_rows(text, name) if text.lstrip().startswith("[") else _jsonl_rows(text, name)
    if not rows:
        raise InvalidInput(f"The file {name!r} is empty: it has no rows.")
    return rows


def hub_rows(records: Iterable[Mapping[str, Any]], name: str) -> list[Row]:
    """Give the records of a hub dataset their places."""
    return [Row(f"{name}, row {number}", record) for number, record in enumerate(records, 1)]


def _xml_rows(text: str, name: str) -> list[Row]:
    """The `Problem` elements of ASDiv's own file, with the field names of its copy on the hub, and Grade as level."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InvalidInput(f"The file {name!r} declares XML entities, which are not read; take them out.")
    try:
        problems = list(ElementTree.fromstring(text.encode()).iter("Problem"))
    except ElementTree.ParseError as error:
        raise InvalidInput(f"{name}, line {error.position[0]}: bad XML: {error}.") from error
    if not problems:
        raise InvalidInput(f"The file {name!r} has no <Problem>: it isn't the XML file of ASDiv.")
    rows = []
    for number, problem in enumerate(problems, 1):
        fields: dict[str, Any] = {each.tag.casefold().replace("-", "_"): each.text for each in problem}
        fields |= {key: problem.get(key.upper() if key == "id" else "Grade") for key in ("id", "level")}
        rows.append(Row(f"{name}, problem {number}", fields))
    return rows


def _jsonl_rows(text: str, name: str) -> list[Row]:
    # Not splitlines(): a raw U+2028 inside a JSON string isn't the end of a line.
    lines = enumerate(text.split("\n"), 1)
    return [_parse(line, f"{name}, line {number}") for number, line in lines if line.strip()]


def _json_rows(text: str, name: str) -> list[Row]:
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise InvalidInput(f"{name}, line {line}: bad JSON: {error}.") from error
    return [_row(record, f"{name}, item {number}") for number, record in enumerate(records, 1)]


def _parse(line: str, where: str) -> Row:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        problem = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InvalidInput(f"{where}: bad JSON: {problem}.") from error
    return _row(record, where)


def _row(record: Any, where: str) -> Row:
    if not isinstance(record, dict):
        raise InvalidInput(
            f'{where}: expected an object such as {{"prompt": ..., "answer": ...}}, found {_kind(record)}.'
        )
    return Row(where, record)


def _kind(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"
