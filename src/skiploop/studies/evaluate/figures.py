"""What an evaluation has found: every metric with its interval, the chain against the identity, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.stats.measured import Measured, measured_mean, measured_share
from skiploop.storage.files import Line
from skiploop.storage.records import as_json
from skiploop.studies.paired import PairedDifference, paired


@dataclass(frozen=True, slots=True)
class MetricFigures:
    """One metric.

    Attributes:
        identity: the model as it is. A share has Wilson's interval; the mean of other numbers a bootstrap interval.
        chain: the same under the chain; None where there is none.
        difference: chain minus identity over the same inputs, with Newcombe's interval and McNemar's test; None for
            what isn't right or wrong.
    """

    identity: Measured
    chain: Measured | None
    difference: PairedDifference | None


@dataclass(frozen=True, slots=True)
class Spent:
    """What one chain took on all inputs.

    Attributes:
        layer_calls: one layer on one sequence.
        seconds: of the evaluation, loading the model left out.
    """

    layer_calls: float
    seconds: float


@dataclass(frozen=True, slots=True)
class EvaluateFigures:
    """The figures of `skiploop evaluate`.

    Attributes:
        model, task: their names.
        num_layers: of the model.
        notation: of the chain; None: the identity alone.
        depth: of the chain.
        inputs: evaluated.
        metrics: by name.
    """

    model: str
    task: str
    num_layers: int
    notation: str | None
    depth: int | None
    inputs: int
    metrics: dict[str, MetricFigures]

    def to_json(self) -> Line:
        """As in summary.json."""
        found: Line = as_json(self)
        return found


def evaluate_figures(run: dict[str, Any], lines: Sequence[Line]) -> EvaluateFigures:
    """All figures, from run.json and the lines of the journal."""
    layers, notation = run["model"]["num_layers"], run["settings"]["evaluate"]["chain"]
    identity = Chain.identity(layers).to_json()
    chain = None if notation is None else Chain.parse(notation, layers)
    return EvaluateFigures(
        model=run["model"]["name"],
        task=run["task"]["name"],
        num_layers=layers,
        notation=None if chain is None else str(chain),
        depth=None if chain is None else len(chain),
        inputs=sum(line["chain"] == identity for line in lines),
        metrics=metric_figures(lines, identity, None if chain is None else chain.to_json()),
    )


def metric_figures(
    lines: Sequence[Line], identity: Sequence[int | str], chain: Sequence[int | str] | None
) -> dict[str, MetricFigures]:
    """Of each metric, from the lines of the journal; an input without it isn't counted. Chains are as in JSON."""
    by_chain = {key: _by_input(lines, key) for key in (tuple(identity), tuple(chain or identity))}
    base, other = by_chain[tuple(identity)], None if chain is None else by_chain[tuple(chain)]
    names = dict.fromkeys(name for metrics in base.values() for name in metrics)
    return {name: _metric(name, base, other) for name in names}


def spent(lines: Sequence[Line], chain: Sequence[int | str]) -> Spent:
    """Layer calls and seconds of a chain, as in JSON, over all attempts, from the lines of spent.jsonl."""
    costs = [line for line in lines if line["chain"] == list(chain)]
    return Spent(sum(line["layer_calls"] for line in costs), sum(line["seconds"] for line in costs))


def _by_input(lines: Sequence[Line], chain: tuple[int | str, ...]) -> dict[str, dict[str, float]]:
    return {line["input"]: line["metrics"] for line in lines if tuple(line["chain"]) == chain}


def _metric(name: str, base: dict[str, dict[str, float]], other: dict[str, dict[str, float]] | None) -> MetricFigures:
    inputs = [each for each, metrics in base.items() if name in metrics]
    first = [base[each][name] for each in inputs]
    if other is None:
        return MetricFigures(_measured(first), None, None)
    second = [other[each][name] for each in inputs]
    difference = None
    if _is_share([*first, *second]):
        difference = paired([value == 1 for value in second], [value == 1 for value in first])
    return MetricFigures(_measured(first), _measured(second), difference)


def _measured(values: Sequence[float]) -> Measured:
    return measured_share(int(sum(values)), len(values)) if _is_share(values) else measured_mean(values)


def _is_share(values: Sequence[float]) -> bool:
    return all(value in (0, 1) for value in values)
