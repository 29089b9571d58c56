"""What is known of an export before anything is written."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedConfig

from skiploop.chains.chain import Chain
from skiploop.export.checkpoint import Base
from skiploop.export.config import config_of_chain
from skiploop.export.verify import LoadOptions, Outputs, outputs_of


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """All that a form needs to write a folder.

    Attributes:
        base: where the tensors are.
        stack: the path of the stack of layers.
        chain: the layers.
        config: of a model of the base's architecture with a layer for each slot.
        wanted: what the chain gives on its base.
        options: how the folder is loaded back.
    """

    base: Base
    stack: str
    chain: Chain
    config: PreTrainedConfig
    wanted: Outputs
    options: LoadOptions

    @classmethod
    def of(cls, base: Base, chain: Chain) -> ExportPlan:
        """The plan for a chain, whatever the form.

        Raises:
            UnsupportedModel: the architecture has no configuration with these layers.
        """
        model, plain = base.model, Chain(map(int, chain.layers), chain.num_layers)
        config = config_of_chain(model.hf, base.config, plain)
        options = LoadOptions(model.dtype, model.device, model.attn_implementation, model.hf.can_generate(), base.trust)
        return cls(base, base.stack, chain, config, outputs_of(model.hf, chain), options)
