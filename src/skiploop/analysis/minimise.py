"""Delta debugging: a smallest part of a set that is enough (ddmin; Zeller and Hildebrandt 2002).

Searches are generators that yield the sets they want tried and are sent the verdicts, so that `lockstep` can carry on
many at once and have what they ask evaluated together.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import pairwise

Subset = tuple[int, ...]
Minimising = Generator[list[Subset], list[bool], Subset]


def ddmin(items: Sequence[int]) -> Minimising:
    """A subset that is enough and from which no single item can be left out.

    It is 1-minimal, not the smallest there is. `items` as a whole must be enough; the empty set isn't tried.
    """
    current, parts = tuple(items), 2
    while len(current) >= 2:
        pieces = _split(current, parts)
        rest = [tuple(item for item in current if item not in piece) for piece in pieces] if parts > 2 else []
        verdicts = yield [*pieces, *rest]
        enough = next((i for i, verdict in enumerate(verdicts) if verdict), None)
        if enough is None:
            if parts == len(current):
                break
            parts = min(2 * parts, len(current))
        elif enough < len(pieces):
            current, parts = pieces[enough], 2
        else:
            current, parts = rest[enough - len(pieces)], max(parts - 1, 2)
    return current


def lockstep(
    searches: Sequence[Minimising], verdicts: Callable[[list[tuple[int, Subset]]], Sequence[bool]]
) -> list[Subset]:
    """The results of many searches; in each round all that they ask is tried together.

    Args:
        searches: not yet begun.
        verdicts: whether each (number of a search, subset) is enough.
    """
    results: dict[int, Subset] = {}
    waiting: dict[int, list[Subset]] = {}
    for number, search in enumerate(searches):
        _advance(number, search, None, waiting, results)
    while waiting:
        asked = [(number, subset) for number, subsets in waiting.items() for subset in subsets]
        answers = iter(verdicts(asked))
        for number, subsets in list(waiting.items()):
            said = [next(answers) for _ in subsets]
            _advance(number, searches[number], said, waiting, results)
    return [results[number] for number in range(len(searches))]


def _advance(
    number: int,
    search: Minimising,
    said: list[bool] | None,
    waiting: dict[int, list[Subset]],
    results: dict[int, Subset],
) -> None:
    try:
        waiting[number] = next(search) if said is None else search.send(said)
    except StopIteration as end:
        waiting.pop(number, None)
        results[number] = end.value


def _split(items: Subset, parts: int) -> list[Subset]:
    """Neighbouring pieces of sizes that differ by one at most."""
    bounds = [len(items) * i // parts for i in range(parts + 1)]
    return [items[a:b] for a, b in pairwise(bounds)]
