"""What earlier inputs taught, tried first on later ones (`--memory`). No torch.

The inputs are searched in waves, in a seeded order. When a wave is done, its arms' evaluations go into memories
(`skiploop.searchers.memory`, after R-MCTS, arXiv 2410.02052); on an input of a later wave the chains that helped on the
earlier inputs most like it are tried first, and `puct` also ranks the children of every node that it expands by them.
How alike inputs are is the cosine of their embeddings: of a model, its state of the prompt's last token after half of
the layers.

- An input never recalls anything of itself or of its own wave.
- The search and the control have memories of their own: what gave right answers tells the control nothing.
- So have the inputs that the identity gets right and those that it gets wrong. The control knows the latter alone, and
  the chains that help are others: on the former they are shorter ones that are still right, worth the share of layers
  that they spare; on the latter any that are right, worth what the searcher was told (`skiploop.studies.guide`).
- The baselines recall nothing: they are what luck alone finds.

Waves are a part of the settings, and what a wave recalls follows from the journal and from the embeddings, which are
kept in the study's folder. So a study that is resumed recalls the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.chains.weights import layers_from_json
from skiploop.searchers import WarmStart
from skiploop.searchers.memory import Memory
from skiploop.searchers.trees.puct import Prior, PuctSearcher, few_slots
from skiploop.storage.files import Line
from skiploop.storage.journal import Journal
from skiploop.studies.arms import GOLD, PEERS, Arm, InputState, seed_for
from skiploop.studies.guide import guided_reward
from skiploop.studies.settings import SearchSettings

_DIGITS = 6  # kept of an embedding's numbers
_LEAST = 0.1  # of a tree's prior for a chain that is expected to give nothing


class Recall:
    """The memories of a study's arms, and the waves in which they grow.

    Args:
        states: all inputs.
        settings: how many chains are recalled, how many inputs are a wave, and the seed of their order.
        identity: of the model.
        embed: a prompt as a vector.
    """

    def __init__(
        self,
        states: Sequence[InputState],
        settings: SearchSettings,
        identity: Chain,
        embed: Callable[[str], Sequence[float]],
    ) -> None:
        order = sorted(states, key=lambda state: seed_for(settings.seed, "wave", state.example.id))
        self.waves = [order[start : start + settings.wave] for start in range(0, len(order), settings.wave)]
        self._most, self._identity, self._embed = settings.memory, identity, embed
        self._memories: dict[tuple[str, bool], Memory] = {}
        self._embeddings: dict[str, list[float]] = {}

    def embed(self, journal: Journal) -> None:
        """Finds out what each input is like; what the journal has isn't computed again."""
        self._embeddings = {line["input"]: line["embedding"] for line in journal.lines()}
        for wave in self.waves:
            missing = [state.example for state in wave if state.example.id not in self._embeddings]
            new = {example.id: [_rounded(number) for number in self._embed(example.prompt)] for example in missing}
            self._embeddings |= new
            if new:
                journal.append([{"input": name, "embedding": found} for name, found in new.items()])

    def begin(self, wave: Sequence[InputState]) -> None:
        """Puts what is recalled in front of the searchers of a wave, before they are asked anything."""
        for state in wave:
            for arm in _learners(state):
                memory = self._memories.get(self._key(state, arm))
                if memory is not None:
                    self._prepare(arm, memory, self._embeddings[state.example.id])

    def _prepare(self, arm: Arm, memory: Memory, embedding: Sequence[float]) -> None:
        """Gives an arm what its memory recalls; a searcher may stand behind a warm start already."""
        searcher: Any = arm.searcher
        tree = searcher.searcher if isinstance(searcher, WarmStart) else searcher
        if isinstance(tree, PuctSearcher):
            tree.prior = _prior(memory, embedding)
        if recalled := memory.recall(embedding, self._most):
            arm.searcher = WarmStart(searcher, recalled)

    def keep(self, wave: Sequence[InputState], lines: Sequence[Line]) -> None:
        """Adds a wave that is done, whose lines of the journal these are, to the memories."""
        own: dict[tuple[str, str], list[Line]] = {}
        for line in lines:
            own.setdefault((line["input"], line["arm"]), []).append(line)
        for state in wave:
            for arm in _learners(state):
                memory = self._memories.setdefault(self._key(state, arm), Memory(self._identity.num_layers))
                evaluated = self._values(state, own.get((state.example.id, arm.name), []))
                memory.add(self._embeddings[state.example.id], evaluated)

    def _key(self, state: InputState, arm: Arm) -> tuple[str, bool]:
        """Whose memory it is: the arm's, on inputs of this verdict of the identity."""
        return arm.name, self._is_right(state)

    def _is_right(self, state: InputState) -> bool:
        return (state.reward(self._identity, GOLD) or 0.0) >= 1

    def _values(self, state: InputState, lines: Sequence[Line]) -> list[tuple[Chain, float]]:
        """What the chains of an arm are worth to others."""
        found, layers = [], self._identity.num_layers
        for line in lines:
            chain = Chain.unchecked(layers_from_json(line["chain"]), layers)
            value = guided_reward(line["reward"], line.get("guide"))
            if self._is_right(state):
                value = max(0.0, 1 - len(chain) / layers) if line["reward"] >= 1 else 0.0
            found.append((chain, value))
        return found


def _prior(memory: Memory, embedding: Sequence[float]) -> Prior:
    """Small edits whose chains helped on inputs like this one; what never helped is unlikely, but not ruled out."""

    def prior(chain: Chain, children: Sequence[Chain]) -> list[float]:
        expected = memory.expectations(embedding, children)
        return [small * (_LEAST + value) for small, value in zip(few_slots(chain, children), expected, strict=True)]

    return prior


def _learners(state: InputState) -> list[Arm]:
    return [arm for arm in state.arms if arm.name not in PEERS]


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")
