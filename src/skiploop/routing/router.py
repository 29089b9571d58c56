"""A fitted rule as two files: router.json says what it is of, router.safetensors holds its arrays. No pickle.

Router("gain", rule, passes, model=..., task=...).save("runs/route")
model.generate(prompts, route=load_router("runs/route"))
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from skiploop.errors import InvalidInput
from skiploop.routing.chooser import Rule
from skiploop.routing.choosers.cascade import Cascade
from skiploop.routing.choosers.controller import ControllerModel
from skiploop.routing.choosers.gain import Gain
from skiploop.routing.choosers.identity import IdentityFeatures, OneMetric
from skiploop.routing.choosers.menu import Selector
from skiploop.routing.choosers.mix import Mix
from skiploop.routing.choosers.topk import TopSet
from skiploop.routing.choosers.values import BestOf
from skiploop.routing.choosers.votes import Vote
from skiploop.routing.controller import Controller
from skiploop.routing.features import Directions
from skiploop.routing.live import LiveRuns
from skiploop.routing.live_options import LiveOptions
from skiploop.routing.networks import ChainNetwork
from skiploop.routing.passes import ModelPass
from skiploop.routing.regression import ClassModel, GainModel, OptionModel, Standard
from skiploop.storage.files import read_json, unsealed, write_atomically, write_sealed, writing
from skiploop.tasks import Task

RULES: tuple[type, ...] = (Cascade, Gain, IdentityFeatures, OneMetric, Selector, Mix, TopSet, BestOf, Vote)
"""What a router may hold."""
_PARTS: dict[str, type] = {
    each.__name__: each
    for each in (
        *RULES,
        Directions,
        ClassModel,
        GainModel,
        OptionModel,
        Standard,
        Controller,
        ControllerModel,
        ChainNetwork,
    )
}
_FORMAT, _VERSION = "skiploop-router", 1
_JSON, _ARRAYS = "router.json", "router.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Router:
    """A rule, and what it is for.

    Attributes:
        chooser: its name.
        rule: fitted.
        passes: that the rule chooses between, the identity first.
        fingerprint: of the model; another one is refused.
        model: its name, for people.
        task: that the rule was fitted on, for people.
    """

    chooser: str
    rule: Rule
    passes: tuple[ModelPass, ...]
    fingerprint: str
    model: str
    task: str

    def require(self, model: Any) -> None:
        """Raises InvalidInput for another model than the router was fitted on: its chains mean nothing there."""
        if model.fingerprint != self.fingerprint:
            raise InvalidInput(
                f"this router was fitted on {self.model} ({self.passes[0].chain.num_layers} layers), and "
                f"{model.name} is another checkpoint; open that model, or train a router for this one"
            )

    def generate(self, model: Any, prompts: list[str], *, max_new_tokens: int, stop: tuple[str, ...] = ()) -> list[str]:
        """A text for each prompt, by the pass that the rule chooses, or the one that it elects.

        Raises:
            InvalidInput: another model, or a rule that mixes scores of options.
        """
        self.require(model)
        if isinstance(self.rule, Mix | IdentityFeatures):
            raise InvalidInput(
                f"the router {self.chooser!r} mixes scores of options, so it can't generate texts; give it options: "
                "`skiploop route apply --option`, or Router.pick"
            )
        runs = LiveRuns(model, self.passes, prompts, max_new_tokens, stop)
        texts = runs.texts(self.rule.choose(runs).answers)
        runs.forget()
        return texts

    def pick(self, model: Any, task: Task) -> list[int]:
        """The option that the rule picks for each input of a task, by its number; which is right isn't looked at.

        Raises:
            InvalidInput: another model, or a task whose answers are generated.
        """
        self.require(model)
        if not task.scores_options:
            raise InvalidInput(f"the answers of {task.name!r} are generated: give its prompts to generate(route=...)")
        runs = LiveOptions(model, self.passes, task.for_model(model.chat))
        choice = self.rule.choose(runs)
        runs.forget()
        return [int(answer) for answer in choice.answers]

    def save(self, folder: str | Path) -> None:
        """Writes both files; the folder is made where there is none."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {}
        place = Path(folder)
        with writing(place):
            place.mkdir(parents=True, exist_ok=True)
        rule = _encoded(self.rule, "rule", arrays)
        about = {"format": _FORMAT, "version": _VERSION, "chooser": self.chooser, "fingerprint": self.fingerprint}
        about |= {"model": self.model, "task": self.task, "num_layers": self.passes[0].chain.num_layers}
        write_atomically(place / _ARRAYS, save(arrays))
        write_sealed(place / _JSON, {**about, "passes": [each.to_json() for each in self.passes], "rule": rule})


def load_router(folder: str | Path) -> Router:
    """A router from its folder.

    Raises:
        InvalidInput: there is none, or it is damaged, of another format, or of parts that aren't known.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    place = Path(folder)
    if not (place / _JSON).is_file() or not (place / _ARRAYS).is_file():
        raise InvalidInput(f"{place} holds no router: it needs {_JSON} and {_ARRAYS}; `skiploop route train` makes one")
    about = unsealed(place / _JSON, read_json(place / _JSON))
    if (about.get("format"), about.get("version")) != (_FORMAT, _VERSION):
        raise InvalidInput(f"{place / _JSON} isn't a router of this version of skiploop")
    try:
        arrays = load_file(place / _ARRAYS)
        passes = tuple(ModelPass.from_json(each, about["num_layers"]) for each in about["passes"])
        rule = _decoded(about["rule"], arrays)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the router in {place} is damaged ({error}); train it again") from None
    if not isinstance(rule, RULES):
        raise InvalidInput(f"{place / _JSON} holds no rule, but a {type(rule).__name__}; train it again")
    return Router(about["chooser"], cast(Rule, rule), passes, about["fingerprint"], about["model"], about["task"])


def _encoded(value: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[name] = np.ascontiguousarray(value)
        return {"array": name}
    if is_dataclass(value):
        members = {
            each.name: _encoded(getattr(value, each.name), f"{name}.{each.name}", arrays) for each in fields(value)
        }
        return {"part": type(value).__name__, "fields": members}
    if isinstance(value, tuple):
        return {"tuple": [int(each) for each in value]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _decoded(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(int(each) for each in value["tuple"])
    if "number" in value:
        return float(value["number"])
    if value.get("part") not in _PARTS:
        raise InvalidInput(f"{value.get('part')!r} isn't a part of a router; there are {', '.join(_PARTS)}")
    return _PARTS[value["part"]](**{name: _decoded(each, arrays) for name, each in value["fields"].items()})
