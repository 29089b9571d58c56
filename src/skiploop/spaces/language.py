"""The words of which search spaces are made, after DeepArchitect (arXiv 1704.08792). Pure Python, no torch.

    Run((0, 1, 2))                     these layers, in this order
    Concat((a, b))                   a, then b
    Choice((a, b)), optional(a)        one of them; a or nothing
    Loop(a, (1, 2, 3))                 a, all of it, run once, twice or three times
    Blocks(layers, shapes, gaps)       the layers in order, cut into blocks, each skipped, run or looped
    Window(layers, width)              the layers in any order in which none moves `width` places or more

A space is a word with bounds on the number of slots (`skiploop.spaces.named.compose`). Words are values: frozen,
compared by value, written to JSON by `to_json` and read back by `from_json`.

A word is compiled into a *tree of decisions*, written down as a graph because equal subtrees are one node: each node
asks one question with a few answers, each answer runs some layers and leads on. Everything else follows from that
graph alone (`skiploop.spaces.decisions`): how many chains there are, the chain with a given number, whether a chain
belongs to the space, the questions that lead to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from skiploop.chains.weights import (
    DampedLoop,
    WeightedLayer,
    checked_weight,
    has_weights,
    layers_from_json,
    layers_to_json,
    weight_text,
)
from skiploop.errors import InvalidInput
from skiploop.spaces.decisions import Graph, Option, Question
from skiploop.validate import whole_number


@dataclass(frozen=True)
class Word:
    """A set of sequences of layers."""

    kind: ClassVar[str]

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        """The node that asks this word's first question; after its last one comes `then`.

        Args:
            graph: makes nodes.
            then: what follows.
            weight: the number of times that the loops around this word run each layer.
        """
        raise NotImplementedError

    def parts(self) -> dict[str, Any]:
        """What `to_json` writes beside the word's kind."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers."""
        return {"word": self.kind} | self.parts()


@dataclass(frozen=True)
class Run(Word):
    """These layers, in this order; none at all is allowed within a larger word."""

    layers: tuple[int, ...]
    kind = "run"

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", _layers(self.layers, "Run"))

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        return graph.ask("", [Option("", self.layers, then)], weight) if self.layers else then

    def parts(self) -> dict[str, Any]:
        return {"layers": layers_to_json(self.layers)}


@dataclass(frozen=True)
class Concat(Word):
    """One word after the other."""

    words: tuple[Word, ...]
    kind = "concat"

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", _words(self.words, "Concat"))

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        for word in reversed(self.words):
            then = graph.build(word, then, weight)
        return then

    def parts(self) -> dict[str, Any]:
        return {"words": [word.to_json() for word in self.words]}


@dataclass(frozen=True)
class Choice(Word):
    """One of the words. Two that can give the same layers would make one chain count twice, and are refused."""

    words: tuple[Word, ...]
    kind = "choice"

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", _words(self.words, "Choice"))

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        options = []
        for number, word in enumerate(self.words):
            if isinstance(word, Run):  # its layers are run at once, without a node of its own
                options.append(Option(str(number), word.layers, then))
            else:
                options.append(Option(str(number), (), graph.build(word, then, weight)))
        return graph.ask("choice", options, weight)

    def parts(self) -> dict[str, Any]:
        return {"words": [word.to_json() for word in self.words]}


def optional(word: Word) -> Choice:
    """The word, or nothing."""
    return Choice((Run(()), word))


@dataclass(frozen=True)
class Loop(Word):
    """The word's layers, all of them, run as often as one of `counts` says."""

    word: Word
    counts: tuple[int, ...]
    kind = "loop"

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", _counts(self.counts, "Loop"))

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        options = []
        for times in self.counts:
            if times < 2:
                inner = graph.build(self.word, then, weight) if times else then
                options.append(Option(f"x{times}", (), inner))
            else:
                inner = graph.build(self.word, graph.repeat(times, then), weight * times)
                options.append(Option(f"x{times}", (), inner, opens=True))
        return graph.ask("loop", options, weight)

    def parts(self) -> dict[str, Any]:
        return {"of": self.word.to_json(), "counts": list(self.counts)}


class _Turns(NamedTuple):
    """How often a block is run; `size` is 0 where nothing depends on it, as in a plain loop."""

    size: int
    times: int
    damping: float

    def slot(self, layer: int) -> int:
        """A slot of the block."""
        return WeightedLayer(layer, loop=DampedLoop(*self)) if self.size else layer

    def __str__(self) -> str:
        return f"{self.times}" + (f"~{weight_text(self.damping)}" if self.size else "")


@dataclass(frozen=True)
class Blocks(Word):
    """Layers in a fixed order, cut into blocks of neighbours; each block is run as often as its size allows.

    Attributes:
        layers: the layers in order, all different.
        shapes: how often a block may be run, by its number of layers; 0 skips it. Skipping a block of several
            layers, or running it once, is the same as doing so layer by layer: a second derivation. So the counts
            0 and 1 are for size 1.
        gaps: whether a loop may leave out layers that lie between its own. If so, layers are left out first and the
            rest is cut into blocks (CoLa's edits); if not, blocks have no holes (PoLar's segments).
        dampings: of each loop; 1 is the plain loop, see `skiploop.chains.weights`.
    """

    layers: tuple[int, ...]
    shapes: Mapping[int, Iterable[int]] | tuple[tuple[int, tuple[int, ...]], ...]
    gaps: bool = False
    dampings: tuple[float, ...] = (1.0,)
    kind = "blocks"

    def __post_init__(self) -> None:
        layers = _layers(self.layers, "Blocks")
        if len(set(layers)) != len(layers) or has_weights(layers):
            raise InvalidInput(
                f"Blocks() takes each layer once, without weights, not {layers}; use Sequence for repetitions"
            )
        given = self.shapes.items() if isinstance(self.shapes, Mapping) else self.shapes
        shapes = tuple(sorted([(whole_number("size", size, 1), _counts(counts, "Blocks")) for size, counts in given]))
        if len({size for size, _ in shapes}) != len(shapes):
            raise InvalidInput(f"Blocks() has a size twice in {shapes}; give each size its counts once")
        for size, counts in shapes:
            if size > 1 and min(counts) < 2:
                raise InvalidInput(
                    f"blocks of {size} layers can't be run {min(counts)} times here; use shapes of size 1"
                )
        if self.gaps and not any(size == 1 and 0 in counts for size, counts in shapes):
            raise InvalidInput("gaps=True leaves layers out, so shapes must have the count 0 for size 1")
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "shapes", shapes)
        object.__setattr__(self, "dampings", checked_dampings(self.dampings))

    @property
    def _shapes(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        assert isinstance(self.shapes, tuple)
        return self.shapes

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        shapes = self._shapes
        after: Question = then  # what asks about the layers after this one
        most = max([size for size, _ in shapes], default=1)
        # What asks for the remaining members of an open loop after this layer.
        inside: dict[tuple[int, _Turns], Question] = {}
        loops = sorted({turns for size, counts in shapes if size > 1 for turns in self._turns(size, counts)})
        for left, layer in enumerate(reversed(self.layers)):  # left: how many layers come after this one
            now = graph.ask(f"layer {layer}", self._options(graph, layer, left, after, inside), weight)
            open_now: dict[tuple[int, _Turns], Question] = {}
            for turns in loops:
                for members in range(1, min((turns.size or most) - 1, left + 1) + 1):
                    options = [] if not self.gaps or members > left else [Option("out", (), inside[members, turns])]
                    onwards = graph.repeat(turns.times, after) if members == 1 else inside[members - 1, turns]
                    options.append(Option("in", (turns.slot(layer),), onwards))
                    open_now[members, turns] = graph.ask(f"layer {layer} in loop", options, weight * turns.times)
            after, inside = now, open_now
        return after

    def _options(
        self, graph: Graph, layer: int, left: int, after: Question, inside: dict[tuple[int, _Turns], Question]
    ) -> list[Option]:
        options = []
        for size, counts in self._shapes:
            if size == 1:
                options += [
                    Option(f"x{turns}", (turns.slot(layer),) * turns.times, after) for turns in self._turns(1, counts)
                ]
            elif size - 1 <= left:
                options += [
                    Option(
                        f"{size}x{turns}", (turns.slot(layer),), inside[size - 1, turns], opens=True, weight=turns.times
                    )
                    for turns in self._turns(size, counts)
                ]
        return options

    def _turns(self, size: int, counts: Iterable[int]) -> list[_Turns]:
        """How often a block of this size can be run, with each damping; running it once has none."""
        once = [_Turns(0, times, 1.0) for times in counts if times < 2]
        return once + [
            _Turns(size if damping != 1 else 0, times, damping)
            for damping in self.dampings
            for times in counts
            if times > 1
        ]

    def parts(self) -> dict[str, Any]:
        shapes = [[size, list(counts)] for size, counts in self._shapes]
        dampings = {} if self.dampings == (1.0,) else {"dampings": list(self.dampings)}
        return {"layers": list(self.layers), "shapes": shapes, "gaps": self.gaps} | dampings


@dataclass(frozen=True)
class Window(Word):
    """Every order of the layers in which each stays less than `width` places from where it is given."""

    layers: tuple[int, ...]
    width: int
    kind = "window"

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", _layers(self.layers, "Window"))
        if len(set(self.layers)) != len(self.layers):
            raise InvalidInput(f"Window() takes each layer once, not {self.layers}")
        if whole_number("width", self.width, 1) > 8:
            raise InvalidInput(f"width={self.width} is too large: the questions grow as 4^width; use 1 to 8")

    def build(self, graph: Graph, then: Question, weight: int) -> Question:
        total = len(self.layers)
        # A state is the set of the places taken so far, as bits of a whole number.
        states: list[set[int]] = [{0}]
        for place in range(total):
            states.append({taken | 1 << pick for taken in states[-1] for pick in self._free(place, taken)})
        nodes = dict.fromkeys(states[-1], then)
        for place in reversed(range(total)):
            nodes = {
                taken: graph.ask(
                    f"place {place}",
                    [
                        Option(str(self.layers[pick]), (self.layers[pick],), nodes[taken | 1 << pick])
                        for pick in self._free(place, taken)
                    ],
                    weight,
                )
                for taken in states[place]
            }
        return nodes[0]

    def _free(self, place: int, taken: int) -> list[int]:
        """The layers that may take this place; only one where it can't be placed later."""
        first, last = max(0, place - self.width + 1), min(len(self.layers) - 1, place + self.width - 1)
        if first == place - self.width + 1 and not taken >> first & 1:
            return [first]
        return [pick for pick in range(first, last + 1) if not taken >> pick & 1]

    def parts(self) -> dict[str, Any]:
        return {"layers": list(self.layers), "width": self.width}


def from_json(data: Any) -> Word:
    """The word that `to_json` wrote."""
    if not isinstance(data, Mapping) or data.get("word") not in _READERS:
        raise InvalidInput(f"{data!r} isn't a word of a space; known are {', '.join(_READERS)}")
    try:
        word: Word = _READERS[data["word"]](data)
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"the word {data['word']!r} is incomplete: {error!r} in {data!r}") from None
    return word


_READERS: dict[str, Any] = {
    "run": lambda data: Run(layers_from_json(data["layers"])),
    "concat": lambda data: Concat(tuple(map(from_json, data["words"]))),
    "choice": lambda data: Choice(tuple(map(from_json, data["words"]))),
    "loop": lambda data: Loop(from_json(data["of"]), tuple(data["counts"])),
    "blocks": lambda data: Blocks(
        tuple(data["layers"]), tuple(map(tuple, data["shapes"])), data["gaps"], tuple(data.get("dampings", (1.0,)))
    ),
    "window": lambda data: Window(tuple(data["layers"]), data["width"]),
}


def _layers(layers: Iterable[int], name: str) -> tuple[int, ...]:
    if isinstance(layers, (str, bytes)) or not isinstance(layers, Iterable):
        raise InvalidInput(f"{name}() takes layer indices such as (0, 1, 2), not {layers!r}")
    return tuple([layer if has_weights((layer,)) else whole_number("layer", layer, 0) for layer in layers])


def checked_dampings(dampings: Iterable[float]) -> tuple[float, ...]:
    """Distinct dampings of loops, in the order given; at least one.

    Raises:
        InvalidInput: none, one twice, or one outside of 0 to 1.
    """
    found = tuple([checked_weight(damping, 0, 1, "damping") for damping in dampings])
    if not found or len(set(found)) < len(found):
        raise InvalidInput(f"damping={found} doesn't work; give different numbers from 0 to 1, such as 1,.5")
    return found


def _words(words: Iterable[Word], name: str) -> tuple[Word, ...]:
    checked = tuple(words)
    for word in checked:
        if not isinstance(word, Word):
            raise InvalidInput(f"{name}() takes words such as Run((0, 1)), not {word!r}")
    if not checked:
        raise InvalidInput(f"{name}() needs at least one word; Run(()) stands for nothing")
    return checked


def _counts(counts: Iterable[int], name: str) -> tuple[int, ...]:
    found = tuple(sorted({whole_number("count", count, 0) for count in counts}))
    if not found:
        raise InvalidInput(f"{name}() needs at least one count")
    return found
