"""What the command line says of a field of a settings dataclass: `Annotated[int, Flag("Of the searchers.")]`.

`skiploop.cli.flags` makes the commands' flags of these; name, type and default are the field's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STUDY, TASK, SEARCHER, MODEL = "Study", "Task", "Searcher and space", "Model and speed"
STATIC, SAMPLING, ANALYSES = "One chain for all inputs", "Sampling and voting", "Analyses"
RAY = "Several processes or machines"
"""Panels of `--help`."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag for a field.

    Attributes:
        help: one line.
        panel: under which heading of `--help`; None: the first.
        name: such as `--set`; by default the field's, and `--no-NAME` for what is on unless it is switched off.
        short: such as `-y`.
        default: on the command line, where it isn't the field's.
        none: what stands for None where the default isn't None.
        given_as: the type on the command line, where it isn't the field's.
        shared: another dataclass has a field of the same flag, which is fine where only the other one is wanted.
        repeated: a list whose values may hold anything, commas too: one value each time that the flag is given.
        keys: of a mapping of names to numbers: those names that have flags of their own, with their help.
    """

    help: str
    panel: str | None = None
    name: str | None = None
    short: str | None = None
    default: object = None
    none: object = None
    given_as: type | None = None
    shared: bool = False
    repeated: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnabledBy:
    """A flag without which there are no such settings, and their flags are refused."""

    name: str
    help: str
    panel: str
