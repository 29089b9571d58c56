"""Ways to choose a chain for all inputs that a static search is compared with.

    block       RYS: the best of all chains in which one block is run twice; its whole (i, j) map is kept
    influence   ShortGPT (arXiv 2403.03853): how much each layer turns the hidden state, on the training prompts; the
                layers with the least Block Influence are left out, as many as does best on the training inputs
    gates       a gate on each layer, trained by gradient on the training answers (`skiploop.models.gates`)

Each is a function of `Training` and `References` in `REFERENCES`; None where there is nothing to do it with. Torch is
imported when the model is looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.spaces.named import make_space
from skiploop.studies.evaluation import request
from skiploop.studies.execution import References
from skiploop.studies.static.cached_chain import CachedChain
from skiploop.studies.static.figures import BlockMean
from skiploop.studies.static.race import Candidate, Evaluate, Halving, race
from skiploop.tasks import Example, Task

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""What an open gate costs, in nats: one training each, from chains that keep nearly all layers to short ones."""

_BATCH = 16
_MOST_MAPPED = 64  # training inputs on which the whole map of blocks is measured
_KEPT_OF_MAP = 8  # its best chains, which go on to all training inputs


@dataclass(frozen=True, slots=True)
class Training:
    """The training inputs, and chains run on them.

    Attributes:
        examples: the inputs.
        plan: how they are dealt out.
        evaluate: rewards of pairs of a chain and the number of an input.
        identity: L layers in their order.
        max_depth: most layer calls of a chain that can be chosen; None: any number.
    """

    examples: tuple[Example, ...]
    plan: Halving
    evaluate: Evaluate
    identity: Chain
    max_depth: int | None = None

    def fits(self, chain: Chain) -> bool:
        """Whether it can be chosen."""
        return self.max_depth is None or len(chain) <= self.max_depth

    def race(self, chains: Sequence[Chain]) -> list[Candidate]:
        """Against each other: few go on to all inputs."""
        return race(list(map(CachedChain, chains)), self.plan, self.evaluate)

    def on_all(self, chains: Iterable[Chain]) -> list[Candidate]:
        """Each on all inputs."""
        at_once = replace(self, plan=replace(self.plan, first=self.plan.inputs))
        return [at_once.race([chain])[0] for chain in chains]


@dataclass(frozen=True, slots=True)
class Suggested:
    """What a reference comes to.

    Attributes:
        candidates: its chains, run on all training inputs.
        block_map: every block run twice, where it was measured.
        block_influence: of each layer, where it was measured.
    """

    candidates: list[Candidate]
    block_map: tuple[BlockMean, ...] | None = None
    block_influence: tuple[float, ...] | None = None


def blocks(training: Training, references: References) -> Suggested | None:
    """RYS: every block twice, on a part of the training inputs; the best go on to all of them."""
    space = make_space("block", training.identity.num_layers)
    plan, every = training.plan, [chain for chain in space.children(training.identity) if training.fits(chain)]
    if not every:
        return None
    few = replace(plan, inputs=min(_MOST_MAPPED, plan.inputs), first=plan.inputs)
    part, mapped = replace(training, plan=few), list[Candidate]()
    for start in range(0, len(every), plan.per_round):
        mapped += part.race(every[start : start + plan.per_round])
    best = sorted(mapped, key=lambda each: -each.mean)[:_KEPT_OF_MAP]
    cells = [BlockMean(*_ends(each.chain.chain), few.inputs, each.mean) for each in mapped]
    return Suggested(training.on_all([each.chain.chain for each in best]), block_map=tuple(cells))


def pruned(training: Training, references: References) -> Suggested | None:
    """ShortGPT: without the 1, 2, ... layers of the least influence, up to half of them, or more to fit."""
    if references.influence is None:
        return None
    scores = tuple(map(float, references.influence([example.prompt for example in training.examples])))
    order = sorted(range(len(scores)), key=lambda layer: scores[layer])
    most = max(len(order) // 2, len(order) - (training.max_depth or len(order)))
    kept = [sorted(order[dropped:]) for dropped in range(1, most + 1)]
    chains = [Chain(layers, training.identity.num_layers) for layers in kept]
    return Suggested(training.on_all(filter(training.fits, chains)), block_influence=scores)


def gated(training: Training, references: References) -> Suggested | None:
    """The layers whose gates stay open, by penalty; None where no gates, or none of few enough open ones, are there."""
    if references.gates is None:
        return None
    chains = [chain for chain in references.gates(training.examples) if training.fits(chain)]
    return Suggested(training.on_all(chains)) if chains else None


REFERENCES: dict[str, Callable[[Training, References], Suggested | None]] = {
    "block": blocks,
    "influence": pruned,
    "gates": gated,
}
"""By name, in the order in which they are run."""


def _ends(chain: Chain) -> tuple[int, int]:
    """First and last layer of the block that this chain runs twice."""
    looped = sorted(chain.looped)
    return looped[0], looped[-1]


# A look into the model


def of_model(model: Any, task: Task, *, gates: bool, seed: int) -> References:
    """The references of a `LayeredModel`; gates only where they are wanted, as they need memory for gradients."""
    return References(
        lambda prompts: _influence(model, prompts),
        (lambda examples: gate_chains(model, task, examples, seed=seed)) if gates else None,
    )


def gate_chains(
    model: Any,
    task: Task,
    examples: Sequence[Example],
    *,
    seed: int = 0,
    penalties: Sequence[float] = PENALTIES,
    steps: int = 200,
) -> list[Chain]:
    """The distinct chains that gates trained on the right answers of these examples leave open, one per penalty."""
    from skiploop.models.gates import GateSettings, train_gates

    batches = answer_batches(model, task, examples)
    settings = [GateSettings(steps=steps, penalty=penalty, seed=seed) for penalty in penalties]
    return list(dict.fromkeys(train_gates(model.hf, batches, each).chain for each in settings))


def answer_batches(model: Any, task: Task, examples: Sequence[Example]) -> list[Any]:
    """Token ids and labels, both [B, T], of prompts with their right answers; only the answers are labelled."""
    import torch

    from skiploop.models.gates import IGNORED

    end = list(model.eos_ids[:1])
    batches = []
    for start in range(0, len(examples), _BATCH):
        pairs = [_pair(model, task, each) for each in examples[start : start + _BATCH]]
        longest = max([len(prompt) + len(answer) + len(end) for prompt, answer in pairs])
        ids = torch.full((len(pairs), longest), end[0] if end else 0)
        labels = torch.full_like(ids, IGNORED)
        for row, (prompt, answer) in enumerate(pairs):
            written = torch.tensor([*prompt, *answer, *end])
            ids[row, : len(written)] = written
            labels[row, len(prompt) : len(written)] = written[len(prompt) :]
        batches.append((ids.to(model.device), labels.to(model.device)))
    return batches


def _pair(model: Any, task: Task, example: Example) -> tuple[list[int], list[int]]:
    asked = request(task, example, Chain.identity(model.num_layers))
    if asked.continuations and example.gold is not None:
        answer = asked.continuations[example.gold]
    else:
        answer = example.answer if asked.expected is None else asked.expected
    prompt, tokens = model.encode_pair(example.prompt, answer)
    return list(prompt), list(tokens)


def _influence(model: Any, prompts: Sequence[str]) -> Sequence[float]:
    from skiploop.models.influence import block_influence

    return block_influence(model, prompts)
