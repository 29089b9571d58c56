"""What a command is called with beside its settings, and what it works with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from skiploop.cli.values import set_threads
from skiploop.distributed.settings import RaySettings
from skiploop.errors import InvalidInput
from skiploop.settings.flag import MODEL, RAY, TASK, EnabledBy, Flag

if TYPE_CHECKING:
    from skiploop.engine.request import Runner
    from skiploop.studies.execution import Execution
    from skiploop.studies.progress import Progress
    from skiploop.studies.settings import StudySettings
    from skiploop.studies.spread import Spread
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
        self.ask(model, trust)
        self.tools.set_threads(self.threads)
        return self.tools.model(model)

    def ask(self, model: str, trust: bool) -> None:
        """Asks if a model's own code may be run, where somebody can answer."""
        if trust and not self.yes and sys.stdin.isatty():
            typer.confirm(f"Run the Python code that {model} brings on this machine?", abort=True, err=True)

    @property
    def execution(self) -> Execution:
        """What a study is run with."""
        from skiploop.studies.execution import Execution

        return Execution(self.tools.runner, self.make_progress, spread=self.spread)

    @property
    def spread(self) -> Spread | None:
        """What has work done in other processes; None: it is done in this one."""
        return None

    def make_progress(self, figure: str) -> Progress:
        """What shows the progress of a piece of work, given the name of the share that it shows."""
        from skiploop.cli.progress import make_progress

        return make_progress(quiet=self.json, figure=figure)

    def refuse(self, names: tuple[str, ...], beside: str) -> None:
        """InvalidInput for a flag that would be ignored beside another one."""
        for name in names:
            if name in self.given:
                flag = f"--{name.replace('_', '-')}"
                raise InvalidInput(f"{flag} has no effect with {beside}; leave one of them out")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadCall(Call):
    """How a command was called whose work can be spread over several processes.

    Attributes:
        ray: over which; None: it is done in this one.
    """

    ray: Annotated[
        RaySettings | None, EnabledBy("ray", "Spread over processes with a model each (extra: ray).", RAY)
    ] = None

    def prepare(self, model: str, trust: bool) -> Any:
        """The same; threads are set where the model is run."""
        if self.ray is None:
            return Call.prepare(self, model, trust)
        if self.threads is not None:
            raise InvalidInput("--threads has no effect with --ray; use --cpus-per-worker, or leave one of them out")
        self.ask(model, trust)
        return self.tools.model(model)

    @property
    def spread(self) -> Spread | None:
        """Workers of Ray, where they are wanted."""
        if self.ray is None:
            return None
        from skiploop.distributed.spread import RaySpread

        return RaySpread(self.ray, self.make_progress)

    @contextmanager
    def cluster(self, settings: StudySettings) -> Iterator[None]:
        """One cluster for all searches of a study, with these settings, whose other parts are run in this process."""
        if self.ray is None:
            yield
            return
        from skiploop.distributed.ray_crew import open_cluster
        from skiploop.studies.search_job import check_independent

        check_independent(settings)
        self.tools.set_threads(self.ray.cpus_per_worker)
        with open_cluster(self.ray):
            yield
