"""The flat form: a stock checkpoint whose layers are the chain; layers that run more than once are copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.export.checkpoint import Base, as_files
from skiploop.export.place import require_space
from skiploop.export.plan import ExportPlan
from skiploop.export.tensors import plan_copies, total_size, write_copies


def plan_flat(base: Base, chain: Chain) -> ExportPlan:
    """What is known before; without the model in memory where the base has files.

    Raises:
        UnsupportedModel: no stock checkpoint is this chain.
    """
    require_plain(chain)
    if base.files is not None:
        plan_copies(base.files.weights(), base.stack, chain)  # refused before the chain is run
    plan = ExportPlan.of(base, chain)
    return replace(plan, base=base.without_model())


def require_plain(chain: Chain) -> None:
    """Raises UnsupportedModel for a chain with weights."""
    if chain.has_weights:
        raise UnsupportedModel(
            f"the chain {chain} has damped loops or scaled slots, which no stock architecture runs; export it with "
            "--form tied, or run it with run_chain"
        )


def write_flat(plan: ExportPlan, folder: Path) -> None:
    """Fills a folder.

    Raises:
        InvalidInput: there is no room on the disk.
    """
    with as_files(plan.base, folder / "base") as files:
        copies = plan_copies(files.weights(), plan.stack, plan.chain)
        require_space(folder, total_size(copies))
        write_copies(copies, folder)
        files.copy_companions(folder)
    plan.config.save_pretrained(folder)
