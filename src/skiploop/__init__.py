"""skiploop: chains of layers for pretrained transformers - search, exact execution, honest evaluation.

    from skiploop import Chain, LayeredModel, run_chain, search

Only chains, requests and errors are imported at once. Everything else is imported on first use, so that
`import skiploop` and `skiploop --help` don't wait for torch.

    chains/       chains as values, their notation and drawings
    spaces/       which chains there are
    models/       pretrained models whose layers run in any order
    lm_eval/      tasks of lm-evaluation-harness on chains
    engine/       many chains on many inputs at once
    tasks/        inputs with gold answers, and how an answer is judged
    searchers/    how to look for a chain
    studies/      a searcher for each input, with controls, kept on disk
    analysis/     what a finished study says
    routing/      choosing a chain without the right answer
    distributed/  the same study by several processes, over Ray
    folders/      studies of every kind, read from their folders
    full_study/   a search and everything that has to stand beside it
    export/       a chain as a folder that other tools load
    reporting/    studies as a page, as figures and as text
    cli/          the command line
    stats/        shares, resampling, correlations
    storage/      files that survive a kill
    nano/         the embedded pretrained model
    testing/      what tests of searchers, also of other people's, need
    settings/     how settings describe themselves
    validate      checks of values that users give
    errors        the two exceptions
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skiploop._version import __version__ as __version__
from skiploop.chains.chain import Chain as Chain
from skiploop.engine.request import Request as Request
from skiploop.engine.request import Result as Result
from skiploop.engine.request import Runner as Runner
from skiploop.errors import InvalidInput as InvalidInput
from skiploop.errors import UnsupportedModel as UnsupportedModel

if TYPE_CHECKING:  # for type checkers and editors; the same names as in _LAZY, which a test compares
    from skiploop.engine.engine import Engine as Engine
    from skiploop.folders.compare import Comparison as Comparison
    from skiploop.folders.compare import compare as compare
    from skiploop.folders.full import load_full as load_full
    from skiploop.full_study.run import run_study as run_study
    from skiploop.models.check import CheckReport as CheckReport
    from skiploop.models.check import check_model as check_model
    from skiploop.models.custom_generate import decoding as decoding
    from skiploop.models.layered import LayeredModel as LayeredModel
    from skiploop.models.replay import run_chain as run_chain
    from skiploop.searchers.protocol import Searcher as Searcher
    from skiploop.searchers.registry import make_searcher as make_searcher
    from skiploop.spaces.named import compose as compose
    from skiploop.spaces.named import make_space as make_space
    from skiploop.spaces.named import per_layer as per_layer
    from skiploop.spaces.space import Space as Space
    from skiploop.studies.evaluate.study import Evaluated as Evaluated
    from skiploop.studies.evaluate.study import evaluate as evaluate
    from skiploop.studies.search import Study as Study
    from skiploop.studies.search import load_study as load_study
    from skiploop.studies.search import search as search
    from skiploop.studies.static.settings import StaticSettings as StaticSettings
    from skiploop.studies.static.study import StaticStudy as StaticStudy
    from skiploop.studies.static.study import load_static as load_static
    from skiploop.studies.static.study import search_static as search_static
    from skiploop.tasks.example import Example as Example
    from skiploop.tasks.make import make_task as make_task
    from skiploop.tasks.task import Task as Task

_LAZY = {
    "engine.engine": ("Engine",),
    "folders.compare": ("Comparison", "compare"),
    "folders.full": ("load_full",),
    "full_study.run": ("run_study",),
    "models.check": ("CheckReport", "check_model"),
    "models.custom_generate": ("decoding",),
    "models.layered": ("LayeredModel",),
    "models.replay": ("run_chain",),
    "searchers.protocol": ("Searcher",),
    "searchers.registry": ("make_searcher",),
    "spaces.named": ("compose", "make_space", "per_layer"),
    "spaces.space": ("Space",),
    "studies.evaluate.study": ("Evaluated", "evaluate"),
    "studies.search": ("Study", "load_study", "search"),
    "studies.static.settings": ("StaticSettings",),
    "studies.static.study": ("StaticStudy", "load_static", "search_static"),
    "tasks.example": ("Example",),
    "tasks.make": ("make_task",),
    "tasks.task": ("Task",),
}
_HOME = {name: module for module, names in _LAZY.items() for name in names}
_EAGER = ("Chain", "InvalidInput", "Request", "Result", "Runner", "UnsupportedModel", "__version__")

__all__ = sorted([*_EAGER, *_HOME])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"skiploop.{_HOME[name]}"), name)
    raise AttributeError(f"module 'skiploop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
