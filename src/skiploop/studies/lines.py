"""Lines of a study's journals as they are read: of the form in which they were written, or refused. No torch.

What a line says can't be checked while a study is under way: another chain is noticed when the study is resumed, as
its searchers ask for something else; another reward, answer or text isn't. When a study is complete its journals have
checksums, see `skiploop.studies.folder`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from skiploop.chains.notation import LONGEST
from skiploop.chains.weights import is_whole, layers_from_json
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.arms import ARMS


def read_evaluations(out: Path, run: Mapping[str, Any], inputs: Sequence[Line]) -> list[Line]:
    """The lines of journal.jsonl; InvalidInput where one couldn't have been written."""
    arms = ("identity", *ARMS)
    return _checked(out / "journal.jsonl", run, inputs, lambda line: line.get("arm") in arms)


def read_reruns(out: Path, run: Mapping[str, Any], inputs: Sequence[Line]) -> list[Line]:
    """The lines of verified.jsonl; InvalidInput where one couldn't have been written."""
    return _checked(out / "verified.jsonl", run, inputs, lambda line: line.get("target") in ("gold", "wrong"))


def read_metrics(out: Path, inputs: Sequence[Line]) -> dict[str, dict[str, float]]:
    """By which metrics the identity is right (1) or wrong (0), by input, from metrics.jsonl.

    An input that was evaluated in an attempt that was killed, and again, has several lines; the last one counts.
    """
    known, place = {example["id"] for example in inputs}, out / "metrics.jsonl"
    found: dict[str, dict[str, float]] = {}
    for line in JsonlJournal(place).lines():
        name, metrics = line.get("input"), line.get("metrics")
        if name not in known or not isinstance(metrics, dict) or not all(each in (0, 1) for each in metrics.values()):
            raise InvalidInput(f"{place}: a line of the input {name!r} isn't this study's: it was edited")
        found[str(name)] = metrics
    return found


def problem(line: Line, num_layers: int) -> str | None:
    """What is wrong with what a line says was found; None: nothing."""
    if not _is_chain(line.get("chain"), num_layers):
        return f"its chain isn't one of layers from 0 to {num_layers - 1}"
    if not all(isinstance(each, float) and 0 <= each <= 1 for each in (line.get("reward"), line.get("other", 0.0))):
        return "its reward isn't a number from 0 to 1"
    if not all(isinstance(line.get(name), str | None) for name in ("answer", "text")):
        return "its answer isn't a text"
    return None


def _is_chain(value: object, num_layers: int) -> bool:
    if not isinstance(value, list) or not 0 < len(value) <= LONGEST:
        return False
    if not all(type(entry) in (int, str) for entry in value):
        return False
    try:
        layers = layers_from_json(value)
    except InvalidInput:
        return False
    return all(0 <= int(layer) < num_layers for layer in layers) and is_whole(layers)


def _checked(path: Path, run: Mapping[str, Any], inputs: Sequence[Line], known: Callable[[Line], bool]) -> list[Line]:
    ids = {line["id"] for line in inputs}
    lines = JsonlJournal(path).lines()
    for line in lines:
        name = line.get("input")
        found = problem(line, run["model"]["num_layers"])
        if not isinstance(name, str) or name not in ids:
            found = "its input isn't one of the study's"
        elif not known(line):
            found = "it belongs to nothing that the study does"
        if found is not None:
            raise InvalidInput(f"{path}: a line is damaged ({str(line)[:80]}): {found}. Choose another --out")
    return lines
