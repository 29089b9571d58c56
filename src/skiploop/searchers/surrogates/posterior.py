"""A Gaussian process that grows by a row at a time, with the posterior of many columns kept up to date.

Rows are chains that were evaluated or are being so, columns the candidates. With K = R R' (Cholesky) the covariance of
the rows, and H = R^-1 K(rows, columns), the posterior at the columns is

    mean = H' z   with R z = targets,        variance = 1 - (sum of squares of each column of H),

and a further row appends one to R, to z and to H: a refit costs n^2 m, a further row n m (Rasmussen and
Williams, 2006, algorithm 2.1 and appendix A.3). A row whose target isn't known yet is believed to come out as expected
("kriging believer", Ginsbourger et al. 2010): that is z = 0 there, whatever the targets of the others are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NOISE = 1e-3  # variance, relative to the targets' own


def kernel(distances: Floats, scale: float) -> Floats:
    """The covariance at these distances: exp(-distance / scale)."""
    found: Floats = np.exp(-distances / scale)
    return found


def log_likelihood(distances: Floats, scale: float, targets: Floats) -> float:
    """Of standardised targets, up to a constant."""
    lower = _root(kernel(distances, scale))
    z = np.linalg.solve(lower, targets)
    return -0.5 * float(z @ z) - float(np.log(np.diag(lower)).sum())


class Posterior:
    """The process, given its rows.

    Args:
        rows: distances of the first rows from each other, [n, n].
        across: their distances from the columns, [n, m].
        scale: of the kernel.
        room: rows that are appended later, at most.
    """

    def __init__(self, rows: Floats, across: Floats, scale: float, room: int) -> None:
        count, columns = across.shape
        self.scale = scale
        self.count = count
        self._lower = np.zeros((count + room, count + room))  # R
        self._half = np.zeros((count + room, columns))  # H
        self._lower[:count, :count] = _root(kernel(rows, scale))
        self._half[:count] = np.linalg.solve(self._lower[:count, :count], kernel(across, scale))
        self._explained = (self._half[:count] ** 2).sum(axis=0)

    @property
    def full(self) -> bool:
        """Whether there is no room for another row."""
        return bool(self.count == len(self._lower))

    def add(self, row: Floats, across: Floats) -> None:
        """Appends a row, given its distances from the rows, [n], and from the columns, [m]."""
        n = self.count
        root = _forward(self._lower[:n, :n], kernel(row, self.scale))
        rest = math.sqrt(max(1.0 + _NOISE - float(root @ root), _NOISE))
        self._lower[n, :n], self._lower[n, n] = root, rest
        self._half[n] = (kernel(across, self.scale) - root @ self._half[:n]) / rest
        self._explained += self._half[n] ** 2
        self.count += 1

    def mean(self, targets: Floats) -> Floats:
        """At the columns, [m]; NaN among the targets, [n], stands for one that isn't known yet."""
        z = np.zeros(self.count)
        for n, target in enumerate(targets.tolist()):
            if target == target:
                z[n] = (target - self._lower[n, :n] @ z[:n]) / self._lower[n, n]
        found: Floats = z @ self._half[: self.count]
        return found

    def deviation(self) -> Floats:
        """At the columns, [m]."""
        found: Floats = np.sqrt(np.clip(1.0 - self._explained, 1e-9, None))
        return found


def expected_improvement(mean: Floats, deviation: Floats, goal: float) -> Floats:
    """By how much a normal variable exceeds the goal, on average (Jones, Schonlau and Welch 1998)."""
    z = (mean - goal) / deviation
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    found: Floats = (mean - goal) * normal_cdf(z) + deviation * density
    return found


def normal_cdf(z: Floats) -> Floats:
    """The standard normal distribution, to 7 digits (Abramowitz and Stegun, 26.2.17)."""
    t = 1 / (1 + 0.2316419 * np.abs(z))
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi) * series
    found: Floats = np.where(z >= 0, 1 - upper, upper)
    return found


def _root(covariance: Floats) -> Floats:
    """The lower triangle whose square the noisy covariance is."""
    found: Floats = np.linalg.cholesky(covariance + _NOISE * np.eye(len(covariance))).astype(np.float64)
    return found


def _forward(lower: Floats, target: Floats) -> Floats:
    """Solves lower @ x = target; numpy has no triangular solver, and its general one costs n^3."""
    found = np.zeros(len(target))
    for n, value in enumerate(target.tolist()):
        found[n] = (value - lower[n, :n] @ found[:n]) / lower[n, n]
    return found
