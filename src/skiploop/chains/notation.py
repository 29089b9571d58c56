"""The notation of chains: reading and writing. Pure Python, no torch.

See `skiploop.chains.chain` for the notation itself; here are plain functions on tuples of layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, groupby

from skiploop.chains.weights import (
    WeightedLayer,
    damped,
    damped_loops,
    has_weights,
    indices,
    loop_of,
    read_layer,
    scale_of,
    scaled,
    weight,
    weight_text,
    without_loop,
)
from skiploop.errors import InvalidInput
from skiploop.validate import as_index, whole_number

LONGEST = 65_536  # slots; a cap of its own, so that "0x999999999" is an error and not an out-of-memory

_WORD = re.compile(r"\(|\)[^\s,()]*|[^\s,()]+")
_SUFFIX = r"(?:\*([0-9.]+))?(?:x([0-9]{1,9})(?:~([0-9.]+))?)?"  # scale, runs, damping
_TOKEN = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?" + _SUFFIX)
_CLOSE = re.compile(r"\)" + _SUFFIX)
_ITEM = re.compile(r"[0-9]+(?:-[0-9]+)?(?:\*[0-9.]+)?")  # what takes a suffix without parentheses


def layer_index(entry: object, num_layers: int) -> int:
    if isinstance(entry, str) and ("~" in entry or "*" in entry):
        entry = read_layer(entry)
    layer = entry if isinstance(entry, WeightedLayer) else as_index(entry)
    if layer is None:
        raise InvalidInput(f"layer {entry!r} isn't a whole number; use ints from 0 to {num_layers - 1}")
    if not 0 <= layer < num_layers:
        raise InvalidInput(
            f"layer {layer} is out of range: the model has {num_layers} layers, 0..{num_layers - 1}; use one of those"
        )
    return layer


def length_limit(max_length: int | None) -> int:
    return LONGEST if max_length is None else whole_number("max_length", max_length, 1)


def check_length(slots: int, limit: int) -> None:
    if slots < 1:
        raise InvalidInput("the chain is empty: nothing would be run; keep at least one layer")
    if slots > limit:
        raise InvalidInput(f"the chain has {slots} slots, {limit} are allowed; shorten it or raise max_length")


# Notation: reading


def parse_layers(text: str, num_layers: int, limit: int) -> list[int]:
    body = text.strip()
    if body.startswith("[") and body.endswith("]"):
        return [_number(word.strip("'\""), num_layers) for word in re.split(r"[\s,]+", body[1:-1].strip()) if word]
    blocks: list[list[int]] = [[]]  # the innermost open block is the last
    for word in _WORD.findall(body):
        if word == "(":
            blocks.append([])
            continue
        done = _close(word, blocks, limit) if word[0] == ")" else _read(word, num_layers, limit)
        blocks[-1].extend(done)
    if len(blocks) > 1:
        raise InvalidInput(f"{text!r} has a '(' without its ')'; write a looped block as (1 3)x2")
    return blocks[0]


def _number(word: str, num_layers: int) -> int:
    if "~" in word or "*" in word:
        return read_layer(word)
    if not re.fullmatch("[0-9]{1,9}", word):
        raise InvalidInput(f"{word!r} isn't a layer index; a list holds ints from 0 to {num_layers - 1}")
    return int(word)


def _read(word: str, num_layers: int, limit: int) -> list[int]:
    match = _TOKEN.fullmatch(word)
    if match is None:
        raise InvalidInput(
            f"unknown token {word!r} in a chain; tokens are 4, 4-7, 4-7x2, (1 3)x2, damped 4-7x2~.5 and scaled 4*.7"
        )
    first = layer_index(int(match[1]), num_layers)
    last = layer_index(int(match[2] or first), num_layers)
    if last < first:
        raise InvalidInput(f"the range in {word!r} descends; write its layers one by one: {first} ... {last}")
    return _repeat(list(range(first, last + 1)), (match[3], match[4], match[5]), word, limit)


def _close(word: str, blocks: list[list[int]], limit: int) -> list[int]:
    match = _CLOSE.fullmatch(word)
    if match is None:
        raise InvalidInput(f"unknown token {word!r} in a chain; a looped block is written as (1 3)x2")
    if len(blocks) == 1:
        raise InvalidInput(f"{word!r} has no '(' before it; write a looped block as (1 3)x2")
    block = blocks.pop()
    if not block:
        raise InvalidInput(f"nothing stands between '(' and {word!r}; name the layers of the block: (1 3)x2")
    return _repeat(block, (match[1], match[2], match[3]), word, limit)


def _repeat(block: list[int], suffix: tuple[str | None, str | None, str | None], word: str, limit: int) -> list[int]:
    scale, times, damping = suffix
    count = 1 if times is None else int(times)
    if count < 1:
        raise InvalidInput(f"repeat count {count} in {word!r} is below 1; use x1, x2, ...")
    check_length(len(block) * count, limit)  # before the list is built
    if scale is not None:
        block = list(scaled(block, weight(scale, 0, 4, "scale")))
    if damping is None:
        return block * count
    return list(damped(block, count, weight(damping, 0, 1, "damping")))


# Notation: writing


def repeats(layers: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """All (start, size, times): a block of that size from that slot is run at most this number (>= 2) of times."""
    later: dict[int, list[int]] = {}  # layer -> slots seen so far, which are those to the right
    equal: dict[int, int] = {}  # distance d -> number of slots from here that equal the slot d further on
    for start in range(len(layers) - 1, -1, -1):
        seen = later.setdefault(layers[start], [])
        equal = {slot - start: equal.get(slot - start, 0) + 1 for slot in reversed(seen)}
        for size, same in equal.items():
            if same >= size:
                yield start, size, 1 + same // size
        seen.append(start)


def format_layers(layers: tuple[int, ...]) -> str:
    """The text of a chain; a damped loop is one item, and so are neighbouring slots of one scale."""
    if not has_weights(layers):
        return _format_plain(layers)
    texts: list[str] = []
    slot = 0
    for start, loop in damped_loops(layers):
        texts += _scaled_texts(layers[slot:start])
        window = format_layers(without_loop(layers[start : start + loop.size]))
        block = window if _ITEM.fullmatch(window) else f"({window})"
        texts.append(f"{block}x{loop.times}~{weight_text(loop.beta)}")
        slot = start + loop.size * loop.times
    return " ".join([*texts, *_scaled_texts(layers[slot:])])


def _scaled_texts(layers: tuple[int, ...]) -> Iterator[str]:
    for scale, group in groupby(layers, key=scale_of):
        text = _format_plain(indices(tuple(group)))
        if scale == 1:
            yield text
        else:
            yield f"{text if _ITEM.fullmatch(text) else f'({text})'}*{weight_text(scale)}"


def _format_plain(layers: tuple[int, ...]) -> str:
    """The cheapest items, by dynamic programming from the right.

    A range or a layer costs 1, a block that isn't a range its ranges + 1, and each step back outside a block
    2 more: so a loop is written as one, and not as two ranges that overlap.

    `fresh[i]`: cost of slots i.. when a new item begins at i; `inside[i]`: when a range up to i-1 may go on.
    """
    slots = len(layers)
    starts = [_start_cost(layers, slot) for slot in range(slots)]  # [N]
    breaks = list(accumulate((cost > 0 for cost in starts), initial=0))  # [N + 1], ranges among the slots before
    fresh, inside = [0] * (slots + 1), [0] * (slots + 1)
    choice: list[tuple[int, int] | None] = [None] * slots
    loops: dict[int, list[tuple[int, int]]] = {}
    for start, size, times in repeats(layers):
        loops.setdefault(start, []).append((size, times))
    for i in range(slots - 1, -1, -1):
        fresh[i] = max(starts[i], 1) + inside[i + 1]
        for size, times in sorted(loops.get(i, ())):
            inner = breaks[i + size] - breaks[i + 1]
            cost = max(starts[i], 1) + inner + (inner > 0) + fresh[i + size * times]
            if cost < fresh[i] or (cost == fresh[i] and choice[i] is None):
                fresh[i], choice[i] = cost, (size, times)
        inside[i] = fresh[i] if starts[i] else min(fresh[i], inside[i + 1])
    return " ".join(_items(layers, choice, fresh, inside))


def _start_cost(layers: tuple[int, ...], slot: int) -> int:
    """Of a range from this slot: 0 where the one before goes on, 1 after a skip, 3 after a step back."""
    ahead = layers[slot] - layers[slot - 1] if slot else 2
    return 0 if ahead == 1 else 1 if ahead > 0 else 3


def _items(
    layers: tuple[int, ...], choice: list[tuple[int, int] | None], fresh: list[int], inside: list[int]
) -> Iterator[str]:
    i = 0
    while i < len(layers):
        picked = choice[i]
        if picked is not None:
            size, times = picked
            yield f"{block_text(layers[i : i + size])}x{times}"
            i += size * times
            continue
        end = i + 1
        while end < len(layers) and layers[end] == layers[end - 1] + 1 and inside[end] < fresh[end]:
            end += 1
        yield _range_text(layers[i], layers[end - 1])
        i = end


def block_text(block: tuple[int, ...]) -> str:
    if any(loop_of(layer) for layer in block):
        block = without_loop(block)
    if block == tuple(range(block[0], block[0] + len(block))):
        return _range_text(block[0], block[-1])
    return f"({format_layers(block)})"


def _range_text(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
