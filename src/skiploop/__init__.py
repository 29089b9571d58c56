"""skiploop: chains of layers for pretrained transformers - search, exact execution, honest evaluation.

    from skiploop import Chain, LayeredModel, run_chain, search

What needs torch is imported on first use, so that ``import skiploop`` (and ``skiploop --help``) stay fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skiploop._version import __version__
from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput, UnsupportedModel

if TYPE_CHECKING:
    from skiploop.engine.engine import Engine
    from skiploop.models.check import CheckReport, check_model
    from skiploop.models.layered import LayeredModel
    from skiploop.models.replay import run_chain
    from skiploop.searchers import make_searcher
    from skiploop.spaces.named import compose, make_space, per_layer
    from skiploop.studies.search import Study, load_study, search
    from skiploop.studies.static.study import StaticSettings, StaticStudy, load_static, search_static
    from skiploop.tasks import make_task

_LAZY = {
    "CheckReport": "models.check",
    "check_model": "models.check",
    "Engine": "engine.engine",
    "LayeredModel": "models.layered",
    "run_chain": "models.replay",
    "make_searcher": "searchers",
    "compose": "spaces.named",
    "make_space": "spaces.named",
    "per_layer": "spaces.named",
    "StaticSettings": "studies.static.study",
    "StaticStudy": "studies.static.study",
    "load_static": "studies.static.study",
    "search_static": "studies.static.study",
    "Study": "studies.search",
    "load_study": "studies.search",
    "search": "studies.search",
    "make_task": "tasks",
}

__all__ = [
    "Chain",
    "CheckReport",
    "Engine",
    "InvalidInput",
    "LayeredModel",
    "Request",
    "Result",
    "StaticSettings",
    "StaticStudy",
    "Study",
    "UnsupportedModel",
    "__version__",
    "check_model",
    "compose",
    "load_static",
    "load_study",
    "make_searcher",
    "make_space",
    "make_task",
    "per_layer",
    "run_chain",
    "search",
    "search_static",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"skiploop.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'skiploop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
