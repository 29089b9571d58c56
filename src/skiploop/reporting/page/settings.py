"""run.json as the page shows it, and what was run in a line."""

from __future__ import annotations

import json
from typing import Any

from skiploop.reporting.build import Report, RunReport
from skiploop.reporting.page.paths import without_paths
from skiploop.stats import numbers
from skiploop.storage.foreign_text import shown


def title_of(report: Report) -> str:
    """What was run on what."""
    if len(report.runs) > 1:
        return f"{len(report.runs)} runs side by side"
    return what(report.runs[0])


def what(run: RunReport) -> str:
    """Model and task."""
    record = run.folder.run
    return shown(without_paths(f"{record['model']['name']} on {record['task']['name']}"))


def subtitle(run: RunReport) -> str:
    """How it was run, in a line."""
    folder = run.folder
    settings = folder.run["settings"]
    search = settings["search"]
    how = f"{search['searcher']} in the space “{settings['space']['name']}”, seed {search['seed']}"
    if folder.static is not None:
        figures = folder.static.figures
        split = f"{figures.train_inputs} training and {figures.test_inputs} test inputs"
        return f"One chain for all inputs: {how}, {search['budget']} chains, {split}"
    inputs = numbers.plural(0 if folder.study is None else folder.study.figures.inputs, "input")
    return f"Chains per input: {how}, {search['budget']} evaluations an input, {inputs}"


def facts(run: RunReport) -> dict[str, dict[str, str]]:
    """run.json by its parts, without the empty ones, for the table of settings."""
    record = run.folder.run
    parts = {key: value for key, value in record.items() if isinstance(value, dict) and key != "settings"}
    nested = {key: value for key, value in record["settings"].items() if isinstance(value, dict)}
    rest = {key: value for key, value in record["settings"].items() if not isinstance(value, dict)}
    study = {key: value for key, value in record.items() if not isinstance(value, dict)} | rest
    shown = {**nested, **parts, "study": study}
    return {
        name: {key: setting(value) for key, value in part.items() if value not in (None, {}, "")}
        for name, part in shown.items()
    }


def setting(value: Any) -> str:
    """A setting's value, without the path of a machine."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {setting(each)}" for key, each in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return shown(without_paths(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
