"""A flow in the formulation with P_B, to check the one by questions against.

Edits lead from the identity to a chain, until the policy stops. A chain is reached in many ways, so P_B matters: here
it is uniform over the parents. Without it, chains with many ways would be too likely. Edits have cycles (a loop can be
skipped again), so only those that lead further from the identity are taken, which needs the space listed.
"""

from __future__ import annotations

import math

import numpy as np

from skiploop.chains.chain import Chain
from skiploop.searchers.samplers.flows import Policy, Trajectory
from skiploop.spaces.space import Space


class EditGraph:
    """Chains by edits away from the identity, then a stop; a chain's parents are one step nearer to the identity.

    Args:
        space: small enough to list; chains that no edits lead to aren't built.
        policy: learns the edits, a number for each.
    """

    def __init__(self, space: Space, policy: Policy) -> None:
        self.space = space
        self.policy = policy
        self.children: dict[Chain, list[Chain]] = {}
        self.parents: dict[Chain, list[Chain]] = {space.identity: []}
        level = [space.identity]
        while level:
            known = set(self.parents)
            for chain in level:
                self.children[chain] = [child for child in space.children(chain) if child not in known]
                for child in self.children[chain]:
                    self.parents.setdefault(child, []).append(chain)
            level = [chain for chain in self.parents if chain not in known]

    def toward(self, chain: Chain, rng: np.random.Generator) -> Trajectory:
        """From the chain back to the identity, each parent equally likely."""
        states, picks, log_back = [self.state(chain)], [0], 0.0
        while parents := self.parents[chain]:
            parent = parents[int(rng.integers(len(parents)))]
            log_back -= math.log(len(parents))
            states.append(self.state(parent))
            picks.append(1 + self.children[parent].index(chain))
            chain = parent
        return Trajectory(np.array(states, np.int64), np.array(picks, np.int64), log_back)

    def sample(self, rng: np.random.Generator) -> Chain:
        """Edits until it stops."""
        chain = self.space.identity
        while pick := self.policy.draw(self.state(chain), rng):
            chain = self.children[chain][pick - 1]
        return chain

    def state(self, chain: Chain) -> int:
        """The id of a chain's state; answer 0 is to stop, the others are its children."""
        return self.policy.state(chain, lambda: [[(chain, pick)] for pick in range(1 + len(self.children[chain]))])
