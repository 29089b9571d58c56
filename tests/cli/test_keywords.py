"""Every flag of `skiploop search` is a keyword of `search()`, or of `search_static()` where it is for `--static`."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from skiploop import search, search_static
from skiploop.cli.app import load_command
from skiploop.distributed.settings import RaySettings
from skiploop.errors import InvalidInput
from skiploop.studies.opening import open_task
from skiploop.studies.settings import CONSTANTS, StudySettings
from skiploop.studies.static.settings import StaticSettings
from skiploop.tasks.options import TaskOptions

OF_THE_TERMINAL = {
    "json": "what is printed: `Study.to_json`",
    "yes": "whether is asked",
    "threads": "`torch.set_num_threads`",
    "show_prompt": "`skiploop.studies.prompt_example.prompt_example`",
    "static": "another function, `search_static`",
    "ray": "`execution`, with a `RaySearch`",
}
OTHERWISE_NAMED = {"set": "searcher_settings"}


def flags() -> set[str]:
    """The keywords that the flags stand for; one that switches something off stands for what it switches."""
    command = load_command("search")
    names = {each.name for each in command.params} - {"help"}
    return {OTHERWISE_NAMED.get(name, name.removeprefix("no_")) for name in names}


def settings() -> set[str]:
    """The keywords that are single settings."""
    with pytest.raises(InvalidInput) as refused:
        StudySettings().changed(nonsense=1)
    return set(str(refused.value).partition("there are ")[2].split(", "))


def test_every_flag_of_search_is_a_keyword() -> None:
    options = {field.name for field in fields(TaskOptions)}
    own = set(inspect.signature(search).parameters) | settings() | options
    static = {field.name for field in fields(StaticSettings)}
    spread = {field.name for field in fields(RaySettings)}
    missing = flags() - own - static - spread - set(OF_THE_TERMINAL)
    assert not missing
    assert set(OF_THE_TERMINAL) <= flags() and not set(OF_THE_TERMINAL) & own, "these have become keywords"
    assert static & flags() and "settings" in inspect.signature(search_static).parameters


def test_options_of_a_task_are_taken_as_keywords() -> None:
    changes = {"metric": "acc_norm", "shots": 0, "levels": [1], "budget": 3, "limit": 2}
    task = open_task("nano", changes)
    assert (task.metric, task.levels, changes) == ("acc_norm", (1,), {"budget": 3, "limit": 2})


def test_constants_with_a_flag_are_keywords() -> None:
    assert set(CONSTANTS) <= settings()
    changed = StudySettings().changed(searcher="cola", length_penalty=2, searcher_settings={"exploration": 0.5})
    constants = changed.search.searcher_settings
    assert (constants["length_penalty"], constants["exploration"]) == (2, 0.5)
    assert changed.changed(exploration=0.25).search.searcher_settings == {**constants, "exploration": 0.25}
    with pytest.raises(InvalidInput, match="length_penalty"):
        StudySettings().changed(searcher="random", length_penalty=2)
