"""Robustness of a chain: the mean reward of its neighbours (flatness, as sharpness in SAM, arXiv 2106.01548).

A neighbour is one edit away: any legal edit of the space, or one of the chain's own edits undone. The identity isn't
counted as one: for a corrected input it is wrong by definition. The neighbours of these chains are evaluated, for each
input that has them:

    best      the best chain that the search found. It is the shortest right one that was tried, so that those of its
              shorter neighbours that the search tried are wrong by this choice: its figure is somewhat too low
    found     a right chain drawn from all that the search tried, which isn't chosen among its neighbours
    random    a right chain drawn from those of the random arm; much longer, as a rule: the depth is beside it
    identity  the model as it is, right or wrong

`chance` is the share of right chains among all of the random arm on the same inputs: what neighbours would get if being
near a right chain didn't matter. But uniform random chains are long and far from the identity; for corrected inputs the
neighbours of the identity are the nearer comparison (the found chain may be one of them, which favours the identity).
Inputs on which random chains are right are the easy ones; only `differences` compare the same inputs.

`robustness.json`:

    version, name, settings {neighbours, seed, resamples}, n (inputs with a best chain other than the identity)
    best, best_corrected, best_shorter, found, found_corrected, random, identity, identity_right, identity_corrected
                 {reward: figure over inputs, chance: figure, depth: mean depth of the chains}
    differences  figures over inputs that have both: best_random (best less random), found_random,
                 found_identity (corrected inputs only)
    inputs       [{input, transition, kind, chain, neighbours, reward, chance}]
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from skiploop.analysis.subject import Subject
from skiploop.analysis.subsets import with_edits
from skiploop.chains.chain import Chain
from skiploop.spaces.space import Space
from skiploop.stats.intervals import mean_figure
from skiploop.studies.arms import seed_for
from skiploop.studies.results import InputResult
from skiploop.validate import whole_number

VERSION = 1
_RIGHT = ("right_shorter", "identity_best")  # transitions of inputs that the identity gets right


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
        for kind, chain in _chosen(result, settings.seed):
            rng = random.Random(seed_for(settings.seed, f"robustness {chain}", result.example["id"]))
            near = sample(neighbours(chain, subject.space), settings.neighbours, rng)
            wanted += [(result.example["id"], each) for each in near]
            lines.append(_line(result, kind, chain, len(near)))
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
    """The chains of an input whose neighbours are tried, by kind."""
    found = [("identity", result.search.evaluations[0][0])]
    if result.transition() in ("corrected", "right_shorter"):
        found.append(("best", result.search.best[0]))
    for kind, arm in (("found", "search"), ("random", "random")):
        right = [c for c, reward in result.arms[arm].evaluations[1:] if reward >= 1] if arm in result.arms else []
        if right:
            found.append((kind, random.Random(seed_for(seed, f"right {kind}", result.example["id"])).choice(right)))
    return found


def _chance(result: InputResult) -> float | None:
    """The share of right chains in the random arm."""
    arm = result.arms.get("random")
    return arm.hits / (len(arm.evaluations) - 1) if arm is not None and len(arm.evaluations) > 1 else None


def _line(result: InputResult, kind: str, chain: Chain, count: int) -> dict[str, Any]:
    return {
        "input": result.example["id"],
        "transition": result.transition(),
        "kind": kind,
        "chain": list(chain),
        "neighbours": count,
        "chance": _chance(result),
    }


def _report(lines: list[dict[str, Any]], settings: RobustnessSettings) -> dict[str, Any]:
    kinds = {kind: [line for line in lines if line["kind"] == kind] for kind in ("best", "found", "random", "identity")}
    groups = {
        **kinds,
        "best_corrected": [line for line in kinds["best"] if line["transition"] == "corrected"],
        "best_shorter": [line for line in kinds["best"] if line["transition"] == "right_shorter"],
        "found_corrected": [line for line in kinds["found"] if line["transition"] == "corrected"],
        "identity_right": [line for line in kinds["identity"] if line["transition"] in _RIGHT],
        "identity_corrected": [line for line in kinds["identity"] if line["transition"] == "corrected"],
    }
    differences = {
        "best_random": _differences(kinds["best"], kinds["random"]),
        "found_random": _differences(kinds["found"], kinds["random"]),
        "found_identity": _differences(groups["found_corrected"], groups["identity_corrected"]),
    }
    return {
        "version": VERSION,
        "name": "robustness",
        "settings": asdict(settings),
        "n": len(kinds["best"]),
        **{name: _group(members, settings) for name, members in groups.items()},
        "differences": {kind: mean_figure(pairs, resamples=settings.resamples) for kind, pairs in differences.items()},
        "inputs": lines,
    }


def _differences(lines: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> list[float]:
    by_input = {line["input"]: line["reward"] for line in others}
    return [line["reward"] - by_input[line["input"]] for line in lines if line["input"] in by_input]


def _group(lines: Sequence[dict[str, Any]], settings: RobustnessSettings) -> dict[str, Any]:
    depths = [len(line["chain"]) for line in lines]
    chances = [line["chance"] for line in lines if line["chance"] is not None]
    return {
        "reward": mean_figure([line["reward"] for line in lines], resamples=settings.resamples),
        "chance": mean_figure(chances, resamples=settings.resamples),
        "depth": sum(depths) / len(depths) if depths else None,
    }
