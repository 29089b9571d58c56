"""Beam search over edits from the identity, behind ask/tell.

A level is a set of chains one edit away from the `width` chains of its beam. When its rewards are in, the best
`width` of them are the next beam. The first beam is the identity. What is notable:

- A level has at most width * branch chains, which the chains of its beam take in turns. Their children come in
  random order, edits of few slots first more often than not, or by descending prior where one is given: with
  hundreds of edits, not all can be tried.
- Equally good chains are ranked by depth, then in the order in which they were asked.
- A chain that is reached twice belongs to the first parent and isn't evaluated again.
- *Pending rewards*: a batch that is larger than what is left of the level is filled with further children of the
  same beam. They belong to the level, whose best are chosen when width * branch rewards are in.
- *When it runs dry* (no chain of the level has a child left that wasn't seen), the beam is filled with the best of
  all known chains that still have some, and at last, in spaces that edits don't connect, chains are drawn uniformly.
  So a small space is searched to its end.
- Chains told without being asked compete with those of the level for the next beam.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.chains.edits import edited
from skiploop.searchers.base import Layers, LearningSearcher
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.searchers.trees.puct import Prior, few_slots, normalised
from skiploop.spaces.space import Space
from skiploop.validate import numbers


@dataclass(frozen=True, slots=True)
class BeamSettings:
    """The size of a level.

    Attributes:
        width: chains of a beam.
        branch: children of each of them in a full level; of fewer chains, each has more.
    """

    width: int = 2
    branch: int = 8

    def __post_init__(self) -> None:
        numbers(self, whole={"width": 1, "branch": 1})


class BeamSearcher(LearningSearcher[BeamSettings]):
    """Asks for the children of the best few chains of the level before.

    Args:
        space: the chains and edits to search.
        seed: seeds this searcher's own generators.
        settings: the size of a level.
        prior: one number of at least 0 for each child of a chain, as for `PuctSearcher`; the highest come first.
    """

    settings_type = BeamSettings

    def __init__(
        self, space: Space, *, seed: int = 0, settings: BeamSettings | None = None, prior: Prior | None = None
    ) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self.prior = prior
        self._rest = RandomSearcher(space, seed=self.seed)
        self._order: dict[Layers, int] = {}  # asked or told -> when
        self._level: dict[Layers, None] = {}  # told since the last beam was chosen
        self._waiting: set[Layers] = set()  # asked, not told
        self._beam: deque[Layers] = deque([space.identity.layers])  # whose turn it is first
        self._children: dict[Layers, list[Layers]] = {}  # of chains that were in a beam, the next one last

    def _prepare(self, wanted: int) -> None:
        if wanted and len(self._level) >= self.settings.width * self.settings.branch:
            self._choose(self._level)

    def _mark(self, layers: Layers) -> None:
        super()._mark(layers)
        self._order[layers] = len(self._order)
        self._waiting.add(layers)

    def _take(self, chain: Chain, reward: float) -> None:
        """Takes the reward into account for the next beam."""
        self._order.setdefault(chain.layers, len(self._order))
        self._waiting.discard(chain.layers)
        if chain.layers != self.space.identity.layers:  # which is the first beam
            self._level[chain.layers] = None

    def _next(self) -> Layers | None:
        if self.space.identity.layers not in self._seen:
            return self.space.identity.layers
        while True:
            if (child := self._child()) is not None:
                return child
            if self._waiting or not self._choose(self._level or self._rewards):
                return self._unseen(self._rest)

    def _child(self) -> Layers | None:
        """The next child of the beam, whose chains take turns; None when they have none left."""
        while self._beam:
            parent = self._beam.popleft()
            children = self._children_of(parent)
            while children:
                child = children.pop()
                if child not in self._seen:
                    self._beam.append(parent)
                    return child
        return None

    def _children_of(self, parent: Layers) -> list[Layers]:
        """Its children that weren't tried yet, the next one last."""
        if parent not in self._children:
            chain = Chain.unchecked(parent, self.space.num_layers)
            children = [edited(parent, edit) for edit in self.space.edits(chain)]
            chains = [Chain.unchecked(each, self.space.num_layers) for each in children]
            if self.prior is None:  # u^(1/w): each next one is drawn in proportion to w (Efraimidis and Spirakis 2006)
                keys = [self._rng.random() ** (1 / weight) for weight in few_slots(chain, chains)]
            else:
                self._rng.shuffle(chains)
                children = [each.layers for each in chains]
                keys = normalised(self.prior(chain, chains), len(chains))
            ranked = sorted(zip(keys, children, strict=True), key=lambda pair: pair[0])
            self._children[parent] = [layers for _, layers in ranked]
        return self._children[parent]

    def _choose(self, known: Iterable[Layers]) -> bool:
        """The best of these that may have children left are the next beam; False where there are none."""
        able = [layers for layers in known if self._children.get(layers, True)]
        able.sort(key=lambda layers: (-self._rewards[layers], len(layers), self._order[layers]))
        self._beam = deque(able[: self.settings.width])
        self._level = {}
        return bool(able)
