"""`skiploop search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from skiploop.cli.app import print_json
from skiploop.cli.call import Model, Out, ShowPrompt, SpreadCall, TaskName
from skiploop.cli.flags import command
from skiploop.cli.prompt import show_prompt as print_prompt
from skiploop.settings.flag import STATIC, EnabledBy
from skiploop.studies.settings import StudySettings
from skiploop.studies.static.settings import StaticSettings, StaticStudySettings
from skiploop.tasks.options import TaskOptions

if TYPE_CHECKING:
    from skiploop.studies.search import Study
    from skiploop.studies.static.study import StaticStudy

_STATIC_BUDGET = 100  # one search, not one for each input
_NOT_STATIC = (
    "limit",
    "no_random_peer",
    "no_nearby_peer",
    "no_control",
    "stop_early",
    "total_budget",
    "memory",
    "wave",
    "ray",
)


@command
def search(
    *,
    model: Model = "nano",
    task: TaskName = "nano",
    study: StudySettings,
    static: Annotated[
        StaticSettings | None, EnabledBy("static", "One chain for all inputs, with a test split.", STATIC)
    ],
    options: TaskOptions,
    show_prompt: ShowPrompt = False,
    out: Out = None,
    call: SpreadCall,
) -> None:
    """Search chains for each input of a task, with controls. Given again, the same command resumes."""
    from skiploop.studies.search import search as run_search
    from skiploop.studies.static.study import search_static

    if static is not None:
        call.refuse(_NOT_STATIC, "--static")
        if "budget" not in call.given:
            study = study.changed(budget=_STATIC_BUDGET)
    whole = call.tools.make_task(task, options)
    opened = call.prepare(model, study.engine.trust_remote_code)
    if show_prompt:
        print_prompt(opened, whole, study.engine, limit=None if static else study.search.limit, json=call.json)
        return
    if static is None:
        show_found(run_search(opened, whole, out=out, settings=study, execution=call.execution), call.json)
        return
    settings = StaticStudySettings.of(study, static)
    show_found(search_static(opened, whole, out=out, settings=settings, execution=call.execution), call.json)


def show_found(study: Study | StaticStudy, json: bool) -> None:
    """A study, as JSON or for people."""
    from skiploop.reporting.terminal.console import make_console
    from skiploop.reporting.terminal.search import print_study
    from skiploop.reporting.terminal.static import print_static
    from skiploop.studies.static.study import StaticStudy

    if json:
        print_json(study.to_json())
    elif isinstance(study, StaticStudy):
        print_static(study, make_console())
    else:
        print_study(study, make_console())
