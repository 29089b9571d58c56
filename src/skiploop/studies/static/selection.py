"""Which chain is chosen, of those that were run on all training inputs. No torch.

best       the highest mean reward
cheapest   the fewest layer calls of those that lose little
front      the best for each number of layer calls: where the cost/accuracy curve comes from
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from skiploop.errors import InvalidInput
from skiploop.studies.static.race import Candidate

_ROUNDING = 1e-9  # means are sums of many fractions


class Offer(NamedTuple):
    """A candidate, and who proposed it."""

    by: str
    candidate: Candidate


def best(candidates: Sequence[Candidate]) -> Candidate:
    """The highest mean reward; among equals the shortest chain, then the first."""
    if not candidates:
        raise InvalidInput("no chain was run on all training inputs; raise the budget")
    return min(candidates, key=lambda each: (-each.mean, len(each.chain)))


def cheapest(candidates: Sequence[Candidate], least: float) -> Candidate | None:
    """The fewest layer calls at a mean reward of `least`; among equals the best, then the first; None: none has it."""
    enough = [each for each in candidates if each.mean >= least - _ROUNDING]
    return min(enough, key=lambda each: (len(each.chain), -each.mean), default=None)


def front(candidates: Mapping[str, Sequence[Candidate]], most: int) -> list[Offer]:
    """The best chain for each number of layer calls, where it is better than all shorter ones; shortest first.

    Args:
        candidates: by who proposed them; of equal ones the first counts.
        most: chains that are kept, both ends among them and the rest evenly spaced.
    """
    if not most:
        return []
    offers = [Offer(by, each) for by, own in candidates.items() for each in own]
    found: list[Offer] = []
    for offer in sorted(offers, key=lambda offer: (len(offer.candidate.chain), -offer.candidate.mean)):
        if not found or offer.candidate.mean > found[-1].candidate.mean + _ROUNDING:
            found.append(offer)
    if len(found) <= most:
        return found
    places = {round(place * (len(found) - 1) / max(most - 1, 1)) for place in range(most)}
    return [found[place] for place in sorted(places)]
