"""What a command is called with beside its settings, and what it works with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from skiploop.cli.values import set_threads
from skiploop.errors import InvalidInput
from skiploop.settings.flag import MODEL, TASK, Flag

if TYPE_CHECKING:
    from skiploop.engine.request import Runner
    from skiploop.studies.execution import Execution
    from skiploop.tasks import Task, TaskOptions


Model = Annotated[str, typer.Option(help="nano, smollm2 (recipes/smollm2.sh), a folder, or a name on the hub.")]
TaskName = Annotated[str, typer.Option(help="nano, jsonl:FILE, gsm8k, arc-easy, math:FILE, rg:NAME, ...")]
ShowPrompt = Annotated[
    bool,
    typer.Option("--show-prompt", help="Print what is sent for the first input, and stop.", rich_help_panel=TASK),
]
Out = Annotated[Path | None, typer.Option(help="The folder of the results (default: one below runs/).")]


def _make_task(spec: str, options: TaskOptions) -> Task:
    from skiploop.tasks import make_task

    return make_task(spec, options)


class Tools(NamedTuple):
    """What commands work with; a test puts others in place: `CliRunner().invoke(app, words, obj=Tools(...))`.

    Attributes:
        model: what a study is given in place of a model's name: the name itself, which it opens, or a model.
        runner: evaluates; None: what the settings say.
        make_task: a task from its specification.
        set_threads: of torch.
    """

    model: Callable[[str], Any] = lambda name: name
    runner: Runner | None = None
    make_task: Callable[[str, TaskOptions], Task] = _make_task
    set_threads: Callable[[int | None], None] = set_threads


_TOOLS = Tools()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a command that runs a model was called.

    Attributes:
        json: print JSON?
        threads: of torch.
        yes: don't ask.
        given: names of the parameters that were on the command line.
        tools: what the command works with.
    """

    json: Annotated[bool, Flag("Print one JSON object and nothing else on stdout.")] = False
    threads: Annotated[
        int | None, Flag("CPU threads of torch (default: as many as this process may use).", panel=MODEL)
    ] = None
    yes: Annotated[bool, Flag("Don't ask before running a model's own code.", panel=MODEL, short="-y")] = False
    given: frozenset[str] = frozenset()
    tools: Tools = _TOOLS

    def prepare(self, model: str, trust: bool) -> Any:
        """Before a model is run: asks if its own code may be, sets the threads, and says what stands for its name."""
        if trust and not self.yes and sys.stdin.isatty():
            typer.confirm(f"Run the Python code that {model} brings on this machine?", abort=True, err=True)
        self.tools.set_threads(self.threads)
        return self.tools.model(model)

    @property
    def execution(self) -> Execution:
        """What a study is run with."""
        from skiploop.cli.progress import make_progress
        from skiploop.studies.execution import Execution

        return Execution(self.tools.runner, lambda figure: make_progress(quiet=self.json, figure=figure))

    def refuse(self, names: tuple[str, ...], beside: str) -> None:
        """InvalidInput for a flag that would be ignored beside another one."""
        for name in names:
            if name in self.given:
                flag = f"--{name.replace('_', '-')}"
                raise InvalidInput(f"{flag} has no effect with {beside}; leave one of them out")
