"""Dataclasses as JSON and back: what is written as an object is read as the same dataclass, or refused.

    as_json(Measured(0.5, None, 8))                           # {"value": 0.5, "interval": None, "n": 8}
    from_json(Measured, {"value": 0.5, "interval": None, "n": 8})

Fields may be dataclasses, tuples, lists, mappings, literals, unions of these, and plain values. A field whose name in
the file differs says so: `field(metadata={"json": "n"})`. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from skiploop.errors import InvalidInput
from skiploop.storage.files import read_json

Record = TypeVar("Record")
_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def as_json(value: Any) -> Any:
    """Dataclasses and mappings as objects with text for keys, tuples as lists; anything else as it is."""
    if is_dataclass(value):
        return {_name(field): as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(member) for key, member in value.items()}
    if isinstance(value, int) and hasattr(value, "to_json"):  # a number that is more than its value
        return value.to_json()
    if isinstance(value, tuple | list):
        return [as_json(member) for member in value]
    return value


def from_json(cls: type[Record], value: Any) -> Record:
    """The dataclass that was written as this object.

    Args:
        cls: the dataclass.
        value: parsed JSON.

    Raises:
        InvalidInput: a field without a default is missing, or one is unknown or of another type; names the field.
    """
    record: Record = _decoded(cls, value, cls.__name__)
    return record


def read_record(cls: type[Record], path: Path) -> Record:
    """The dataclass in a JSON file; InvalidInput names file and field where it doesn't fit."""
    try:
        return from_json(cls, read_json(path))
    except InvalidInput as error:
        raise error if str(path) in str(error) else InvalidInput(f"{path}: {error}") from None


def _decoded(kind: Any, value: Any, where: str) -> Any:
    """`value` as a `kind`, which is a type or what an annotation may be instead; `where` it is, for errors."""
    origin = get_origin(kind) or kind
    if origin is Any:
        return value
    if isinstance(kind, type) and issubclass(kind, int) and hasattr(kind, "from_json"):
        return kind.from_json(value)
    if origin in (Union, UnionType):
        return _member(get_args(kind), value, where)
    if origin is Literal:
        if value in get_args(kind):
            return value
        raise _refused(value, where, " or ".join(map(repr, get_args(kind))))
    if is_dataclass(origin):
        return _record(origin, value, where)
    if origin in (tuple, list):
        return _items(origin, get_args(kind), value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(get_args(kind), value, where)
    return _plain(kind, value, where)


def _record(cls: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise _refused(value, where, f"an object with the fields of {cls.__name__}")
    named = {_name(field): field.name for field in fields(cls)}
    optional = {_name(field) for field in fields(cls) if field.default is not MISSING}
    for name in named:
        if name not in value and name not in optional:
            raise InvalidInput(f"{where} has no {name!r}; {cls.__name__} has {', '.join(named)}")
    for name in value:
        if name not in named:
            raise InvalidInput(f"{where} has an unknown field {name!r}; {cls.__name__} has {', '.join(named)}")
    types = _types(cls)
    given = {name: own for name, own in named.items() if name in value}
    return cls(**{own: _decoded(types[own], value[name], f"{where}.{name}") for name, own in given.items()})


def _items(origin: Any, kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list | tuple):
        raise _refused(value, where, "a list")
    if origin is list or kinds[1:] == (...,):
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise _refused(value, where, f"a list of {len(kinds)}")
    return origin(
        _decoded(kind, item, f"{where}[{place}]") for place, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _mapping(kinds: tuple[Any, ...], value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _refused(value, where, "an object")
    key_kind, member_kind = kinds
    return {_key(key_kind, key, where): _decoded(member_kind, value[key], f"{where}.{key}") for key in value}


def _key(kind: Any, key: Any, where: str) -> Any:
    if kind is not int:
        return _decoded(kind, key, f"{where}.{key}")
    try:
        return int(key)
    except ValueError:
        raise _refused(key, f"{where}.{key}", "a whole number") from None


def _member(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """The first type of a union that fits; with one type beside null its error says what is wrong."""
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    for kind in others[:-1]:
        try:
            return _decoded(kind, value, where)
        except InvalidInput:
            continue
    return _decoded(others[-1], value, where)


def _plain(kind: Any, value: Any, where: str) -> Any:
    if kind not in _PLAIN:
        raise TypeError(f"{where} is annotated {kind}, which can't be read from JSON")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    raise _refused(value, where, _PLAIN[kind])


def _refused(value: Any, where: str, allowed: str) -> InvalidInput:
    return InvalidInput(f"{where} is {value!r:.60}, not {allowed}; the file was changed or made by another version")


@cache
def _types(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


def _name(field: Field[Any]) -> str:
    name: str = field.metadata.get("json", field.name)
    return name
