"""Hidden states after each slot of a chain, on any model on which chains can be run.

Shapes: N slots of the chain, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from skiploop.chains.chain import Chain
from skiploop.models.layered import LayeredModel
from skiploop.models.replay import Session, hidden_of, probing


@torch.inference_mode()
def states_after_slots(
    model: LayeredModel, ids: Sequence[int], chain: Chain, positions: Sequence[int] | None = None
) -> torch.Tensor:
    """What goes into the first slot, and what comes out of each, [N + 1, T, D].

    The same calls of layers as under `run_chain`, in the same order; not through `output_hidden_states`, because some
    models give the embeddings there, or the last state after the final norm.

    Args:
        model: the model; no cache is used.
        ids: the tokens of one sequence.
        chain: the layers to run.
        positions: keep these only, then T is their number; None: all.
    """
    kept: list[torch.Tensor] = []
    chosen = slice(None) if positions is None else list(positions)

    def run(session: Session, hidden: torch.Tensor) -> tuple[torch.Tensor, Any]:
        raw: Any = None
        kept.append(hidden[0, chosen].clone())
        for layer in chain.layers:
            raw = session.calls[layer].replay(session.layers[layer], hidden, None)
            hidden = hidden_of(raw)
            kept.append(hidden[0, chosen].clone())
        return hidden, raw

    inputs = torch.tensor([list(ids)], device=model.device)
    with probing(model.hf, run):
        model.hf(input_ids=inputs, use_cache=False)
    return torch.stack(kept)


def middle_state(model: LayeredModel, prompt: str) -> list[float]:
    """The state of the prompt's last token after the first half of the layers, [D]: what an input is like.

    The layers after it aren't run, so this costs half an evaluation of the identity.
    """
    half = Chain.unchecked(tuple(range(max(1, model.num_layers // 2))), model.num_layers)
    found: list[float] = states_after_slots(model, model.encode(prompt), half, [-1])[-1, 0].float().tolist()
    return found
