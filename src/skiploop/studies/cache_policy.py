"""Where a cache policy can't make a difference it is refused: who gives one expects that it does. No torch."""

from __future__ import annotations

import random
from collections.abc import Iterable

from skiploop.chains.chain import Chain
from skiploop.chains.policy import repeats
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.tasks import Task

_SAMPLES = 256  # chains in which a space shows whether it runs layers more than once


def check_policy(
    policy: str, chains: Iterable[Chain], what: str, task: Task | None = None, *, flag: str = "--cache-policy"
) -> None:
    """Raises InvalidInput where a policy other than `own` can't matter.

    Args:
        policy: of the cache.
        chains: that are run; looked at until one of them runs a layer more than once.
        what: these chains are called, for the message.
        task: whose answers are to be judged; None where text is generated in any case.
        flag: that gave the policy.
    """
    if policy == "own":
        return
    if task is not None and task.scores_options:
        raise InvalidInput(
            f"{flag} {policy} makes no difference on {task.name!r}: its options are scored in one forward with "
            "the prompt, and a policy says what later forwards find; leave it out, or use a task whose answers are "
            "generated"
        )
    if not any(repeats(chain.layers) for chain in chains):
        raise InvalidInput(
            f"{flag} {policy} makes no difference to {what}, which runs no layer more than once; leave it out, "
            "or give a loop"
        )


def check_space_policy(policy: str, space: Space, task: Task, *, flag: str = "--cache-policy") -> None:
    """The same for a search: whether a space has loops is seen in the identity's children and a sample."""

    def some() -> Iterable[Chain]:
        yield from space.children(space.identity)
        rng = random.Random(0)
        for _ in range(_SAMPLES):
            yield space.sample(rng)

    check_policy(policy, some(), f"the space {space.name!r}", task, flag=flag)
