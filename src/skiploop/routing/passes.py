"""A pass: one way to run a model on an input. A router chooses between the answers of passes. No torch.

    identity   the model as it is, under the task's own prompt; always the first of a list of passes
    menu       a chain that a router may run
    random     a chain of the same depth as one of the menu, its edits drawn blindly
    prompt     the identity under another prompt for the same question
    sample     the identity, sampled

The last three are opponents: the same rule is fitted on them, at the same number of passes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput

Role = Literal["identity", "menu", "random", "prompt", "sample"]
ROLES: tuple[Role, ...] = ("identity", "menu", "random", "prompt", "sample")
_TRIES = 200


@dataclass(frozen=True, slots=True)
class ModelPass:
    """One way to run the model.

    Attributes:
        role: what it stands for, see the module.
        chain: the layers that are run.
        prompt: which form of the prompt; 0 is the task's own.
        seed: of a sampled answer; None: greedy, or options scored.
    """

    role: Role
    chain: Chain
    prompt: int = 0
    seed: int | None = None

    @property
    def depth(self) -> int:
        """Layer calls of the pass; of a generated answer, for each token."""
        return len(self.chain)

    def __str__(self) -> str:
        more = f" prompt {self.prompt}" * (self.role == "prompt") + f" sample {self.seed}" * (self.role == "sample")
        return f"{self.chain}{more}"

    def to_json(self) -> dict[str, Any]:
        """As it is in files."""
        return {"role": self.role, "chain": self.chain.to_json(), "prompt": self.prompt, "seed": self.seed}

    @classmethod
    def from_json(cls, value: dict[str, Any], num_layers: int) -> ModelPass:
        """The pass that was written so; `num_layers` of the model."""
        if value["role"] not in ROLES:
            raise InvalidInput(f"unknown role {value['role']!r} of a pass; there are {', '.join(ROLES)}")
        return cls(value["role"], Chain(value["chain"], num_layers), value["prompt"], value["seed"])


def passes_for(
    menu: Sequence[Chain], num_layers: int, *, prompts: int = 0, samples: int = 0, seed: int = 0
) -> tuple[ModelPass, ...]:
    """The identity, a menu, as many random chains of the menu's depths, further prompts, and samples.

    Raises:
        InvalidInput: a chain is there twice, is the identity, or is of another model.
    """
    identity = Chain.identity(num_layers)
    chains = list(menu)
    for chain in chains:
        if chain.num_layers != num_layers:
            raise InvalidInput(f"the chain {chain} is of a model of {chain.num_layers} layers, not {num_layers}")
    if identity in chains or len(set(chains)) < len(chains):
        raise InvalidInput("the menu has a chain twice, or the identity, which is run in any case; leave it out")
    peers = random_peers(chains, num_layers, seed)
    return (
        ModelPass("identity", identity),
        *(ModelPass("menu", chain) for chain in chains),
        *(ModelPass("random", chain) for chain in peers),
        *(ModelPass("prompt", identity, prompt=i + 1) for i in range(prompts)),
        *(ModelPass("sample", identity, seed=i) for i in range(samples)),
    )


def random_peers(menu: Sequence[Chain], num_layers: int, seed: int) -> list[Chain]:
    """For each chain of a menu another one of its depth: layers are left out, or run twice, at random."""
    draw, taken = random.Random(seed), {Chain.identity(num_layers), *menu}
    peers: list[Chain] = []
    for chain in menu:
        for _ in range(_TRIES):
            peer = Chain(tuple(_edited(len(chain), num_layers, draw)), num_layers)
            if peer not in taken:
                break
        taken.add(peer)
        peers.append(peer)
    return list(dict.fromkeys(peers))


def _edited(depth: int, num_layers: int, draw: random.Random) -> list[int]:
    """A blind chain of this depth: as few single layers as possible are skipped, or run twice; one of each if none."""
    every = list(range(num_layers))
    skips, loops = max(0, num_layers - depth), max(0, depth - num_layers)
    if not skips and not loops:
        skips = loops = 1
    gone = set(draw.sample(every, skips))
    kept = [layer for layer in every if layer not in gone]
    twice = draw.choices(kept, k=loops)
    return sorted([*kept, *twice])
