"""Training, validation and test inputs, by question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skiploop.errors import InvalidInput
from skiploop.routing.table import Labelled

LEAST = 8
"""Inputs of each part."""


@dataclass(frozen=True, slots=True, eq=False)
class RouteSplit:
    """Parts of labelled inputs; no input is in two of them."""

    train: Labelled
    validation: Labelled
    test: Labelled


def split(data: Labelled, *, train: float = 0.5, validation: float = 0.2, seed: int = 0) -> RouteSplit:
    """Splits inputs at random; each is one question (repeated ones are dropped where a table is collected).

    Args:
        data: all inputs.
        train: share of the inputs that rules are fitted on.
        validation: share on which everything else is decided; the rest is the test.
        seed: of the split.

    Raises:
        InvalidInput: a part would have fewer than 8 inputs.
    """
    total = len(data)
    first, second = round(train * total), round((train + validation) * total)
    if min(first, second - first, total - second) < LEAST:
        raise InvalidInput(
            f"{total} inputs split {train:g} / {validation:g} / {1 - train - validation:g} leave a part with fewer "
            f"than {LEAST}; collect more inputs, or change the shares"
        )
    order = np.random.default_rng(seed).permutation(total)
    parts = (np.sort(order[:first]), np.sort(order[first:second]), np.sort(order[second:]))
    return RouteSplit(*(data.rows(part) for part in parts))


def folds_of(data: Labelled, folds: int, seed: int) -> list[RouteSplit]:
    """Splits whose tests share no input and together are all inputs; a quarter of the rest is validation.

    Args:
        data: all inputs.
        folds: how many; 1: one `split`, whose test isn't all of them.
        seed: of the order.

    Raises:
        InvalidInput: a part would have fewer than 8 inputs.
    """
    if folds < 1:
        raise InvalidInput(f"folds is {folds}; it must be at least 1")
    if folds == 1:
        return [split(data, seed=seed)]
    total = len(data)
    if total // folds < LEAST or (total - total // folds) // 4 < LEAST:
        raise InvalidInput(
            f"{total} inputs in {folds} folds leave a part with fewer than {LEAST}; collect more, or use fewer --folds"
        )
    order = np.random.default_rng(seed).permutation(total)
    parts = np.array_split(order, folds)
    found = []
    for at, test in enumerate(parts):
        rest = np.concatenate([part for other, part in enumerate(parts) if other != at])
        held = len(rest) // 4
        rows = (np.sort(rest[held:]), np.sort(rest[:held]), np.sort(test))
        found.append(RouteSplit(*(data.rows(each) for each in rows)))
    return found


def split_elsewhere(data: Labelled, other: Labelled, seed: int) -> RouteSplit:
    """Training and validation inputs of one task, three to one, and all inputs of another as the test.

    Args:
        data: inputs to fit and to decide on.
        other: test inputs.
        seed: of the order.

    Raises:
        InvalidInput: other passes or another depth, an input that is in both, or a part with fewer than 8 inputs.
    """
    first, second = ([str(each) for each in each.table.passes] for each in (data, other))
    if first != second or data.table.num_layers != other.table.num_layers:
        raise InvalidInput(
            f"the other task was run with other passes ({', '.join(second)} instead of {', '.join(first)}); collect "
            "it with the same --menu, --prompts, --samples and --seed"
        )
    if both := set(data.table.ids) & set(other.table.ids):
        raise InvalidInput(f"{len(both)} inputs are in both, such as {min(both)!r}; what is fitted on can't be a test")
    held = len(data) // 4
    if min(held, len(other)) < LEAST:
        raise InvalidInput(
            f"{len(data)} inputs to fit and decide on and {len(other)} to test on leave a part with fewer than {LEAST}"
        )
    order = np.random.default_rng(seed).permutation(len(data))
    return RouteSplit(data.rows(np.sort(order[held:])), data.rows(np.sort(order[:held])), other)
