"""What a study works with: a model, an engine for it, and a record of both. Torch is imported on use."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from skiploop._version import __version__
from skiploop.engine.request import Runner
from skiploop.errors import UnsupportedModel
from skiploop.evaluate import Encoder
from skiploop.settings import StudySettings
from skiploop.spaces.space import Space
from skiploop.store import SCHEMA
from skiploop.tasks import Task


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


def open_model(name: str, settings: StudySettings) -> Any:
    """A model by name, checked: chains on it are exact."""
    from skiploop.models.layered import LayeredModel  # imports torch

    model = LayeredModel.from_pretrained(
        name, dtype=settings.dtype, device=settings.device, trust_remote_code=settings.trust_remote_code
    )
    model.require_generation()
    model.check()
    return model


def open_runner(model: Any, settings: StudySettings) -> tuple[Runner, str]:
    """What evaluates, and its name: the fast engine unless it is unwanted, or refuses the model."""
    from skiploop.engine.plain import PlainEngine

    if settings.engine != "plain":
        from skiploop.engine.engine import Engine

        try:
            compiled = settings.engine == "compiled"
            return Engine(model, max_batch_tokens=settings.batch_tokens, compile=compiled), "Engine"
        except UnsupportedModel:
            pass
    return PlainEngine(model), "PlainEngine"


def describe(model: StudyModel, pool: Task, space: Space, settings: StudySettings, engine: str) -> dict[str, Any]:
    """What goes into run.json."""
    asked = asdict(settings)
    first = asked.pop("warm_start")  # recorded where there is one, so that studies begun before can be resumed
    if first:
        asked["warm_start"] = [list(layers) for layers in first]
    return {
        "schema": SCHEMA,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": asked,
        "model": {
            "name": model.name,
            "revision": model.revision,
            "fingerprint": model.fingerprint,
            "num_layers": model.num_layers,
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(model.device),
            "attention": model.attn_implementation,
        },
        "task": {
            "name": pool.name,
            "fingerprint": pool.fingerprint,
            "scoring": pool.scoring,
            "max_new_tokens": pool.max_new_tokens,
            "prompt_template": pool.prompt_template,
            "length_norm": pool.length_norm,
            "description": dict(pool.description),
        },
        "space": space.settings,
        "engine": engine,
        "versions": {"skiploop": __version__, "python": platform.python_version()}
        | {name: _version(name) for name in ("torch", "transformers")},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
