"""A Gaussian process that grows by a row at a time, with the posterior of many columns kept up to date.

Rows are chains that were evaluated or are being so, columns the candidates. With K = R R' (Cholesky) the covariance of
the rows, and H = R^-1 K(rows, columns), the posterior at the columns is

    mean = H' z   with R z = targets,        variance = 1 - (sum of squares of each column of H),

and a further row appends one to R, to R^-1, to z and to H: a refit costs n^2 m, a further row n m (Rasmussen and
Williams, 2006, algorithm 2.1 and appendix A.3). A row whose target isn't known yet is believed to come out as expected
("kriging believer", Ginsbourger et al. 2010): that is z = 0 there, whatever the targets of the others are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOISE = 1e-3
"""Variance of a target by itself, relative to the targets' own: for what is right or wrong, which repeats exactly."""


def kernel(distances: Floats, scale: float) -> Floats:
    """The covariance at these distances: exp(-distance / scale)."""
    found: Floats = np.exp(-distances / scale)
    return found


def log_likelihood(covariance: Floats, targets: Floats, noise: float = NOISE) -> float:
    """Of standardised targets with this covariance, [n, n], before the noise; up to a constant."""
    lower = _root(covariance, noise)
    z = np.linalg.solve(lower, targets)
    return -0.5 * float(z @ z) - float(np.log(np.diag(lower)).sum())


class Posterior:
    """The process, given its rows.

    Args:
        rows: distances of the first rows from each other, [n, n].
        across: their distances from the columns, [n, m].
        scale: of the kernel.
        room: rows that are appended later, at most.
        noise: variance of a target by itself.
    """

    def __init__(self, rows: Floats, across: Floats, scale: float, room: int, noise: float = NOISE) -> None:
        count, columns = across.shape
        self.scale, self.noise = scale, noise
        self.count = count
        self._lower = np.zeros((count + room, count + room))  # R
        self._inverse = np.zeros((count + room, count + room))  # of R; numpy has no triangular solver
        self._half = np.zeros((count + room, columns))  # H
        lower = self._lower[:count, :count] = _root(kernel(rows, scale), noise)
        self._inverse[:count, :count] = np.tril(np.linalg.inv(lower))
        self._half[:count] = np.linalg.solve(lower, kernel(across, scale))
        self._explained = (self._half[:count] ** 2).sum(axis=0)

    @property
    def full(self) -> bool:
        """Whether there is no room for another row."""
        return bool(self.count == len(self._lower))

    def add(self, row: Floats, across: Floats) -> None:
        """Appends a row, given its distances from the rows, [n], and from the columns, [m]."""
        n = self.count
        root = self._inverse[:n, :n] @ kernel(row, self.scale)
        rest = math.sqrt(max(1.0 + self.noise - float(root @ root), self.noise))
        self._lower[n, :n], self._lower[n, n] = root, rest
        self._inverse[n, :n], self._inverse[n, n] = -(root @ self._inverse[:n, :n]) / rest, 1 / rest
        self._half[n] = (kernel(across, self.scale) - root @ self._half[:n]) / rest
        self._explained += self._half[n] ** 2
        self.count += 1

    def mean(self, targets: Floats) -> Floats:
        """At the columns, [m]; NaN among the targets, [n], stands for one that isn't known yet."""
        unknown = np.isnan(targets)
        known = int(unknown.argmax()) if unknown.any() else self.count  # how many are before the first unknown one
        z = np.zeros(self.count)
        z[:known] = self._inverse[:known, :known] @ targets[:known]
        for n, target in enumerate(targets[known:].tolist(), known):
            if target == target:
                z[n] = (target - self._lower[n, :n] @ z[:n]) / self._lower[n, n]
        found: Floats = z @ self._half[: self.count]
        return found

    def deviation(self) -> Floats:
        """At the columns, [m]."""
        found: Floats = np.sqrt(np.clip(1.0 - self._explained, 1e-9, None))
        return found


def expected_improvement(mean: Floats, deviation: Floats, goal: float | Floats) -> Floats:
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


def _root(covariance: Floats, noise: float) -> Floats:
    """The lower triangle whose square the noisy covariance is."""
    found: Floats = np.linalg.cholesky(covariance + noise * np.eye(len(covariance))).astype(np.float64)
    return found
