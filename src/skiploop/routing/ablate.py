"""Which of its inputs a router needs: the same choosers where one of them says nothing any more.

    found = ablate(collected.data, choosers=("gain",))
    found.rules["gain"].without["state"].loss.difference

What is taken away is permuted, between the inputs or between the chains, in training, validation and test alike; so
nothing is left to learn from it, and everything else, costs included, stays as it was. A router that loses nothing
didn't use it; one that never leaves the identity has nothing to lose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from skiploop.routing.evaluate import compared, evaluate
from skiploop.routing.figures import RemovedInput, RouteAblation, RouteFigures, RuleAblation
from skiploop.routing.table import Bools, Labelled

LOOKING = ("gain", "menu", "preference", "topk", "imitate")
"""Choosers that look at an input before they choose."""
SEED = 7
"""Of the permutations."""

Blind = Callable[[Labelled, np.random.Generator], Labelled]


def ablate(data: Labelled, *, choosers: Sequence[str] = LOOKING, folds: int = 5, seed: int = 0) -> RouteAblation:
    """Fits and tests choosers with all they look at, and without each part of it.

    Args:
        data: all inputs, with the identity and a menu; further passes aren't used.
        choosers: names in `CHOOSERS`.
        folds: each input is a test input once; 1: one split.
        seed: of the splits.

    Raises:
        InvalidInput: as for `evaluate`.
    """
    own = [index for index, each in enumerate(data.table.passes) if each.role in ("identity", "menu")]
    kept = data.of_passes(own)

    def tested(part: Labelled) -> RouteFigures:
        return evaluate(part, choosers=choosers, folds=folds, seed=seed, permuted=False)

    whole = tested(kept)
    removed = {name: tested(blind(kept, np.random.default_rng(SEED))) for name, blind in BLINDED.items()}
    return RouteAblation(
        inputs=whole.inputs,
        folds=folds,
        seed=seed,
        rules={name: _of_rule(name, whole, removed) for name in choosers if name in whole.rules},
        left_out={name: why for name, why in whole.left_out.items() if name in choosers},
    )


def _of_rule(name: str, whole: RouteFigures, removed: dict[str, RouteFigures]) -> RuleAblation:
    own, right = whole.rules[name], _hits(name, whole)
    without = {}
    for what, figures in removed.items():
        rule, loss = figures.rules[name], compared(right, _hits(name, figures))
        without[what] = RemovedInput(rule.accuracy, rule.left_identity, loss)
    return RuleAblation(own.accuracy, own.left_identity, own.against["identity"], without)


def _hits(name: str, figures: RouteFigures) -> Bools:
    """Whether a rule answers each test input right; all evaluations of one split have them in one order."""
    return np.array([line.answers[name] in line.right for line in figures.votes])


def without_text(data: Labelled, draw: np.random.Generator) -> Labelled:
    """Lengths of prompts, which are all that a router knows of a text beside its state, are those of other inputs."""
    table = data.table
    return replace(data, table=replace(table, prompt_tokens=draw.permutation(table.prompt_tokens)))


def without_state(data: Labelled, draw: np.random.Generator) -> Labelled:
    """Hidden states are those of other inputs."""
    return replace(data, table=replace(data.table, states=draw.permutation(data.table.states, axis=0)))


def without_chain(data: Labelled, draw: np.random.Generator) -> Labelled:
    """Which chain gave an output isn't known: they are permuted within each input, the identity apart."""
    table = data.table
    order = np.tile(np.arange(len(table.passes)), (len(table), 1))
    order[:, 1:] = draw.permuted(order[:, 1:], axis=1)
    scores = table.scores
    return replace(
        data,
        table=replace(
            table,
            answers=np.take_along_axis(table.answers, order, axis=1),
            logprobs=np.take_along_axis(table.logprobs, order, axis=1),
            scores=None if scores is None else np.take_along_axis(scores, order[..., None], axis=1),
        ),
    )


def without_everything(data: Labelled, draw: np.random.Generator) -> Labelled:
    """All three."""
    return without_chain(without_state(without_text(data, draw), draw), draw)


BLINDED: dict[str, Blind] = {
    "text": without_text,
    "state": without_state,
    "chain": without_chain,
    "everything": without_everything,
}
"""What is taken away, by name."""
