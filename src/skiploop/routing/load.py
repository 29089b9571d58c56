"""A labelled table from the folder of collected passes. No torch.

Shapes: N inputs, K passes, O options or distinct answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skiploop.errors import InvalidInput
from skiploop.routing.passes import ModelPass
from skiploop.routing.table import NO_ANSWER, Bools, Floats, Ints, Labelled, Options, Table
from skiploop.routing.work import KIND
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.folder import read_inputs, read_run


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """What a folder holds.

    Attributes:
        run: its run.json.
        data: what the passes gave, and which answers are right.
        seconds_per_layer_call: of the machine that collected it; None where nothing was timed.
    """

    run: dict[str, Any]
    data: Labelled
    seconds_per_layer_call: float | None


def load(path: str | Path, *, partial: bool = False) -> Collected:
    """What was collected in a folder.

    Args:
        path: the folder.
        partial: take what is there, where some inputs are still to be run.

    Raises:
        InvalidInput: there is no such folder, or it isn't complete.
    """
    out = Path(path)
    run = read_run(out, KIND)
    inputs = {line["input"]: line for line in JsonlJournal(out / "journal.jsonl").lines()}
    ids = [line["id"] for line in read_inputs(out)]
    known = [inputs[name] for name in ids if name in inputs]
    if len(known) < len(ids) and not (partial and known):
        raise InvalidInput(f"{out} has {len(known)} of {len(ids)} inputs; give its command again to collect the rest")
    layers = run["model"]["num_layers"]
    passes = tuple(ModelPass.from_json(each, layers) for each in run["settings"]["passes"])
    options = "gold" in known[0]
    data = (_of_options if options else _of_texts)(known, passes, layers)
    costs = JsonlJournal(out / "spent.jsonl").lines()
    calls = sum(line["layer_calls"] for line in costs)
    return Collected(run, data, sum(line["seconds"] for line in costs) / calls if calls else None)


def _of_options(lines: Sequence[Line], passes: tuple[ModelPass, ...], layers: int) -> Labelled:
    most = max(len(line["tokens"]) for line in lines)
    scores = np.full((len(lines), len(passes), most), np.nan)
    for row, line in enumerate(lines):
        for index, output in enumerate(line["outputs"]):
            given = np.array([np.nan if score is None else score for score in output["scores"]], dtype=float)
            scores[row, index, : len(given)] = given
    tokens = _padded(lines, "tokens", most)
    total = np.nansum(tokens, axis=1)
    prompts = _column(lines, "prompt_tokens")
    options = Options(
        tokens,
        _padded(lines, "characters", most),
        _padded(lines, "bytes", most),
        _padded(lines, "prior", most),
        layers * total / (prompts + total),
    )
    answers, shares = picked(scores, tokens)
    right = np.zeros((len(lines), most), dtype=bool)
    right[np.arange(len(lines)), [line["gold"] for line in lines]] = True
    table = Table(_ids(lines), passes, answers, shares, scores, options, _states(lines), prompts, layers)
    return Labelled(table, right)


def picked(scores: Floats, tokens: Floats) -> tuple[Ints, Floats]:
    """The option with the highest log-likelihood of each pass, and its mean log-probability by token, [N, K] each.

    `NO_ANSWER` where a score isn't a number although there is such an option: the chain broke the model.
    """
    broken = (np.isnan(scores) & np.isfinite(tokens)[:, None, :]).any(axis=2)
    best = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=2)
    top = np.take_along_axis(scores / tokens[:, None, :], best[..., None], axis=2)[..., 0]
    return np.where(broken, NO_ANSWER, best), np.where(broken, np.nan, top)


def _of_texts(lines: Sequence[Line], passes: tuple[ModelPass, ...], layers: int) -> Labelled:
    """Distinct answers are numbered as they come, pass by pass, so that numbers say nothing of which is right."""
    numbers: list[dict[str, int]] = []
    answers = np.full((len(lines), len(passes)), NO_ANSWER, dtype=np.int64)
    logprobs = np.full((len(lines), len(passes)), np.nan)
    right: Bools = np.zeros((len(lines), len(passes)), dtype=bool)
    for row, line in enumerate(lines):
        known: dict[str, int] = {}
        for index, output in enumerate(line["outputs"]):
            if output["answer"] is not None:
                answers[row, index] = known.setdefault(output["answer"], len(known))
                right[row, answers[row, index]] |= output["right"]
            if output["logprob"] is not None:
                logprobs[row, index] = output["logprob"]
        numbers.append(known)
    prompts = _column(lines, "prompt_tokens")
    table = Table(_ids(lines), passes, answers, logprobs, None, None, _states(lines), prompts, layers)
    return Labelled(table, right)


def _padded(lines: Sequence[Line], name: str, most: int) -> Floats:
    filled = np.full((len(lines), most), np.nan)
    for row, line in enumerate(lines):
        filled[row, : len(line[name])] = line[name]
    return filled


def _column(lines: Sequence[Line], name: str) -> Floats:
    return np.array([line[name] for line in lines], dtype=float)


def _ids(lines: Sequence[Line]) -> tuple[str, ...]:
    return tuple(line["input"] for line in lines)


def _states(lines: Sequence[Line]) -> Floats:
    return np.array([line["state"] for line in lines], dtype=float)
