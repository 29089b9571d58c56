"""The model card of an exported chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from skiploop._version import __version__
from skiploop.chains.drawing import draw_svg, draw_text
from skiploop.export.figures import Figures
from skiploop.export.gguf_file import FILE as GGUF
from skiploop.models.chain_config import ChainConfig
from skiploop.stats.measured import Measured

DRAWING = "chain.svg"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_HUB_NAMES = {"smollm2": "HuggingFaceTB/SmolLM2-135M-Instruct"}  # of models that have a short name here

_FORMS = {
    "flat": "It is a stock checkpoint: what loads the base loads it. A layer that runs more than once is there more "
    "than once.",
    "tied": "Each layer's weights are there once, in the files and in memory, however often it runs. "
    "`modeling_layer_chain.py` runs the chain; it needs torch and transformers alone, and is run where you say so.",
    "custom_generate": "There are no weights here: it is code for the `generate` of the base, which needs "
    "`pip install skiploop`.",
    "gguf": "`model.gguf` is read by llama.cpp and by transformers. A layer that runs more than once is there "
    "more than once.",
}
LOADING = {"flat": "", "tied": ", trust_remote_code=True", "gguf": f', gguf_file="{GGUF}"'}
"""What `from_pretrained` is given further, by form."""
_USE = """```python
from transformers import {reader}, AutoTokenizer

model = {reader}.from_pretrained("{place}"{more})
tokenizer = AutoTokenizer.from_pretrained("{place}")
```"""

COMPARED = dict.fromkeys(
    ("flat", "tied", "gguf"),
    "Loaded back, it gave the logits and greedy tokens of the chain on its base, bit for bit.",
) | {"custom_generate": "Tried on the base, it gave the greedy tokens of the chain."}
"""What was found when the folder was tried, by form."""
_USE_CODE = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{base}")
tokenizer = AutoTokenizer.from_pretrained("{base}")
inputs = tokenizer("Once upon a time", return_tensors="pt")
model.generate(**inputs, custom_generate="{place}", trust_remote_code=True)
```"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a card says.

    Attributes:
        config: chain and base.
        figures: what was measured of the chain; None where nothing was.
        generates: the model writes text.
        form: of the export.
    """

    config: ChainConfig
    figures: Figures | None
    generates: bool
    form: str

    def save(self, folder: Path, name: str) -> None:
        """Writes README.md and the drawing; `name`: of the folder when it is finished."""
        (folder / DRAWING).write_text(draw_svg(self.config.chain), encoding="utf-8")
        (folder / "README.md").write_text(self.text(name), encoding="utf-8")

    def text(self, name: str) -> str:
        """The card as Markdown, with its metadata in front."""
        chain, base = self.config.chain, self.config.base_model
        revision = f", revision `{self.config.revision}`" if self.config.revision else ""
        parts = [
            self._metadata(),
            f"# {name}",
            f"`{base}`{revision} with its layers in another order: the chain `{chain}`, {chain.depth} layer calls "
            f"where the base has {chain.num_layers}. The weights are those of the base; nothing was trained.",
            f"![The chain]({DRAWING})",
            f"```text\n{draw_text(chain, width=100)}\n```",
            *self._measured(),
            "## Use",
            _FORMS[self.form],
            self._use(name),
            f"Exported by skiploop {__version__}; `chain_config.json` has the chain for programs. "
            f"{COMPARED[self.form]}",
        ]
        return "\n\n".join(parts) + "\n"

    def _use(self, name: str) -> str:
        if self.form == "custom_generate":
            return _USE_CODE.format(base=self._base, place=name)
        reader = "AutoModelForCausalLM" if self.generates else "AutoModel"
        return _USE.format(reader=reader, place=name, more=LOADING[self.form])

    def _metadata(self) -> str:
        base = self._base
        lines = ["---", "library_name: transformers"]
        if _HUB_NAME.fullmatch(base) and not Path(self.config.base_model).exists():
            lines += [f"base_model: {base}"]
        if self.generates:
            lines += ["pipeline_tag: text-generation"]
        tags = ["skiploop", "layer-chain"]
        tags += ["custom_generate"] if self.form == "custom_generate" else []
        tags += ["gguf"] if self.form == "gguf" else []
        tags += ["looped"] if self.config.chain.looped else []
        lines += ["tags:", *(f"- {tag}" for tag in tags), "---"]
        return "\n".join(lines)

    @property
    def _base(self) -> str:
        return _HUB_NAMES.get(self.config.base_model, self.config.base_model)

    def _measured(self) -> list[str]:
        """The figures as a section; none were measured: a sentence."""
        if self.figures is None:
            return ["No accuracy was measured by this export."]
        told, chain = self.figures, self.config.chain
        where = "inputs that it was not chosen on" if told.held_out else "inputs it was evaluated on"
        rows = [f"| this chain | {chain.depth} | {_shown(told.accuracy)} |"]
        for name, each in told.opponents.items():
            rows += [f"| {name} | {chain.num_layers if name == 'identity' else ''} | {_shown(each)} |"]
        return [
            "## Measured",
            f"{told.task}, {told.metric}, on the {told.accuracy.count} {where}, with 95 % intervals.",
            "\n".join(["| | layer calls | " + told.metric + " |", "|---|---:|---|", *rows]),
        ]


def _shown(figure: Measured) -> str:
    if figure.value is None:
        return "-"
    interval = "" if figure.interval is None else f" ({figure.interval[0]:.3f} to {figure.interval[1]:.3f})"
    return f"{figure.value:.3f}{interval}"
