"""The regressions that choosers use: between options, between classes (shares or preferences), and of a gain with its
uncertainty.

All are small, convex and deterministic. Columns are standardised on the training inputs.

Shapes: N inputs, O options, F features, K classes or targets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skiploop.routing.table import Bools, Floats

_STEPS = 200
_FLOOR = -1e9  # score of what isn't an option


@dataclass(frozen=True, slots=True, eq=False)
class OptionModel:
    """Conditional logit (McFadden 1974): P(option) is the soft-max of a linear score of the option's features.

    Attributes:
        weights: of the features, [F]; there is no constant, since it would be the same for all options.
    """

    weights: Floats

    def scores(self, features: Floats) -> Floats:
        """Of options, [N, O, F] -> [N, O]; minus infinity beyond an input's options (features NaN)."""
        total = np.nan_to_num(features) @ self.weights
        return np.where(np.isnan(features).any(axis=2), -np.inf, total)


def fit_options(features: Floats, right: Bools, penalty: float, start: Floats | None = None) -> OptionModel:
    """The weights with the highest likelihood of the right option, less `penalty` / 2 x their squared length x N.

    Args:
        features: [N, O, F], NaN beyond an input's options.
        right: the right option, [N, O]; an input without one says nothing.
        penalty: of the squared weights of standardised features, for each input.
        start: weights to begin from, [F].
    """
    from scipy.optimize import minimize

    known = np.asarray(right.any(axis=1) & np.isfinite(np.where(right[..., None], features, 0)).all(axis=(1, 2)))
    features, right = features[known], right[known]
    absent: Bools = np.asarray(np.isnan(features).any(axis=2))
    centred = np.nan_to_num(features - np.nanmean(np.where(absent[..., None], np.nan, features), axis=1, keepdims=True))
    spread = np.sqrt((centred**2).sum(axis=(0, 1)) / max(1, (~absent).sum()))
    spread = np.where(spread > 1e-12, spread, 1.0)
    columns, target = centred / spread, right / right.sum(axis=1, keepdims=True)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = np.where(absent, _FLOOR, columns @ weights)
        scores = scores - scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        error = np.exp(logs) - target
        value = -(np.where(absent, 0, logs) * target).sum() / len(target) + penalty / 2 * (weights**2).sum()
        return float(value), np.einsum("no,nof->f", error, columns) / len(target) + penalty * weights

    begin = np.zeros(features.shape[2]) if start is None else start * spread
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return OptionModel(found.x / spread)


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """Features brought to mean 0 and deviation 1 on the training inputs.

    Attributes:
        mean: of each, [F].
        spread: of each, [F].
    """

    mean: Floats
    spread: Floats

    def __call__(self, features: Floats) -> Floats:
        """Standardised, with a column of ones, [N, F] -> [N, F + 1]."""
        scaled = (np.nan_to_num(features, nan=0.0) - self.mean) / self.spread
        return np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)


def standard(features: Floats) -> Standard:
    """That of some inputs, [N, F]."""
    clean = np.nan_to_num(features, nan=0.0)
    spread = clean.std(axis=0)
    return Standard(clean.mean(axis=0), np.where(spread > 1e-12, spread, 1.0))


class PassModel(Protocol):
    """A fitted classifier of passes."""

    def log_probabilities(self, features: Floats) -> Floats:
        """Of the passes, [N, F] -> [N, K]."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassModel:
    """Multinomial logistic regression.

    Attributes:
        standard: of the features.
        weights: of each class, [F + 1, K].
    """

    standard: Standard
    weights: Floats

    def log_probabilities(self, features: Floats) -> Floats:
        """Of the classes, [N, F] -> [N, K]."""
        scores = self.standard(features) @ self.weights
        scores = scores - scores.max(axis=1, keepdims=True)
        return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))


def fit_classes(features: Floats, targets: Floats, penalty: float) -> ClassModel:
    """Weights with the highest likelihood of soft targets, less `penalty` / 2 x their squared length x N.

    Args:
        features: [N, F].
        targets: share of each class, [N, K]; a row of zeros says nothing.
        penalty: of the squared weights, the constant's left out.
    """
    scale = standard(features)
    kept = targets.sum(axis=1) > 0
    wanted = targets[kept]

    def loss(scores: Floats) -> tuple[float, Floats]:
        scores = scores - scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return -(logs * wanted).sum(), np.exp(logs) * wanted.sum(axis=1, keepdims=True) - wanted

    return ClassModel(scale, _fitted(scale(features)[kept], targets.shape[1], penalty, loss))


def fit_preferences(features: Floats, right: Bools, penalty: float, *, beta: float, noise: float) -> ClassModel:
    """Scores whose differences, times `beta`, are the log-odds that one class is to be preferred to another.

    Conservative direct preference optimisation with a uniform reference, see `skiploop.routing.choosers.preference`.

    Args:
        features: [N, F].
        right: whether each class is right, [N, K]; each right one is to be preferred to each wrong one of the same
            input. An input on which all are right, or none, says nothing.
        penalty: of the squared weights, the constant's left out.
        beta: in front of the scores.
        noise: share of the preferences that are taken to be wrong.

    Returns:
        The model with `beta` in its weights: its log-odds are those of the preferences.
    """
    scale = standard(features)
    kept = right.any(axis=1) & ~right.all(axis=1)
    won = right[kept]
    pairs = won[:, :, None] & ~won[:, None, :]  # [N, winner, loser]
    weigh = pairs / np.maximum(pairs.sum(axis=(1, 2), keepdims=True), 1)  # each input counts once

    def loss(scores: Floats) -> tuple[float, Floats]:
        z = beta * (scores[:, :, None] - scores[:, None, :])
        value = weigh * ((1 - noise) * np.logaddexp(0, -z) + noise * np.logaddexp(0, z))
        slope = weigh * (1 / (1 + np.exp(-z)) - (1 - noise)) * beta  # of z
        return value.sum(), slope.sum(axis=2) - slope.sum(axis=1)

    return ClassModel(scale, beta * _fitted(scale(features)[kept], right.shape[1], penalty, loss))


def _fitted(columns: Floats, classes: int, penalty: float, loss: Callable[[Floats], tuple[float, Floats]]) -> Floats:
    """The weights of linear scores with the least mean loss, [F + 1, K].

    Args:
        columns: standardised, the constant last, [N, F + 1].
        classes: K.
        penalty: of the squared weights, the constant's left out.
        loss: of scores [N, K], summed over inputs, and its slope by score, [N, K].
    """
    from scipy.optimize import minimize

    shape, count = (columns.shape[1], classes), max(1, len(columns))
    free = np.ones(shape)
    free[-1] = 0

    def penalised(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        value, slope = loss(columns @ weights)
        gradient = columns.T @ slope / count + penalty * free * weights
        return float(value / count + penalty / 2 * (free * weights**2).sum()), gradient.ravel()

    found = minimize(penalised, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return np.asarray(found.x.reshape(shape))


@dataclass(frozen=True, slots=True, eq=False)
class GainModel:
    """Bayesian ridge regression with one posterior for several targets (Bishop 2006, section 3.3).

    Attributes:
        standard: of the features.
        weights: posterior mean of each target's weights, [F + 1, K].
        covariance: of the weights, but for the noise, [F + 1, F + 1].
        noise: standard deviation of each target around its prediction, [K].
    """

    standard: Standard
    weights: Floats
    covariance: Floats
    noise: Floats

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Expected targets and the standard deviation of the expectation, [N, F] -> [N, K] each."""
        columns = self.standard(features)
        spread = np.sqrt(np.einsum("nf,fg,ng->n", columns, self.covariance, columns))
        return columns @ self.weights, spread[:, None] * self.noise


def fit_gain(features: Floats, targets: Floats, penalty: float) -> GainModel:
    """The posterior of the weights under a normal prior of precision `penalty` x N / noise^2 (none on the constant).

    Args:
        features: [N, F].
        targets: [N, K].
        penalty: of the squared weights, for each input.
    """
    scale = standard(features)
    columns = scale(features)
    ridge = np.full(columns.shape[1], penalty * len(columns))
    ridge[-1] = 1e-6
    covariance: Floats = np.asarray(np.linalg.inv(columns.T @ columns + np.diag(ridge)), dtype=np.float64)
    weights: Floats = covariance @ columns.T @ targets
    freedom = max(1.0, len(columns) - float(np.trace(columns @ covariance @ columns.T)))
    noise: Floats = np.sqrt(((targets - columns @ weights) ** 2).sum(axis=0) / freedom)
    return GainModel(scale, weights, covariance, noise)
