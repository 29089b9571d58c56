"""Commands from functions: of a parameter that is a settings dataclass each field with a `Flag` becomes a flag.

    @command
    def search(model: Model, study: StudySettings, options: TaskOptions, call: Call) -> None: ...

Names, types, defaults and help are those of the fields, also of dataclasses within dataclasses. Fields of two of them
whose flags have the same name share it. `Annotated[StudySettings, Without("name")]` leaves fields out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from skiploop.cli.app import app, errors
from skiploop.cli.call import Call, Tools
from skiploop.cli.values import READERS, constants, texts
from skiploop.errors import InvalidInput
from skiploop.settings.flag import EnabledBy, Flag

_LEFT = object()  # a field that wasn't given keeps its default
_SIMPLE = (bool, int, float, str, Path)


@dataclass(frozen=True, slots=True)
class Without:
    """Leaves fields of a settings dataclass out of a command."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


@dataclass(frozen=True, slots=True)
class Only:
    """Leaves all other fields of a settings dataclass out of a command."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Makes a function a command of its name; it is told what was wrong in one message, see `errors`."""
    return command_of(app)(function)


def command_of(group: typer.Typer) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The same in a group of commands."""
    return lambda function: _made(function, group)


def _made(function: Callable[..., None], group: typer.Typer) -> Callable[..., None]:
    own = inspect.signature(function, eval_str=True).parameters
    sections = {name: _Section(kind, *marks) for name, each in own.items() for kind, *marks in _settings(each)}
    parameters: dict[str, inspect.Parameter] = {}
    for name, each in own.items():
        for wanted in sections[name].parameters() if name in sections else [each]:
            before = parameters.setdefault(wanted.name, wanted)
            if before.default != wanted.default:  # each of the fields has a default of its own
                parameters[wanted.name] = before.replace(default=None)

    def run(ctx: typer.Context, **given: Any) -> None:
        with errors(given["json"]):
            told = frozenset(name for name in given if _told(ctx, name))
            values = {name: sections[name].made(given, told) if name in sections else given[name] for name in own}
            for name, value in values.items():
                if isinstance(value, Call):
                    values[name] = replace(value, given=told, tools=ctx.obj or Tools())
            function(**values)

    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    keyword = [context, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters.values())]
    run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in keyword}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    group.command()(run)
    return function


def _settings(parameter: inspect.Parameter) -> Iterator[tuple[Any, ...]]:
    """The dataclass that a parameter is to be, and how its annotation is marked; nothing for another parameter."""
    kind, *marks = get_args(parameter.annotation) if get_origin(parameter.annotation) is Annotated else [
        parameter.annotation
    ]  # fmt: skip
    kind = _without_none(kind)
    if is_dataclass(kind):
        yield kind, *marks


def _told(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


class _Section:
    """A settings dataclass as flags."""

    def __init__(self, kind: Any, *marks: Without | Only | EnabledBy) -> None:
        self._kind = kind
        self._switch = next((mark for mark in marks if isinstance(mark, EnabledBy)), None)
        self._inner: dict[str, _Section] = {}
        self._flags: dict[str, _FieldFlag] = {}
        hints = get_type_hints(kind, include_extras=True)
        for each in fields(kind):
            hint, flag = hints[each.name], next(iter(getattr(hints[each.name], "__metadata__", ())), None)
            if isinstance(flag, EnabledBy):
                self._inner[each.name] = _Section(_without_none(get_args(hint)[0]), flag)
            elif is_dataclass(hint):
                self._inner[each.name] = _Section(hint, *marks)
            elif isinstance(flag, Flag) and _wanted(each.name, marks):
                self._flags[each.name] = _FieldFlag(each, flag, _without_none(get_args(hint)[0]))

    def parameters(self) -> Iterator[inspect.Parameter]:
        """Of the command line."""
        if self._switch is not None:
            yield _parameter(self._switch.name, bool, False, self._switch.help, self._switch.panel)
        for section in self._inner.values():
            yield from section.parameters()
        for flag in self._flags.values():
            yield from flag.parameters()

    def made(self, given: Mapping[str, Any], told: frozenset[str]) -> Any:
        """The settings, of the values of all parameters."""
        if self._switch is not None and not given[self._switch.name]:
            self._refuse(told)
            return None
        values = {name: section.made(given, told) for name, section in self._inner.items()}
        values |= {name: flag.value(given) for name, flag in self._flags.items()}
        return self._kind(**{name: value for name, value in values.items() if value is not _LEFT})

    def _refuse(self, told: frozenset[str]) -> None:
        assert self._switch is not None
        for flag in self._flags.values():
            if flag.key in told and not flag.shared:
                switch = f"--{self._switch.name}"
                raise InvalidInput(f"{flag.name} is for {switch}; add {switch}, or leave {flag.name} out")


class _FieldFlag:
    """A field as a flag."""

    def __init__(self, field: Field[Any], flag: Flag, kind: Any) -> None:
        default = field.default if flag.default is None else flag.default
        self._off = kind is bool and default is True  # the flag switches it off
        self.name = flag.name or ("--no-" if self._off else "--") + field.name.replace("_", "-")
        self.key, self.shared = self.name.lstrip("-").replace("-", "_"), flag.shared
        self._flag, self._read = flag, READERS.get(next(iter(get_args(kind)), None))
        self._mapping = get_origin(kind) is not None and issubclass(get_origin(kind), Mapping)
        self._type = (
            list[str] if self._mapping or flag.repeated else flag.given_as or (kind if kind in _SIMPLE else str)
        )
        if isinstance(default, tuple):
            default = ",".join(map(str, default)) or None
        self._default = False if self._off else None if default is MISSING else default

    def parameters(self) -> Iterator[inspect.Parameter]:
        """Of the command line."""
        for key, help_ in self._flag.keys.items():
            yield _parameter(key, float, None, help_, self._flag.panel)
        names = (self.name,) if self._flag.short is None else (self.name, self._flag.short)
        yield _parameter(self.key, self._type, self._default, self._flag.help, self._flag.panel, *names)

    def value(self, given: Mapping[str, Any]) -> Any:
        """Of the field."""
        value = given[self.key]
        if self._mapping:
            return constants(value, **{key: given[key] for key in self._flag.keys})
        if value is None:
            return _LEFT
        if self._flag.repeated:
            return texts(value) if value else _LEFT
        if self._off:
            return not value
        if self._flag.none is not None and value == self._flag.none:
            return None
        return self._read(self.name, value) if self._read is not None and self._flag.given_as is None else value


def _parameter(key: str, kind: Any, default: Any, help_: str, panel: str | None, *names: str) -> inspect.Parameter:
    option = typer.Option(*(names or (f"--{key.replace('_', '-')}",)), help=help_, rich_help_panel=panel)
    wanted = kind if kind is bool else kind | None
    annotation: Any = Annotated[wanted, option]
    return inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    return next(each for each in get_args(kind) if each is not NoneType)


def _wanted(name: str, marks: tuple[Without | Only | EnabledBy, ...]) -> bool:
    return all(
        name in mark.names if isinstance(mark, Only) else name not in mark.names
        for mark in marks
        if not isinstance(mark, EnabledBy)
    )
