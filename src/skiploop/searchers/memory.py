"""Memory of earlier inputs: which chains to try first on a new one (R-MCTS, arXiv 2410.02052). Needs numpy.

    memory = Memory(num_layers=28)
    for embedding, searcher in inputs:                      # any vector that says what an input is like
        warm = memory.warm(searcher, embedding, n=8)        # asks for the recalled chains first
        evaluated = ...                                     # [(chain, reward), ...] by asking and telling warm
        memory.add(embedding, evaluated)

R-MCTS keeps what *surprised* it: states whose value differed from what was expected. Here the expectation of a chain
is its mean reward over the earlier inputs,

    expected(c) = (sum of its rewards + prior * m) / (times evaluated + prior),   m: the mean of all rewards,

or what the caller expected. An input on which all is harder than expected doesn't say much of any chain, so the mean
surprise of the input, its offset, is taken off first: of each input i the `per_input` chains of the largest

    |reward - expected(c) - offset_i|

are kept with their rewards. On a new input with embedding e, the earlier input i has the weight

    w_i = exp(cos(e - mean, e_i - mean) / temperature)

with the mean of all embeddings kept, without which everything is similar to everything. Chains are recalled one after
another, each the one that adds most to the expected best reward of the list,

    sum over i of w_i * max(0, r_i(c) - best_i),    best_i: the highest r_i of the chains before it,

where r_i(c) is the reward kept, or else expected(c) + offset_i. So the second chain is one for the inputs on which
the first fails. All that is kept is bounded: the oldest inputs, and the chains evaluated least often, are forgotten.
Rewards are taken to be in [0, 1].

Shapes: I inputs kept, D length of an embedding, C chains with an expectation.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skiploop.chains.chain import Chain
from skiploop.chains.weights import layers_to_json
from skiploop.errors import InvalidInput
from skiploop.searchers.warm import Asker, WarmStart
from skiploop.validate import Range, numbers, whole_number

SCHEMA = 1
Layers = tuple[int, ...]
Floats = NDArray[np.float64]
Embedding = Sequence[float] | NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """How much is kept, and how it is read.

    Attributes:
        inputs: most inputs kept.
        per_input: most chains kept of an input.
        chains: most chains whose expectation is kept.
        temperature: of the weights; a small one trusts the most similar inputs alone.
        prior: evaluations that the mean of all rewards counts for in a chain's expectation.
    """

    inputs: int = 512
    per_input: int = 32
    chains: int = 4096
    temperature: float = 0.4
    prior: float = 1.0

    def __post_init__(self) -> None:
        positive = Range(0, low_included=False)
        counts = {"inputs": 1, "per_input": 1, "chains": 1}
        numbers(self, whole=counts, within={"temperature": positive, "prior": positive})


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is kept of one input: its embedding, its mean surprise, and the rewards that surprised beyond it."""

    embedding: tuple[float, ...]
    offset: float
    rewards: dict[Layers, float]


class Memory:
    """Chains that surprised on earlier inputs, found again by what a new input is like.

    Args:
        num_layers: of the model.
        settings: how much is kept, and how it is read.
    """

    def __init__(self, num_layers: int, settings: MemorySettings | None = None) -> None:
        self.num_layers = whole_number("num_layers", num_layers, 1)
        self.settings = settings or MemorySettings()
        self._inputs: deque[Remembered] = deque(maxlen=self.settings.inputs)
        self._known: dict[Layers, tuple[int, float]] = {}  # chain -> times evaluated, sum of its rewards
        self._count, self._total = 0, 0.0  # of all evaluations ever

    def __len__(self) -> int:
        """I, the inputs kept."""
        return len(self._inputs)

    def expected(self, chain: Chain) -> float:
        """The reward expected of a chain, before anything is known of the input."""
        return self._expected(chain.layers)

    def add(
        self,
        embedding: Embedding,
        evaluated: Iterable[tuple[Chain, float]],
        expected: Mapping[Chain, float] | None = None,
    ) -> list[tuple[Chain, float]]:
        """Keeps what surprised on an input that is done.

        Args:
            embedding: of the input, [D].
            evaluated: chains with their rewards; of a chain told twice the first counts.
            expected: a searcher's own expectations, where it has any; they stand for the mean over earlier inputs.

        Returns:
            The chains kept, each with reward - expected - offset, the most surprising first.
        """
        vector = self._checked(embedding)
        rewards: dict[Chain, float] = {}
        for chain, reward in evaluated:
            rewards.setdefault(chain, self._checked_reward(chain, reward))
        believed = expected or {}
        surprise = {c: r - believed.get(c, self.expected(c)) for c, r in rewards.items()}
        offset = sum(surprise.values()) / max(len(surprise), 1)
        order = sorted(surprise, key=lambda c: (-abs(surprise[c] - offset), len(c), c.layers))
        kept = order[: self.settings.per_input]
        self._inputs.append(Remembered(tuple(vector.tolist()), offset, {c.layers: rewards[c] for c in kept}))
        self._learn(rewards)
        return [(chain, surprise[chain] - offset) for chain in kept]

    def recall(self, embedding: Embedding, n: int) -> list[Chain]:
        """At most n chains to try first on an input, the most promising first; none where nothing is kept."""
        wanted, vector = whole_number("n", n, 0), self._checked(embedding)
        if not self._inputs or not self._known:
            return []
        chains = list(self._known)
        rewards, weights = self._rewards(chains), self._weights(vector)
        best = np.zeros(len(weights))
        found: list[Chain] = []
        for _ in range(min(wanted, len(chains))):
            gain = weights @ np.maximum(rewards - best[:, None], 0.0)  # [C]
            pick = int(gain.argmax())
            if gain[pick] <= 0:  # on the inputs kept, nothing more helps
                break
            found.append(Chain.unchecked(chains[pick], self.num_layers))
            best = np.maximum(best, rewards[:, pick])
        return found

    def expectations(self, embedding: Embedding, chains: Sequence[Chain]) -> list[float]:
        """The reward expected of each chain on an input, by the inputs kept that are like it; all 0 without any."""
        if not self._inputs:
            return [0.0] * len(chains)
        rewards = self._rewards([chain.layers for chain in chains])
        found: list[float] = (self._weights(self._checked(embedding)) @ rewards).tolist()
        return found

    def warm(self, searcher: Asker, embedding: Embedding, n: int) -> WarmStart:
        """The searcher with the n recalled chains in front of it."""
        return WarmStart(searcher, self.recall(embedding, n))

    def to_json(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "schema": SCHEMA,
            "num_layers": self.num_layers,
            "settings": asdict(self.settings),
            "count": self._count,
            "total": self._total,
            "chains": [[layers_to_json(layers), *entry] for layers, entry in self._known.items()],
            "inputs": [
                {
                    "embedding": list(each.embedding),
                    "offset": each.offset,
                    "rewards": [[layers_to_json(layers), reward] for layers, reward in each.rewards.items()],
                }
                for each in self._inputs
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Memory:
        """What `to_json` gave.

        Raises:
            InvalidInput: it is something else, or damaged.
        """
        if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
            raise InvalidInput(f"this holds no memory of schema {SCHEMA}; give what Memory.to_json has written")
        try:
            return cls._from_json(value)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"the memory is damaged ({error}); give what Memory.to_json has written") from error

    @classmethod
    def _from_json(cls, value: Mapping[str, Any]) -> Memory:
        names = {each.name for each in fields(MemorySettings)}
        memory = cls(value["num_layers"], MemorySettings(**{k: v for k, v in value["settings"].items() if k in names}))
        memory._count, memory._total = int(value["count"]), float(value["total"])
        for layers, count, total in value["chains"]:
            memory._known[Chain(layers, memory.num_layers).layers] = (int(count), float(total))
        for each in value["inputs"]:
            vector = memory._checked(each["embedding"])
            rewards = {Chain(layers, memory.num_layers).layers: float(reward) for layers, reward in each["rewards"]}
            memory._inputs.append(Remembered(tuple(vector.tolist()), float(each["offset"]), rewards))
        return memory

    def _expected(self, layers: Layers) -> float:
        count, total = self._known.get(layers, (0, 0.0))
        mean = self._total / self._count if self._count else 0.0
        return (total + self.settings.prior * mean) / (count + self.settings.prior)

    def _learn(self, rewards: Mapping[Chain, float]) -> None:
        for chain, reward in rewards.items():
            count, total = self._known.get(chain.layers, (0, 0.0))
            self._known[chain.layers] = (count + 1, total + reward)
            self._count, self._total = self._count + 1, self._total + reward
        spare = len(self._known) - self.settings.chains
        for layers in sorted(self._known, key=lambda layers: self._known[layers][0])[: max(spare, 0)]:
            del self._known[layers]

    def _rewards(self, chains: Sequence[Layers]) -> Floats:
        """What is known of each chain on each input kept, [I, C]."""
        column = {layers: number for number, layers in enumerate(chains)}
        expected = np.array([self._expected(layers) for layers in chains])
        found: Floats = np.clip(expected + np.array([[each.offset] for each in self._inputs]), 0.0, 1.0)
        for row, each in enumerate(self._inputs):
            for layers, reward in each.rewards.items():
                if layers in column:
                    found[row, column[layers]] = reward
        return found

    def _weights(self, vector: Floats) -> Floats:
        """How much each input kept counts for one like this, [I]."""
        kept = np.array([each.embedding for each in self._inputs])  # [I, D]
        centre = kept.mean(axis=0)
        kept, own = kept - centre, vector - centre
        lengths = np.linalg.norm(kept, axis=1) * np.linalg.norm(own)
        cosine = np.divide(kept @ own, lengths, out=np.zeros(len(kept)), where=lengths > 0)
        weights = np.exp((cosine - cosine.max()) / self.settings.temperature)
        return np.asarray(weights / weights.sum())

    def _checked(self, embedding: Embedding) -> Floats:
        vector = np.asarray(embedding, dtype=np.float64)
        if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
            raise InvalidInput(f"an embedding of shape {vector.shape} doesn't work; give one vector of finite numbers")
        if self._inputs and len(vector) != len(self._inputs[0].embedding):
            raise InvalidInput(
                f"this embedding has {len(vector)} numbers, those kept have {len(self._inputs[0].embedding)}; "
                "use one kind of embedding for one memory"
            )
        return vector

    def _checked_reward(self, chain: Chain, reward: float) -> float:
        if chain.num_layers != self.num_layers:
            raise InvalidInput(
                f"chain {str(chain)!r} is for a model of {chain.num_layers} layers, the memory for one of "
                f"{self.num_layers}; use one memory for each model"
            )
        if not math.isfinite(reward):
            raise InvalidInput(f"reward {reward!r} of {str(chain)!r} isn't a finite number; use a score in [0, 1]")
        return float(reward)
