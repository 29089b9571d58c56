"""`menu`: few passes that cover many training inputs, and a classifier that picks one of them.

`imitate` is the same classifier in the way of PoLar and Dr.LLM: it learns which passes are valid, of all of them, and
stands here to measure its collapse to the identity beside `gain`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from skiploop.routing.chooser import RuleAnswers, answers_of
from skiploop.routing.choosers.gain import cautious_gain
from skiploop.routing.features import Directions, directions, input_features
from skiploop.routing.regression import PassModel, fit_classes
from skiploop.routing.runs import Runs, TableRuns
from skiploop.routing.table import Bools, Floats, Ints, Labelled

PENALTIES = (0.001, 0.01, 0.1, 1.0)
SIZES = (2, 3, 4, 6)
MARGINS = (0.0, 0.25, 0.5, 1.0, np.inf)
"""By how much the log-odds of another pass have to exceed the identity's; infinity never leaves it."""


def coverage_menu(right: Bools, size: int) -> list[int]:
    """The identity, and the passes that, one after another, are right where none before is, [N, K] -> at most `size`.

    Greedy coverage is within 1 - 1/e of the best menu (Nemhauser et al. 1978). Ends where nothing is added.
    """
    menu, covered = [0], right[:, 0].copy()
    while len(menu) < size:
        added = (right & ~covered[:, None]).sum(axis=0)
        if not added.max():
            break
        menu.append(int(added.argmax()))
        covered |= right[:, menu[-1]]
    return menu


@dataclass(frozen=True, slots=True, eq=False)
class Selector:
    """Picks one pass of a menu by what the input is like.

    Attributes:
        axes: of the hidden states.
        model: classes are the members of the menu.
        menu: passes by number, the identity first.
        margin: see `MARGINS`.
    """

    axes: Directions
    model: PassModel
    menu: tuple[int, ...]
    margin: float

    def choose(self, runs: Runs) -> RuleAnswers:
        """Half of the identity for the features, then one pass; the identity alone where it is never left."""
        if not np.isfinite(self.margin) or len(self.menu) == 1:
            return answers_of(runs, np.zeros(len(runs), dtype=np.int64))
        logs = self.model.log_probabilities(input_features(runs, self.axes))
        return answers_of(runs, _picked(logs, self.menu, self.margin))


def _picked(logs: Floats, menu: tuple[int, ...], margin: float) -> Ints:
    """The most likely pass of a menu where its log-odds to the identity are above a margin, else the identity, [N]."""
    best = logs.argmax(axis=1)
    lead = logs.max(axis=1) - logs[:, 0]
    return np.asarray(np.where(lead > margin, np.array(menu)[best], 0))


def menu(train: Labelled, validation: Labelled) -> Selector:
    """Size, penalty and margin are those with the best cautious gain on the validation inputs, see `gain`.

    An input says which members of the menu are right on it, in equal shares; an input on which all or none are right
    says nothing about which to pick, and is left out.
    """
    axes = directions(train.table.states)
    columns, right = input_features(TableRuns(train.table), axes), train.pass_right
    models = (
        (members, fit_classes(columns, _shares(right[:, list(members)], decisive=True), penalty))
        for members in dict.fromkeys(tuple(coverage_menu(right, size)) for size in SIZES)
        for penalty in PENALTIES
    )
    return best_selector(models, axes, validation)


def best_selector(
    models: Iterable[tuple[tuple[int, ...], PassModel]], axes: Directions, validation: Labelled
) -> Selector:
    """Menu, model of its passes and margin with the best cautious gain on the validation inputs, see `gain`."""
    unseen, held = input_features(TableRuns(validation.table), axes), validation.pass_right.astype(float)
    best: tuple[float, Selector] | None = None
    for members, model in models:
        logs = model.log_probabilities(unseen)
        for margin in reversed(MARGINS):
            chosen = _picked(logs, members, margin)
            worth = cautious_gain(held[np.arange(len(held)), chosen] - held[:, 0])
            if best is None or worth > best[0]:
                best = worth, Selector(axes, model, members, margin)
    assert best is not None
    return best[1]


def imitate(train: Labelled, validation: Labelled) -> Selector:
    """Cross-entropy over the valid passes of each training input; the penalty has the least loss on validation.

    No margin and no way back: what a router that imitates does. That of PoLar (arXiv 2606.06574) is a transformer and
    Dr.LLM's (2510.12773) a network for each layer; this is their target with a linear model on the same features.
    """
    axes = directions(train.table.states)
    columns, unseen = (input_features(TableRuns(part.table), axes) for part in (train, validation))
    every = tuple(range(len(train.table.passes)))
    shares, held = (_shares(part.pass_right, decisive=False) for part in (train, validation))
    models = [fit_classes(columns, shares, penalty) for penalty in PENALTIES]
    model = min(models, key=lambda each: -(held * each.log_probabilities(unseen)).sum())
    return Selector(axes, model, every, 0.0)


def _shares(right: Bools, *, decisive: bool) -> Floats:
    """Equal shares of the passes that are right, [N, K]; zeros where none is, or all are and that says nothing."""
    count = right.sum(axis=1, keepdims=True)
    kept = (count > 0) & ((count < right.shape[1]) | (not decisive))
    return np.where(kept, right / np.maximum(count, 1), 0.0)
