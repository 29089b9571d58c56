"""`export_chain`: a chain as a folder that other tools load.

    export_chain("smollm2", "0-9 12-15x2 16-29", "smollm2-looped")

In this order: what can't be said is refused; the chain is run on its base for the comparison; the folder is written
beside its place; it is loaded back by plain transformers and compared; the folder gets its name. So a folder of that
name is whole and right, whatever happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.export.card import Card
from skiploop.export.checkpoint import Base
from skiploop.export.code_only import prepare_code
from skiploop.export.figures import Figures
from skiploop.export.flat import plan_flat, write_flat
from skiploop.export.gguf_file import plan_gguf, write_gguf
from skiploop.export.hub import push, require_account
from skiploop.export.place import finished_folder, require_free
from skiploop.export.plan import ExportPlan
from skiploop.export.settings import ExportSettings
from skiploop.export.tied import plan_tied, write_tied
from skiploop.export.verify import require_same
from skiploop.models.chain_config import ChainConfig
from skiploop.models.layered import LayeredModel

# What fills a folder, compares it, and says how many tokens were compared.
_Fill: TypeAlias = "Callable[[Path], int]"


def _compared(
    make: Callable[[Base, Chain], ExportPlan], write: Callable[[ExportPlan, Path], None]
) -> Callable[[Base, Chain], _Fill]:
    """A form that is loaded back, from what plans it and what writes it."""

    def prepare(base: Base, chain: Chain) -> _Fill:
        plan = make(base, chain)

        def fill(folder: Path) -> int:
            write(plan, folder)
            require_same(folder, plan.wanted, plan.options)
            return len(plan.wanted.logits)

        return fill

    return prepare


# By form, what is asked before anything is written.
_FORMS: dict[str, Callable[[Base, Chain], _Fill]] = {
    "flat": _compared(plan_flat, write_flat),
    "tied": _compared(plan_tied, write_tied),
    "gguf": _compared(plan_gguf, write_gguf),
    "custom_generate": prepare_code,
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        out: the folder.
        form: of the export.
        chain: the chain.
        size: bytes of all files.
        compared: tokens whose logits were compared with those of the chain on its base; of the form custom_generate,
            generated tokens.
        url: where it was pushed to.
    """

    out: Path
    form: str
    chain: Chain
    size: int
    compared: int
    url: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What `skiploop export --json` prints."""
        told = {"out": str(self.out), "form": self.form, "chain": self.chain.to_json(), "notation": str(self.chain)}
        return told | {"depth": self.chain.depth, "bytes": self.size, "compared_tokens": self.compared, "url": self.url}


def export_chain(
    model: str | LayeredModel,
    chain: Chain | str,
    out: str | Path,
    *,
    settings: ExportSettings | None = None,
    figures: Figures | None = None,
    opening: dict[str, Any] | None = None,
) -> Exported:
    """Writes a chain of a model as a folder; what `skiploop export` calls.

    Args:
        model: a name or a folder, whose files are copied; or a model in memory, which is written as it is there.
        chain: a chain, or its notation.
        out: the folder, which must not be there.
        settings: the form, whether an export that is there is replaced, where it is pushed to; see `ExportSettings`.
        figures: for the model card; see `skiploop.export.figures`.
        opening: how a model is opened that is given by name, as for `LayeredModel.from_pretrained`.

    Raises:
        InvalidInput: `out` is taken, there is no room on the disk, the chain isn't one of this model, or the hub can't
            be pushed to.
        UnsupportedModel: no checkpoint of this form is the chain: by its configuration, before anything is written; or
            because the exported model gives something else when it is loaded back. Then nothing is kept.
    """
    settings, place = settings or ExportSettings(), Path(out)
    require_free(place, replace=settings.force)
    if settings.push_to_hub is not None:
        require_account(settings.push_to_hub)
    base = _base(model, opening or {})
    layers = _chain_of(base, chain)
    base.model.check()
    config = ChainConfig(
        base_model=base.model.name,
        revision=None if base.files is None else base.files.revision,
        chain=layers,
        figures=None if figures is None else figures.to_json(),
    )
    generates = base.model.hf.can_generate()
    fill = _FORMS[settings.form](base, layers)
    del base  # its memory is free while the exported model is loaded, where the form doesn't need it
    with finished_folder(place, replace=settings.force) as folder:
        compared = fill(folder)
        config.save(folder)
        Card(config=config, figures=figures, generates=generates, form=settings.form).save(
            folder, settings.push_to_hub or place.name
        )
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    url = None if settings.push_to_hub is None else push(place, settings.push_to_hub, private=settings.private)
    return Exported(place, settings.form, layers, size, compared, url)


def _base(model: str | LayeredModel, opening: dict[str, Any]) -> Base:
    trust = bool(opening.get("trust_remote_code"))
    if isinstance(model, str):
        return Base.of(LayeredModel.from_pretrained(model, **opening), by_name=True, trust=trust)
    return Base.of(model, by_name=False, trust=trust)


def _chain_of(base: Base, chain: Chain | str) -> Chain:
    num_layers, name = base.model.num_layers, base.model.name
    layers = Chain.parse(chain, num_layers) if isinstance(chain, str) else chain
    if layers.num_layers != num_layers:
        raise InvalidInput(
            f"the chain {layers} is for a model of {layers.num_layers} layers, but {name} has {num_layers}; give a "
            "chain of this model"
        )
    return layers
