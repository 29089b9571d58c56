"""A full study: the search, and everything that has to stand beside it, in one folder.

    study = run_study("nano", "nano", out="runs/nano")
    study.parts.search.oracle_accuracy, study.parts.static.chosen["search"].test

    OUT/run.json         settings, model, versions
    OUT/parts.json       how far each part is
    OUT/search           the ordinary study, on the first of the test inputs
    OUT/static           one chain for all inputs, chosen on training inputs, reported on test inputs
    OUT/controls/...     one JSON file for each control, and its journal
    OUT/ablation         skip-only and loop-only, and their comparison with OUT/search
    OUT/search/analysis  one JSON file for each analysis of the search
    OUT/report.html      all of it as a report, where the extra `report` is installed

The parts are those of `skiploop.full_study.parts.PARTS`. The same call again goes on where it was stopped; one that is
complete is only read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.folders.full import KIND, STATES, FullStudy, PartState, load_full, read_states
from skiploop.full_study.context import Context, Part
from skiploop.full_study.parts import OPTIONAL, PARTS
from skiploop.full_study.settings import FullSettings
from skiploop.storage.files import write_sealed, writing
from skiploop.storage.lock import lock_folder
from skiploop.storage.records import as_json
from skiploop.studies.cache_policy import check_space_policy
from skiploop.studies.execution import Execution
from skiploop.studies.folder import check_place, write_run
from skiploop.studies.opening import StudyModel, open_model
from skiploop.studies.progress import Interrupted
from skiploop.studies.prompt_example import prompt_example
from skiploop.studies.record import default_out, describe
from skiploop.studies.static.split import split
from skiploop.studies.static.study import check_policies
from skiploop.studies.warm_start import resolved
from skiploop.tasks import Task, make_task


def run_study(
    model: str | StudyModel = "nano",
    task: str | Task = "nano",
    *,
    out: str | Path | None = None,
    settings: FullSettings | None = None,
    execution: Execution | None = None,
    without: Sequence[str] = (),
) -> FullStudy:
    """Runs all parts; what `skiploop study` calls.

    Args:
        model: `nano`, the name or folder of a Hugging Face model, or a `LayeredModel`.
        task: a specification, or a task; its questions are de-duplicated, then split.
        out: the study's folder; by default one below `runs/` that is named after the settings.
        settings: of all parts.
        execution: what evaluates, by default what `settings.study.engine` says, and what shows the progress.
        without: names of `skiploop.full_study.parts.OPTIONAL` that are left out; what they have done stays.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C.
    """
    for name in without:
        if name not in OPTIONAL:
            raise InvalidInput(f"--without {name} isn't possible; parts that can be left out are {', '.join(OPTIONAL)}")
    settings, execution = settings or FullSettings(), execution or Execution()
    return run_parts(open_context(model, task, out=out, settings=settings, execution=execution), without)


def open_context(
    model: str | StudyModel, task: str | Task, *, out: str | Path | None, settings: FullSettings, execution: Execution
) -> Context:
    """What the parts work with; the arguments are those of `run_study`, as are the errors. Nothing is written."""
    if out is not None:
        check_place(Path(out), KIND)
    pool = make_task(task) if isinstance(task, str) else task
    split(pool, settings.static.train, settings.static.test)  # refused before a model is loaded
    opened = open_model(model, settings.study.engine) if isinstance(model, str) else model
    pool = pool.for_model(opened.chat)
    train, test = split(pool, settings.static.train, settings.static.test)
    space = settings.study.space.make(opened.num_layers)
    check_space_policy(settings.study.engine.cache_policy, space, pool)
    check_policies(settings.of_static, space, pool)
    settings = replace(settings, study=resolved(settings.study, space, (*train, *test)))
    engine = execution.engine_name(settings.study.engine)
    run = describe(opened, pool, space, kind=KIND, settings=settings.to_json(), engine=engine)
    run["prompt_example"] = prompt_example(pool, opened)
    place = Path("runs") / f"study-{default_out(run).name}" if out is None else Path(out)
    check_place(place, KIND)
    return Context(place, pool, train, test, opened, settings, execution, run)


def run_parts(context: Context, without: Sequence[str] = (), parts: tuple[Part, ...] = PARTS) -> FullStudy:
    """Runs the parts that aren't complete, in their order.

    Args:
        context: what they work with.
        without: names of parts that are left out.
        parts: that there are.

    Raises:
        InvalidInput: the folder holds another study.
        Interrupted: on Ctrl-C.
    """
    with writing(context.out):
        context.out.mkdir(parents=True, exist_ok=True)
    lock = lock_folder(context.out)
    try:
        write_run(context.out, context.run)
        ledger = _Ledger(context, parts, without)
        wanted = [part for part in parts if part.name not in without]
        for number, part in enumerate(wanted, start=1):
            ledger.run(part, f"{number}/{len(wanted)}")
    finally:
        lock.release()
    return load_full(context.out)


class _Ledger:
    """How far the parts are, kept up to date in the folder."""

    def __init__(self, context: Context, parts: tuple[Part, ...], without: Sequence[str]) -> None:
        self._context, known = context, read_states(context.out)
        self._states = {part.name: known.get(part.name, PartState(part.title, part.place)) for part in parts}
        for name, state in self._states.items():
            if name in without and state.status != "complete":
                self._states[name] = replace(state, status="left out")
            elif state.status == "left out":
                self._states[name] = replace(state, status="pending")
        self._save()

    def run(self, part: Part, number: str) -> None:
        """Runs a part, unless it is complete or doesn't apply."""
        context = self._context
        if self._states[part.name].status == "complete":
            return
        reason = part.why_not(context)
        if reason is not None:
            self._set(part, status="not applicable", reason=reason)
            return
        context.execution.progress(part.title).note(f"{number} {part.title}")
        self._set(part, status="running", reason=None)
        begun, status = time.monotonic(), "running"
        try:
            part.run(context)
            status = "complete"
        except Interrupted as stop:
            raise Interrupted(context.out, part.name, stop.done, stop.total) from None
        except KeyboardInterrupt:
            raise Interrupted(context.out, part.name) from None
        finally:
            seconds = self._states[part.name].seconds + time.monotonic() - begun
            self._set(part, status=status, seconds=seconds)

    def _set(self, part: Part, **changes: Any) -> None:
        self._states[part.name] = replace(self._states[part.name], **changes)
        self._save()

    def _save(self) -> None:
        write_sealed(self._context.out / STATES, as_json(self._states))
