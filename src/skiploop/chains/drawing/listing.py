"""A chain in one line of words, for where there is no room to draw it. Pure Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skiploop.chains.drawing.program import Item, Repeat
from skiploop.chains.weights import weight_text


def listed(items: Iterable[Item], num_layers: int, *, times: str, back: str) -> list[str]:
    """Words: `0..9` run, `(10..11)` skipped, `[12..15]×2` looped, and a mark before what a jump back leads to."""
    listing = _Listing(times, back)
    words = [*listing.words(items)]
    if listing.last < num_layers - 1:
        words.append(f"({_range(listing.last + 1, num_layers - 1)})")
    return words


class _Listing:
    def __init__(self, times: str, back: str) -> None:
        self.times, self.back = times, back
        self.last = -1  # the layer just run

    def words(self, items: Iterable[Item]) -> Iterator[str]:
        begun: int | None = None  # first layer of the range that is open
        for item in items:
            if isinstance(item, int) and begun is not None and item == self.last + 1:
                self.last = item
                continue
            if begun is not None:
                yield _range(begun, self.last)
                begun = None
            if isinstance(item, int):
                yield from self.step_to(item)
                begun = self.last = item
            else:
                yield from self.bracketed(item)
        if begun is not None:
            yield _range(begun, self.last)

    def bracketed(self, loop: Repeat) -> Iterator[str]:
        """The words of a loop; what leads to its block stands before the bracket."""
        words = [*self.words(loop.body)]
        begin = int(words[0] == self.back or words[0][0] == "(")
        words[begin] = f"[{words[begin]}"
        damping = f"~{weight_text(loop.damping)}" if loop.damping != 1 else ""
        words[-1] += f"]{self.times}{loop.times}{damping}"
        yield from words

    def step_to(self, layer: int) -> Iterator[str]:
        """What lies between the layer just run and the next one."""
        if layer > self.last + 1:
            yield f"({_range(self.last + 1, layer - 1)})"
        elif layer <= self.last:
            yield self.back


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}..{last}"
