"""What the command line makes of the values of its flags."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.validate import whole_number


def set_threads(threads: int | None) -> None:
    """As many threads as were asked for; else torch's choice, but no more than this process has cores."""
    wanted = None if threads is None else whole_number("--threads", threads, 1)
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(wanted or min(torch.get_num_threads(), cores))


def constants(given: list[str] | None, **named: float | None) -> dict[str, float]:
    """A searcher's constants: flags of their own, and NAME=VALUE."""
    found = {name: value for name, value in named.items() if value is not None}
    for each in given or []:
        name, _, value = each.partition("=")
        try:
            found[name.strip().replace("-", "_")] = int(value) if value.strip().isdecimal() else float(value)
        except ValueError:
            raise InvalidInput(f"--set {each!r} isn't NAME=NUMBER; use for instance --set widening=3") from None
    return found


def whole_numbers(flag: str, text: str) -> list[int]:
    """`1,2` as numbers."""
    found = words(flag, text)
    for word in found:
        if not word.lstrip("-").isdecimal():
            raise InvalidInput(f"{flag} {text!r}: {word!r} isn't a whole number; use for instance 1,2")
    return [int(word) for word in found]


def words(flag: str, text: str) -> list[str]:
    """`a,b` as words."""
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        raise InvalidInput(f"{flag} {text!r} names nothing; give values with commas between them")
    return found


def numbers(flag: str, text: str) -> list[float]:
    """`1,2.5` as numbers."""
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise InvalidInput(f"{flag} {text!r} isn't a list of numbers; use for instance 1,1,2.5") from None


def texts(given: list[str]) -> tuple[str, ...]:
    r"""Values of a flag that is given several times: `\n` and `\t` are a new line and a tab, and `""` alone is none."""
    return tuple(each.replace("\\n", "\n").replace("\\t", "\t") for each in given if given != [""])


READERS: dict[Any, Callable[[str, str], Any]] = {int: whole_numbers, str: words, float: numbers}
"""How a list of each type is read from the text of a flag, given the flag's name for messages."""


def check_new(path: Path, *, force: bool) -> None:
    """Before long work: InvalidInput where `write_file` is going to refuse this place."""
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; give the name of a file")
    if path.exists() and not force:
        raise InvalidInput(f"{path} exists; use another name, or --force to replace it")
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"there is no folder {path.absolute().parent} for {path.name}; make it, or use another path")


def write_file(path: Path, text: str, *, force: bool) -> None:
    """Writes a new file; an existing one is replaced only with `force`."""
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInput(f"{path} exists; use another name, or --force to replace it") from None
    except OSError as error:
        raise InvalidInput(f"{path} can't be written ({error.strerror}); use another path") from None


def terminal() -> tuple[int, bool, bool]:
    """Of stdout: its width, whether it is limited to ASCII, whether to dim what is faint."""
    room = max(shutil.get_terminal_size((100, 24)).columns, 20)
    utf = "utf" in (sys.stdout.encoding or "").lower()
    return room, not utf, sys.stdout.isatty() and "NO_COLOR" not in os.environ
