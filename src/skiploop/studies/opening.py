"""What a study works with: a model, an engine for it, and a record of both. Torch is imported on use."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Protocol

from skiploop.errors import InvalidInput
from skiploop.studies.evaluation import Encoder
from skiploop.studies.settings import EngineSettings
from skiploop.tasks import Task, TaskOptions, make_task
from skiploop.tasks.dialogue import Template


class StudyModel(Encoder, Protocol):
    """What a study needs to know about a model; `skiploop.models.layered.LayeredModel` is one."""

    @property
    def num_layers(self) -> int:
        """The number of layers, L."""

    @property
    def name(self) -> str:
        """The name or folder that it was opened by."""

    @property
    def revision(self) -> str | None:
        """The revision of the checkpoint; None where it has none."""

    @property
    def fingerprint(self) -> str:
        """A hash that tells checkpoints apart."""

    @property
    def dtype(self) -> object:
        """The dtype of the weights."""

    @property
    def device(self) -> object:
        """The device that it runs on."""

    @property
    def attn_implementation(self) -> str:
        """The implementation of attention, such as sdpa."""

    @property
    def chat(self) -> Template | None:
        """The tokenizer's chat template; None where it has none."""


def open_model(name: str, settings: EngineSettings) -> Any:
    """A model by name, checked: chains on it are exact.

    Raises:
        InvalidInput: the name is that of a chain, which a study would leave aside.
    """
    from skiploop.models.layered import LayeredModel  # imports torch

    model = LayeredModel.from_pretrained(name, **settings.opening)
    if model.chosen is not None:
        raise InvalidInput(
            f"{name!r} holds the chain {model.chain} on the base {model.chosen.base_model!r}, and a study runs its own "
            f"chains on a base; give --model {model.chosen.base_model}, and the chain where one is asked for"
        )
    model.require_generation()
    model.check()
    return model


def open_replica(name: str, settings: EngineSettings, several_gpus: bool) -> Any:
    """The same in one of several processes; where each has several GPUs, over all of them unless a device is named."""
    return open_model(name, replace(settings, device="auto") if several_gpus and settings.device is None else settings)


def open_task(task: str | Task, changes: dict[str, Any]) -> Task:
    """A task by its specification, made with those of `changes` that are options of one; these are taken out.

    `limit` and `seed` are left: a study has settings of these names.

    Raises:
        InvalidInput: options beside a task that is made already.
    """
    names = {field.name for field in fields(TaskOptions)} - {"limit", "seed"}
    options = {name: changes.pop(name) for name in sorted(names.intersection(changes))}
    if isinstance(task, str):
        return make_task(task, **options)
    if options:
        given = ", ".join(options)
        raise InvalidInput(f"{given} can't be changed of a task that is made; give them to make_task, or name the task")
    return task
