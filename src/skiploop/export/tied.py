"""The tied form: one copy of each layer on disk and in memory, run by a modelling file that the folder brings.

The weights are written as they are in memory, under the names of the model's parameters: transformers renames and
merges the tensors of some checkpoints when it loads them (experts, for instance), and not those of a folder with code.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from skiploop.chains.chain import Chain
from skiploop.chains.weights import damped_loops, scale_of
from skiploop.errors import UnsupportedModel
from skiploop.export import modeling_layer_chain
from skiploop.export.checkpoint import Base
from skiploop.export.place import require_space
from skiploop.export.plan import ExportPlan
from skiploop.export.tensors import write_tensors
from skiploop.models.layered import LayeredModel

_MODULE = "modeling_layer_chain"
_WRITTEN_FOR = (
    "from transformers.models.llama.configuration_llama import LlamaConfig as BaseConfig",
    "from transformers.models.llama.modeling_llama import LlamaForCausalLM as BaseModel",
)


def plan_tied(base: Base, chain: Chain) -> ExportPlan:
    """What is known before.

    Raises:
        UnsupportedModel: the architecture has no configuration with these layers, or isn't one of transformers.
    """
    kind = type(base.model.hf)
    if not kind.__module__.startswith("transformers."):
        raise UnsupportedModel(
            f"{base.model.name} ({kind.__name__}) brings its own code, which a tied export doesn't extend; use --form "
            "flat, or run the chain with run_chain"
        )
    plan = ExportPlan.of(base, chain)
    return replace(plan, options=replace(plan.options, trust=True))


def write_tied(plan: ExportPlan, folder: Path) -> None:
    """Fills a folder.

    Raises:
        InvalidInput: there is no room on the disk.
    """
    model = plan.base.model
    tensors = slot_tensors(model, plan.stack, plan.chain)
    require_space(folder, sum(tensor.nbytes for tensor in tensors.values()))
    write_tensors(tensors, folder)
    plan.base.save_companions(folder)
    plan.config.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8")) | _additions(plan)
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / f"{_MODULE}.py").write_text(modeling_source(model), encoding="utf-8")


def slot_tensors(model: LayeredModel, stack: str, chain: Chain) -> dict[str, torch.Tensor]:
    """The tensors of the first slot of each layer and of everything outside the stack, each storage once.

    Buffers of layers are there for each slot: transformers ties parameters alone.
    """
    parameters = {name for name, _ in model.hf.named_parameters(remove_duplicate=False)}
    ties = model.hf.all_tied_weights_keys
    found = {}
    for name, tensor in model.hf.state_dict().items():
        if not name.startswith(f"{stack}."):
            if name not in ties:
                found[name] = tensor
            continue
        layer, _, rest = name.removeprefix(f"{stack}.").partition(".")
        slots = [slot for slot, each in enumerate(chain.layers) if int(each) == int(layer)]
        for slot in slots[:1] if name in parameters else slots:
            found[f"{stack}.{slot}.{rest}"] = tensor
    return found


def modeling_source(model: LayeredModel) -> str:
    """The modelling file for a base."""
    text = Path(modeling_layer_chain.__file__).read_text("utf-8")
    bases = (type(model.hf).config_class, "BaseConfig"), (type(model.hf), "BaseModel")
    for line, (kind, name) in zip(_WRITTEN_FOR, bases, strict=True):
        assert line in text
        text = text.replace(line, f"from {kind.__module__} import {kind.__name__} as {name}")
    return text


def _additions(plan: ExportPlan) -> dict[str, Any]:
    """What the configuration says beside that of the base."""
    layers = plan.chain.layers
    reader = "AutoModelForCausalLM" if plan.options.generates else "AutoModel"
    told: dict[str, Any] = {
        "architectures": ["LayerChainModel"],
        "auto_map": {"AutoConfig": f"{_MODULE}.LayerChainConfig", reader: f"{_MODULE}.LayerChainModel"},
        "model_type": "layer_chain",
        "dtype": str(plan.base.model.dtype).removeprefix("torch."),
        "layer_stack": plan.stack,
        "slot_layers": list(map(int, layers)),
    }
    if any(scale_of(layer) != 1 for layer in layers):
        told["slot_scales"] = [scale_of(layer) for layer in layers]
    if loops := list(damped_loops(layers)):
        told["damped_loops"] = [
            {"start": start, "size": loop.size, "times": loop.times, "beta": loop.beta} for start, loop in loops
        ]
    return told
