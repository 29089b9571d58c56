"""A chain as ranges of layers, in the form of PEFT's `layer_replication` and of mergekit's passthrough merges.

    0 1 2 3 2 3 4    is    [[0, 4], [2, 5]]

Each pair is a first layer and the one after the last. Pure Python, no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from skiploop.errors import InvalidInput


def to_ranges(layers: Iterable[int]) -> list[list[int]]:
    """The fewest ranges [start, end) that give the layers, in their order."""
    ranges: list[list[int]] = []
    for layer in layers:
        if ranges and ranges[-1][1] == layer:
            ranges[-1][1] += 1
        else:
            ranges.append([layer, layer + 1])
    return ranges


def from_ranges(ranges: Iterable[Sequence[int]], num_layers: int) -> Iterator[int]:
    """The layers of ranges [start, end).

    Raises:
        InvalidInput: one isn't a pair of whole numbers with 0 <= start < end <= num_layers.
    """
    try:
        pairs = list(ranges)
    except TypeError:
        raise InvalidInput(f"layer_replication is a list of pairs such as [[0, 4], [2, 5]], not {ranges!r}") from None
    for pair in pairs:
        whole = isinstance(pair, list | tuple) and len(pair) == 2 and all(type(each) is int for each in pair)
        if not whole or not 0 <= pair[0] < pair[1] <= num_layers:
            raise InvalidInput(
                f"{pair!r} in layer_replication is no range of layers: a pair is the first layer and the one after the "
                f"last, within 0 to {num_layers}, such as [0, {num_layers}]"
            )
        yield from range(pair[0], pair[1])
