"""Which engine runs the requests. Torch is imported when one is opened."""

from __future__ import annotations

from typing import Any

from skiploop.engine.request import Runner
from skiploop.errors import UnsupportedModel


def kept_runner(model: Any) -> Runner:
    """The engine that is kept with a model, made on first use: a model is tried out once, not in every call."""
    if model.kept_runner is None:
        model.kept_runner = open_runner(model)[0]
    runner: Runner = model.kept_runner
    return runner


def open_runner(model: Any, *, engine: str = "auto", batch_tokens: int | None = None) -> tuple[Runner, str]:
    """An engine and its name: the fast one, unless `engine` is "plain" or the fast one refuses the model.

    A model whose layers are on several devices is run one chain after another, by its own forward.
    """
    from skiploop.engine.plain import PlainEngine

    devices = set((getattr(getattr(model, "hf", None), "hf_device_map", None) or {}).values())
    if engine != "plain" and len(devices) < 2:
        from skiploop.engine.engine import Engine

        try:
            compiled = engine == "compiled"
            return Engine(model, max_batch_tokens=batch_tokens, compile=compiled), "Engine"
        except UnsupportedModel:
            pass
    return PlainEngine(model), "PlainEngine"
