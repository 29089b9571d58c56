"""What came of each input of a run, by figure: what two runs are compared by. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluate.study import Evaluated
from skiploop.studies.folder import read_inputs
from skiploop.studies.search import Study
from skiploop.studies.static.study import StaticStudy, rewards_on_test

Run = Study | StaticStudy | Evaluated
Outcomes = Mapping[str, Mapping[str, float]]
"""By figure and input: 1 for right, 0 for wrong, or any number that a task of lm-evaluation-harness gives."""


def outcomes(run: Run) -> Outcomes:
    """The outcomes of a run, of one of static chains on its test inputs."""
    if isinstance(run, Study):
        return {
            "accuracy of the model as it is": {each.example["id"]: float(each.base_right) for each in run.inputs},
            "oracle accuracy": {each.example["id"]: float(each.search.right) for each in run.inputs},
        }
    if isinstance(run, StaticStudy):
        rewards = rewards_on_test(run.out)
        names = {"identity": "test accuracy, identity", "search": "test accuracy, chosen by search"}
        return {name: _verdicts(rewards[key]) for key, name in names.items()}
    return _of_evaluated(run)


def questions(run: Run) -> dict[str, tuple[str, str]]:
    """What each of these inputs asks, and its gold answer; an evaluation keeps neither of them, see its task."""
    if isinstance(run, Evaluated):
        return dict.fromkeys(next(iter(outcomes(run).values())), ("", ""))
    lines = [each.example for each in run.inputs] if isinstance(run, Study) else _tested(run)
    return {line["id"]: (line["prompt"], line["answer"]) for line in lines}


def _tested(run: StaticStudy) -> list[Line]:
    return [line for line in read_inputs(run.out) if line["split"] == "test"]


def _verdicts(rewards: Mapping[str, float]) -> dict[str, float]:
    return {name: float(reward >= 1) for name, reward in rewards.items()}


def _of_evaluated(run: Evaluated) -> Outcomes:
    """Of the identity, and of the chain where there is one, by every metric."""
    identity = list(range(run.figures.num_layers))
    found: dict[str, dict[str, float]] = {}
    for line in JsonlJournal(run.out / "journal.jsonl").lines():
        who = "identity" if line["chain"] == identity else "chain"
        for name, value in line.get("metrics", {}).items():
            found.setdefault(f"{name}, {who}", {})[line["input"]] = value
    return found
