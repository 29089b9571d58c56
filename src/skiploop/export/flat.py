"""The flat form: a stock checkpoint whose layers are the chain; layers that run more than once are copies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedConfig

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.export.checkpoint import Base, as_files
from skiploop.export.config import config_of_chain
from skiploop.export.place import require_space
from skiploop.export.tensors import plan_copies, total_size, write_copies
from skiploop.export.verify import LoadOptions, Outputs, outputs_of, require_same


@dataclass(frozen=True, slots=True)
class FlatPlan:
    """All that is known before anything is written.

    Attributes:
        base: where the tensors are; without its model where it has files.
        stack: the path of the stack of layers.
        chain: the layers.
        config: of the checkpoint.
        wanted: what the chain gives on its base.
        options: how the checkpoint is loaded back.
    """

    base: Base
    stack: str
    chain: Chain
    config: PreTrainedConfig
    wanted: Outputs
    options: LoadOptions

    @classmethod
    def of(cls, base: Base, chain: Chain) -> FlatPlan:
        """The plan for a chain.

        Raises:
            UnsupportedModel: no stock checkpoint is this chain.
        """
        if chain.has_weights:
            raise UnsupportedModel(
                f"the chain {chain} has damped loops or scaled slots, which no stock architecture runs; run it with "
                "run_chain"
            )
        model = base.model
        config, stack = config_of_chain(model.hf, base.config, chain), base.stack
        if base.files is not None:
            plan_copies(base.files.weights(), stack, chain)  # refused before the chain is run
        options = LoadOptions(model.dtype, model.device, model.attn_implementation, model.hf.can_generate(), base.trust)
        return cls(base.without_model(), stack, chain, config, outputs_of(model.hf, chain), options)

    def write(self, folder: Path) -> int:
        """Fills a folder, loads it back and compares; returns how many tokens were compared.

        Raises:
            InvalidInput: there is no room on the disk.
            UnsupportedModel: the checkpoint gives something else than the chain on its base.
        """
        with as_files(self.base, folder / "base") as files:
            copies = plan_copies(files.weights(), self.stack, self.chain)
            require_space(folder, total_size(copies))
            write_copies(copies, folder)
            files.copy_companions(folder)
        self.config.save_pretrained(folder)
        require_same(folder, self.wanted, self.options)
        return len(self.wanted.logits)
