"""`decoding`: a chain as what the stock `generate` of a plain model takes for `custom_generate`.

    model = AutoModelForCausalLM.from_pretrained(...)
    model.generate(**inputs, custom_generate=skiploop.decoding(chain="0-9 12-15x2 16-29"))

The call alone runs the chain; the model before and after it is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.generation.utils import GENERATION_MODES_MAPPING

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, checked_policy
from skiploop.errors import InvalidInput
from skiploop.models.replay import find_layers, run_chain


@dataclass(frozen=True, slots=True)
class Decoding:
    """What `generate` calls in place of its own loop.

    Attributes:
        chain: the layers, or their notation.
        cache_policy: see `skiploop.chains.policy`.
    """

    chain: Chain | str
    cache_policy: CachePolicy = "own"

    def __call__(
        self,
        model: PreTrainedModel,
        input_ids: torch.Tensor,
        logits_processor: Any,
        stopping_criteria: Any,
        generation_config: Any,
        **model_kwargs: Any,
    ) -> Any:
        """Runs the loop that the settings ask for, greedy, sampling or beams, under the chain.

        Args:
            model: the model whose `generate` was called.
            input_ids: the prompts, [B, S].
            logits_processor, stopping_criteria, generation_config: as `generate` has prepared them.
            **model_kwargs: for the model's forward: mask, positions, an empty cache.

        Returns:
            What that loop returns, tokens [B, T] unless the settings say otherwise.

        Raises:
            InvalidInput: the chain is for another number of layers, or the settings ask for another loop.
        """
        mode = generation_config.get_generation_mode(None)
        loop = GENERATION_MODES_MAPPING[mode]
        if loop not in ("_sample", "_beam_search"):
            raise InvalidInput(
                f"a chain decodes greedily, by sampling or with beams, and the settings ask for {mode.value}; change "
                "the generation config, or use run_chain and the model's own generate"
            )
        chain = self.chain
        if isinstance(chain, str):
            chain = Chain.parse(chain, len(find_layers(model)))
        with run_chain(model, chain, cache_policy=self.cache_policy):
            return getattr(type(model), loop)(
                model,
                input_ids,
                logits_processor=logits_processor,
                stopping_criteria=stopping_criteria,
                generation_config=generation_config,
                **model_kwargs,
            )


def decoding(chain: Chain | str, *, cache_policy: str = "own") -> Decoding:
    """A chain for `model.generate(..., custom_generate=...)` of any model of transformers.

    Args:
        chain: the layers, or their notation.
        cache_policy: which keys and values loops leave for later tokens, see `skiploop.chains.policy`.

    Raises:
        InvalidInput: there is no such policy. What is wrong with the chain shows when a model is known.

    A `streamer` given beside it gets the prompt alone: transformers hands none to a loop that isn't its own.
    """
    return Decoding(chain, checked_policy(cache_policy))
