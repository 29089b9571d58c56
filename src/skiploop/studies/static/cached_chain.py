"""A chain with the cache policy under which it is run: what a static search chooses. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, repeats
from skiploop.chains.weights import Layers


@dataclass(frozen=True, slots=True)
class CachedChain:
    """A chain, and which keys and values its loops leave for later tokens.

    Attributes:
        chain: the layers.
        policy: of the cache, see `skiploop.chains.policy`. Where a study doesn't choose between policies, `own`
            stands for the one that its requests have anyway.
    """

    chain: Chain
    policy: CachePolicy = "own"

    def __len__(self) -> int:
        """Layer calls of one forward."""
        return len(self.chain)

    @property
    def layers(self) -> Layers:
        """The chain's."""
        return self.chain.layers

    @property
    def is_identity(self) -> bool:
        """Whether it is the model as it is."""
        return self.chain.is_identity


def variants(chain: Chain, policies: Iterable[CachePolicy]) -> list[CachedChain]:
    """The chain under each policy; once, as it is, where it runs no layer twice and all policies are the same."""
    if not repeats(chain.layers):
        return [CachedChain(chain)]
    return [CachedChain(chain, policy) for policy in policies]
