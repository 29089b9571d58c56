"""The chain of a finished study, and what the study has measured of it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.folders.full import FullStudy
from skiploop.folders.open import open_folder
from skiploop.stats.measured import Measured
from skiploop.storage.records import as_json
from skiploop.studies.evaluate.study import Evaluated
from skiploop.studies.static.study import StaticStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of a chain.

    Attributes:
        task: its name.
        metric: what a right answer is.
        accuracy: of the chain, on inputs that it wasn't chosen on (a static study), or on all (an evaluation).
        opponents: the same on the same inputs, by name: the identity, and chains found in other ways.
        held_out: whether the inputs are others than those that the chain was chosen on.
    """

    task: str
    metric: str
    accuracy: Measured
    opponents: Mapping[str, Measured]
    held_out: bool

    def to_json(self) -> dict[str, Any]:
        """As in chain_config.json."""
        line: dict[str, Any] = as_json(self)
        return line


@dataclass(frozen=True, slots=True)
class StudyChain:
    """A chain of a study.

    Attributes:
        model: the name of the model that it is for.
        chain: the chain.
        figures: what was measured of it.
    """

    model: str
    chain: Chain
    figures: Figures


def chain_of_run(folder: str | Path) -> StudyChain:
    """The chain of a study of static chains, of the static part of a full study, or of an evaluation of a chain.

    Raises:
        InvalidInput: the study isn't finished, has no one chain for all inputs, found none but the identity, or chose
            a cache policy that an export doesn't have.
    """
    study = open_folder(folder)
    if isinstance(study, FullStudy):
        study = open_folder(study.out / "static")
    if isinstance(study, StaticStudy):
        return _of_static(study)
    if isinstance(study, Evaluated):
        return _of_evaluation(study)
    raise InvalidInput(
        f"{folder} holds a study with a chain for each input, and a checkpoint has one chain; look for one with "
        "skiploop search --static, or give --chain"
    )


def _of_static(study: StaticStudy) -> StudyChain:
    figures = study.figures
    best = figures.chosen.get("search") or figures.chosen["random"]
    chain = Chain(best.chain, figures.num_layers)
    if chain.is_identity:
        raise InvalidInput(
            f"the study in {study.out} found no chain better than the model as it is: there is nothing to export; "
            "give --chain for another one"
        )
    _refuse_policy(best.policy, study.out)
    _refuse_policy(_policy_of(study.run), study.out)
    opponents = {name: each.test for name, each in figures.chosen.items() if each is not best}
    task, accuracy = figures.task, best.test
    measured = Figures(task=task, metric="accuracy", accuracy=accuracy, opponents=opponents, held_out=True)
    return StudyChain(figures.model, chain, measured)


def _of_evaluation(study: Evaluated) -> StudyChain:
    figures = study.figures
    name, metric = next(iter(figures.metrics.items()))
    if figures.notation is None or metric.chain is None:
        raise InvalidInput(f"the evaluation in {study.out} is of the model as it is; give --chain")
    _refuse_policy(_policy_of(study.run), study.out)
    measured = Figures(
        task=figures.task, metric=name, accuracy=metric.chain, opponents={"identity": metric.identity}, held_out=False
    )
    return StudyChain(figures.model, Chain.parse(figures.notation, figures.num_layers), measured)


def _policy_of(run: Mapping[str, Any]) -> str:
    """The cache policy of a study's requests."""
    return str(run["settings"]["engine"].get("cache_policy", "own"))


def _refuse_policy(policy: str, place: Path) -> None:
    if policy != "own":
        raise InvalidInput(
            f"the study in {place} has its chain under the cache policy {policy!r}, and an export runs loops with "
            "'own', so that what was measured wouldn't hold; give --chain for the chain without it"
        )
