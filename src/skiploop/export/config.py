"""The configuration of a stock checkpoint whose layers are a chain.

The number of layers becomes the chain's length, and every list with an entry for each layer is picked in the chain's
order. Some architectures compute what a layer is from its index: a period ("every fourth layer is global"), or a list
of indices. No configuration of theirs says "layers 0 1 1 3" then, and the model that it builds would be another one.
"""

from __future__ import annotations

import copy

from transformers import PreTrainedConfig, PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.models.save_unrolled import check_reopening
from skiploop.models.unroll import pick_layers, unroll


def config_of_chain(model: PreTrainedModel, base: PreTrainedConfig, chain: Chain) -> PreTrainedConfig:
    """The configuration of a model of `model`'s architecture whose layers are `chain`.

    Args:
        model: the base, loaded.
        base: its configuration as the checkpoint has it: loading adds to that of `model`.
        chain: plain, without scaled slots and damped loops.

    Raises:
        UnsupportedModel: no configuration of this architecture says it; the message names slot and difference.
    """
    config = copy.deepcopy(base)
    for each in {id(part): part for part in (config, config.get_text_config())}.values():
        pick_layers(each, chain)
    check_reopening(unroll(model, chain), config)
    return config
