"""What a study works with: a model, an engine for it, and a record of both. Torch is imported on use."""

from __future__ import annotations

from typing import Any, Protocol

from skiploop.studies.evaluation import Encoder
from skiploop.studies.settings import EngineSettings


class StudyModel(Encoder, Protocol):
    """What a study wants to know of a model; `skiploop.models.layered.LayeredModel` is one."""

    @property
    def num_layers(self) -> int:
        """L."""

    @property
    def name(self) -> str:
        """Under which it was opened."""

    @property
    def revision(self) -> str | None:
        """Of the checkpoint."""

    @property
    def fingerprint(self) -> str:
        """Tells checkpoints apart."""

    @property
    def dtype(self) -> object:
        """Of the weights."""

    @property
    def device(self) -> object:
        """Where it runs."""

    @property
    def attn_implementation(self) -> str:
        """Such as sdpa."""


def open_model(name: str, settings: EngineSettings) -> Any:
    """A model by name, checked: chains on it are exact."""
    from skiploop.models.layered import LayeredModel  # imports torch

    model = LayeredModel.from_pretrained(name, **settings.opening)
    model.require_generation()
    model.check()
    return model
