"""Robustness of a chain: the mean reward of its neighbours (flatness, as sharpness in SAM, arXiv 2106.01548).

A neighbour is one edit away: any legal edit of the space, or one of the chain's own edits undone. The identity isn't
counted as one: for a corrected input it is wrong by definition. On each input that has them, the neighbours of these
chains are evaluated:

    best      the best chain that the search found. It is the shortest right one that was tried, so the shorter
              neighbours that the search tried are wrong by this choice: its figure is somewhat too low
    found     a right chain drawn from all that the search tried, whose neighbours had no part in the choice
    random    a right chain drawn from the random arm; as a rule much longer, so its depth is reported, too
    identity  the model as it is, right or wrong

`chance` is the share of right chains in the random arm on the same inputs: what neighbours would get if being near a
right chain didn't matter. But uniform random chains are long and far from the identity; for corrected inputs the
neighbours of the identity are the closer comparison (the found chain may be one of them, which favours the identity).
Inputs on which random chains are right are the easy ones; only `differences` compare the same inputs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from skiploop.analysis.figures.robustness import (
    InputNeighbours,
    NeighbourDifferences,
    NeighbourGroup,
    RobustnessFigures,
)
from skiploop.analysis.settings import RobustnessSettings
from skiploop.analysis.subject import Subject
from skiploop.analysis.subsets import with_edits
from skiploop.chains.chain import Chain
from skiploop.spaces.space import Space
from skiploop.stats.measured import Measured, measured_mean
from skiploop.studies.arms import seed_for
from skiploop.studies.results import InputResult

VERSION = 1
_IDENTITY_RIGHT = ("right_shorter", "identity_best")  # transitions of inputs that the identity gets right


def analyse(subject: Subject, settings: RobustnessSettings | None = None) -> RobustnessFigures:
    """The figures of robustness.json."""
    settings = settings or RobustnessSettings()
    chosen = []
    for result in subject.inputs:
        for kind, chain in _chosen(result, settings.seed):
            rng = random.Random(seed_for(settings.seed, f"robustness {chain}", result.example["id"]))
            near = sample(neighbours(chain, subject.space), settings.neighbours, rng)
            if near:
                chosen.append((result, kind, chain, near))
    pairs = [(result.example["id"], neighbour) for result, _, _, near in chosen for neighbour in near]
    rewards = iter(subject.evaluate(pairs))
    lines = [_line(result, kind, chain, [next(rewards) for _ in near]) for result, kind, chain, near in chosen]
    return _report(lines, settings)


def neighbours(chain: Chain, space: Space) -> list[Chain]:
    """The chains one edit away, done or undone, without the chain itself and the identity; each once, in order."""
    near = {child.layers: child for child in space.children(chain)} if chain in space else {}
    numbers = range(len(chain.edits()))
    for number in numbers:
        undone = with_edits(chain, set(numbers) - {number})
        if undone in space:
            near.setdefault(undone.layers, undone)
    excluded = (chain.layers, space.identity.layers)
    return [neighbour for layers, neighbour in near.items() if layers not in excluded]


def sample(chains: Sequence[Chain], most: int, rng: random.Random) -> list[Chain]:
    """At most this many of them."""
    return list(chains) if len(chains) <= most else rng.sample(list(chains), most)


def _chosen(result: InputResult, seed: int) -> list[tuple[str, Chain]]:
    """The chains of an input whose neighbours are tried, by kind."""
    chosen = [("identity", result.search.evaluations[0][0])]
    if result.transition() in ("corrected", "right_shorter"):
        chosen.append(("best", result.search.best[0]))
    for kind, arm in (("found", "search"), ("random", "random")):
        right = [c for c, reward in result.arms[arm].evaluations[1:] if reward >= 1] if arm in result.arms else []
        if right:
            chosen.append((kind, random.Random(seed_for(seed, f"right {kind}", result.example["id"])).choice(right)))
    return chosen


def _chance(result: InputResult) -> float | None:
    """The share of right chains in the random arm."""
    arm = result.arms.get("random")
    return arm.right_chains / (len(arm.evaluations) - 1) if arm is not None and len(arm.evaluations) > 1 else None


def _line(result: InputResult, kind: str, chain: Chain, rewards: Sequence[float]) -> InputNeighbours:
    return InputNeighbours(
        result.example["id"],
        result.transition(),
        kind,
        chain.layers,
        neighbours=len(rewards),
        reward=sum(rewards) / len(rewards),
        chance=_chance(result),
    )


def _report(lines: Sequence[InputNeighbours], settings: RobustnessSettings) -> RobustnessFigures:
    def of(kind: str, *transitions: str) -> list[InputNeighbours]:
        return [line for line in lines if line.kind == kind and (not transitions or line.transition in transitions)]

    def group(*wanted: str) -> NeighbourGroup:
        return _group(of(*wanted), settings.resamples)

    def less(first: Sequence[InputNeighbours], second: Sequence[InputNeighbours]) -> Measured:
        return measured_mean(_differences(first, second), resamples=settings.resamples)

    return RobustnessFigures(
        VERSION,
        "robustness",
        settings,
        len(of("best")),
        best=group("best"),
        best_corrected=group("best", "corrected"),
        best_shorter=group("best", "right_shorter"),
        found=group("found"),
        found_corrected=group("found", "corrected"),
        random=group("random"),
        identity=group("identity"),
        identity_right=group("identity", *_IDENTITY_RIGHT),
        identity_corrected=group("identity", "corrected"),
        differences=NeighbourDifferences(
            best_random=less(of("best"), of("random")),
            found_random=less(of("found"), of("random")),
            found_identity=less(of("found", "corrected"), of("identity", "corrected")),
        ),
        inputs=tuple(lines),
    )


def _differences(first: Sequence[InputNeighbours], second: Sequence[InputNeighbours]) -> list[float]:
    """Of the neighbours' mean rewards, on inputs that have both."""
    rewards = {line.input: line.reward for line in second}
    return [line.reward - rewards[line.input] for line in first if line.input in rewards]


def _group(lines: Sequence[InputNeighbours], resamples: int) -> NeighbourGroup:
    chances = [line.chance for line in lines if line.chance is not None]
    return NeighbourGroup(
        reward=measured_mean([line.reward for line in lines], resamples=resamples),
        chance=measured_mean(chances, resamples=resamples),
        depth=sum(len(line.chain) for line in lines) / len(lines) if lines else None,
    )
