"""Robustness of a chain: the mean reward of its neighbours (flatness, as sharpness in SAM, arXiv 2106.01548).

A neighbour is one edit away: any legal edit of the space, or one of the chain's own edits undone. The identity isn't
counted as one: for a corrected input it is wrong by definition. Of the best chain that the search found for an input
and of a right chain drawn at random, from those of the random arm, so many neighbours are evaluated. That two chains
are right on the same input was known when they were chosen; that their neighbours are wasn't, so that the difference
between the two is no artefact of selection. But random chains are much longer: the depth is reported beside it.

`robustness.json`:

    version, name, settings {neighbours, seed, resamples}, n (inputs with a best chain other than the identity)
    best, best_corrected, best_shorter, random, identity
                 {reward: figure over inputs, depth: mean depth of the chains}; identity: of the inputs it gets right
    difference   figure, best - random on the inputs that have both
    inputs       [{input, transition, arm (search, random, identity), chain, neighbours, reward}]
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from skiploop.analysis.intervals import mean_figure
from skiploop.analysis.subject import Subject
from skiploop.analysis.subsets import with_edits
from skiploop.arms import seed_for
from skiploop.chain import Chain
from skiploop.notation import whole_number
from skiploop.space import Space
from skiploop.summary import InputResult

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessSettings:
    """How many neighbours are tried.

    Attributes:
        neighbours: most neighbours of a chain.
        seed: of their sample, and of the random chains.
        resamples: of the bootstrap.
    """

    neighbours: int = 16
    seed: int = 0
    resamples: int = 2000

    def __post_init__(self) -> None:
        for name in ("neighbours", "resamples"):
            whole_number(name, getattr(self, name), 1)
        whole_number("seed", self.seed, 0)


def analyse(subject: Subject, settings: RobustnessSettings | None = None) -> dict[str, Any]:
    """What goes into robustness.json."""
    settings = settings or RobustnessSettings()
    lines = []
    wanted = []
    for result in subject.inputs:
        for arm, chain in _chosen(result, settings.seed):
            rng = random.Random(seed_for(settings.seed, f"robustness {chain}", result.example["id"]))
            near = sample(neighbours(chain, subject.space), settings.neighbours, rng)
            wanted += [(result.example["id"], each) for each in near]
            lines.append(_line(result, arm, chain, len(near)))
    rewards = iter(subject.evaluate(wanted))
    for line in lines:
        own = [next(rewards) for _ in range(line["neighbours"])]
        line["reward"] = sum(own) / len(own) if own else None
    return _report([line for line in lines if line["neighbours"]], settings)


def neighbours(chain: Chain, space: Space) -> list[Chain]:
    """The chains one edit away, done or undone, without the chain itself and the identity; each once, in order."""
    found = {each.layers: each for each in space.children(chain)} if chain in space else {}
    numbers = range(len(chain.edits()))
    for number in numbers:
        each = with_edits(chain, set(numbers) - {number})
        if each in space:
            found.setdefault(each.layers, each)
    own = (chain.layers, space.identity.layers)
    return [each for layers, each in found.items() if layers not in own]


def sample(chains: Sequence[Chain], most: int, rng: random.Random) -> list[Chain]:
    """At most so many of them."""
    return list(chains) if len(chains) <= most else rng.sample(list(chains), most)


def _chosen(result: InputResult, seed: int) -> list[tuple[str, Chain]]:
    """The chains of an input whose neighbours are tried, by where they come from."""
    identity = result.search.evaluations[0][0]
    found = [("identity", identity)] if result.base_right else []
    best = result.search.best[0]
    if result.transition() in ("corrected", "right_shorter"):
        found.append(("search", best))
    if "random" in result.arms:
        right = [chain for chain, reward in result.arms["random"].evaluations[1:] if reward >= 1]
        if right:
            found.append(("random", random.Random(seed_for(seed, "right", result.example["id"])).choice(right)))
    return found


def _line(result: InputResult, arm: str, chain: Chain, count: int) -> dict[str, Any]:
    return {
        "input": result.example["id"],
        "transition": result.transition(),
        "arm": arm,
        "chain": list(chain),
        "neighbours": count,
    }


def _report(lines: list[dict[str, Any]], settings: RobustnessSettings) -> dict[str, Any]:
    best = [line for line in lines if line["arm"] == "search"]
    drawn = {line["input"]: line["reward"] for line in lines if line["arm"] == "random"}
    pairs = [line["reward"] - drawn[line["input"]] for line in best if line["input"] in drawn]
    groups = {
        "best": best,
        "best_corrected": [line for line in best if line["transition"] == "corrected"],
        "best_shorter": [line for line in best if line["transition"] == "right_shorter"],
        "random": [line for line in lines if line["arm"] == "random"],
        "identity": [line for line in lines if line["arm"] == "identity"],
    }
    return {
        "version": VERSION,
        "name": "robustness",
        "settings": asdict(settings),
        "n": len(best),
        **{name: _group(members, settings) for name, members in groups.items()},
        "difference": mean_figure(pairs, resamples=settings.resamples),
        "inputs": lines,
    }


def _group(lines: Sequence[dict[str, Any]], settings: RobustnessSettings) -> dict[str, Any]:
    depths = [len(line["chain"]) for line in lines]
    return {
        "reward": mean_figure([line["reward"] for line in lines], resamples=settings.resamples),
        "depth": sum(depths) / len(depths) if depths else None,
    }
