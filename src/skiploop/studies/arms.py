"""The arms of a study: who searches for what, on which input, with which seed. No torch.

    search    the chosen searcher; a chain is rewarded when the answer is right
    random    uniform random chains from the same space, at the same budget: what luck alone finds
    nearby    random chains a few edits from the identity, at the same budget: luck that starts where the search starts
    control   the same searcher again, rewarded for one particular *wrong* answer: how easily some chain
              says anything that it is paid for. Only run where the identity is wrong, because there its
              hits are compared with the search's

Each pair of input and arm has a searcher of its own, seeded by (seed, arm, example id).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from skiploop.chains.chain import Chain
from skiploop.searchers import Searcher, make_searcher
from skiploop.spaces.space import Space
from skiploop.studies.guide import guided_reward
from skiploop.studies.settings import StudySettings
from skiploop.tasks import Example, Task
from skiploop.tasks.answers.text import letters

ARMS = ("search", "random", "nearby", "control")
PEERS = ("random", "nearby")  # they ignore rewards; each bears the name of its searcher
GOLD, WRONG = 0, 1  # the targets: positions in InputState.targets and Outcome.rewards
# Two answers suffice: at most one of them is what the identity says. A third is for ambiguous verdicts.
_CANDIDATES = 3
_DONORS = 256  # of each ring, at most this many examples are looked at


def seed_for(seed: int, arm: str, example_id: str) -> int:
    """A 64-bit seed that no other combination of the three shares."""
    text = json.dumps([seed, arm, example_id])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one evaluation said by the gold answer and by the wrong one, None where unknown.

    Attributes:
        rewards: the verdicts.
        answer: what was answered.
        guides: how near the chain came to each answer, see `skiploop.studies.guide`.
    """

    rewards: tuple[float | None, float | None]
    answer: str | None = None
    guides: tuple[float | None, float | None] = (None, None)

    def merged(self, other: Outcome) -> Outcome:
        """What both know; this one's word counts where both know something."""
        answer = self.answer if self.answer is not None else other.answer
        return Outcome(_first_known(self.rewards, other.rewards), answer, _first_known(self.guides, other.guides))


def _first_known(
    first: tuple[float | None, float | None], second: tuple[float | None, float | None]
) -> tuple[float | None, float | None]:
    gold, wrong = (a if a is not None else b for a, b in zip(first, second, strict=True))
    return gold, wrong


@dataclass(slots=True)
class Arm:
    """One searcher on one input."""

    name: str
    searcher: Searcher
    budget: int
    used: int = 0
    done: bool = False
    best: float = 0.0  # highest reward so far
    highest: float = 0.0  # highest value that the searcher was told, which a guide may have raised

    @property
    def target(self) -> int:
        """Which answer is rewarded."""
        return WRONG if self.name == "control" else GOLD

    def ask(self, most: int) -> list[Chain]:
        """The next chains, within the budget; none ends the arm."""
        chains = [] if self.done else self.searcher.ask(min(most, self.budget - self.used))
        self.done = not chains
        return chains

    def tell(self, chain: Chain, reward: float, least_depth: int | None, guide: float | None = None) -> None:
        """Counts an evaluation; no chain of the space is shorter than `least_depth`.

        The guide is for the searcher alone: whether the arm has found something is the verdict's business.
        """
        value = guided_reward(reward, guide)
        self.searcher.tell(chain, value)
        self.used += 1
        self.highest = max(self.highest, value)
        self.best = max(self.best, reward)
        if reward >= 1 and least_depth is not None and len(chain) <= least_depth:
            self.done = True
        if self.used >= self.budget:
            self.done = True


@dataclass(slots=True)
class InputState:
    """One input of a study.

    Attributes:
        example: the input.
        candidates: examples that differ in their answer only, which is wrong, in order of preference.
        targets: the example itself, and the one of `candidates` that the control aims at.
        memo: what is known of each chain that was evaluated.
        arms: who is searching.
    """

    example: Example
    candidates: tuple[Example, ...]
    targets: tuple[Example, Example | None] = field(init=False)
    memo: dict[tuple[int, ...], Outcome] = field(default_factory=dict)
    arms: list[Arm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.targets = (self.example, None)

    def reward(self, chain: Chain, target: int) -> float | None:
        """The reward of a chain that was evaluated, None for any other."""
        outcome = self.memo.get(chain.layers)
        return None if outcome is None else outcome.rewards[target]

    def remember(self, chain: Chain, outcome: Outcome) -> None:
        """Keeps what an evaluation said."""
        known = self.memo.get(chain.layers)
        self.memo[chain.layers] = outcome if known is None else known.merged(outcome)

    def start(self, settings: StudySettings, space: Space, wrong: Example | None) -> None:
        """Sets the arms up, once the identity's verdict is known; `wrong` is None where it is right."""
        self.targets = (self.example, wrong)
        names = ["search", *settings.peers]
        if settings.controls.control and wrong is not None:
            names.append("control")
        for arm in names:
            seed = seed_for(settings.search.seed, arm, self.example.id)
            made = make_searcher(arm, space, seed=seed) if arm in PEERS else settings.search.make_searcher(space, seed)
            self.arms.append(Arm(arm, made, settings.search.budget))


def wrong_candidates(pool: Task, examples: Sequence[Example], seed: int) -> list[tuple[Example, ...]]:
    """For each example a few copies of it with a wrong answer, from which the control picks its target.

    With options it is another option. Otherwise the answer of another example of the pool, of the same
    family and level where there is one: the pool is put into a seeded circular order; each example takes
    the answer of its successor, so that, clashes aside, the wrong answers are the right ones permuted.
    """
    rings = _Rings(pool, seed)
    return [_candidates(pool, example, rings, seed) for example in examples]


def _candidates(pool: Task, example: Example, rings: _Rings, seed: int) -> tuple[Example, ...]:
    if example.choices and example.gold is not None:
        return _other_options(example, example.gold, seed)
    found: list[Example] = []
    for donor in rings.after(example):
        if not donor.answer:  # a problem with many right answers and no reference
            continue
        rivals = [example, *found]
        if any(pool.judge_text(rival, donor.answer).reward > 0 for rival in rivals):
            continue
        found.append(replace(example, answer=donor.answer))
        if len(found) == _CANDIDATES:
            break
    return tuple(found)


def _other_options(example: Example, gold: int, seed: int) -> tuple[Example, ...]:
    names = letters(len(example.choices))
    texts = names if example.answer == names[gold] else example.choices
    others = [i for i, text in enumerate(example.choices) if i != gold and text != example.choices[gold]]
    random.Random(seed_for(seed, "option", example.id)).shuffle(others)
    return tuple(replace(example, gold=i, answer=texts[i]) for i in others)


class _Rings:
    """Circular seeded orders of a task's examples: by family and level, by family, by level, and of all."""

    def __init__(self, pool: Task, seed: int) -> None:
        self._rings: dict[tuple[object, ...], list[Example]] = defaultdict(list)
        self._places: dict[tuple[object, ...], dict[str, int]] = defaultdict(dict)
        for example in sorted(pool.examples, key=lambda e: (seed_for(seed, "donor", e.id), e.id)):
            for key in _ring_keys(example):
                self._places[key][example.id] = len(self._rings[key])
                self._rings[key].append(example)

    def after(self, example: Example) -> Iterator[Example]:
        for key in _ring_keys(example):
            ring, place = self._rings[key], self._places[key][example.id]
            yield from islice((ring[(place + step) % len(ring)] for step in range(1, len(ring))), _DONORS)


def _ring_keys(example: Example) -> list[tuple[object, ...]]:
    family, level = example.family, example.level
    return [("both", family, level), ("family", family), ("level", level), ("all",)]
