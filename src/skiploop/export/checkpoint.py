"""The files of a base model, in a folder or in the cache of the hub; a model without any is written to a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import AutoConfig, PreTrainedConfig
from transformers.utils import cached_file

from skiploop.models.layered import LayeredModel
from skiploop.models.loading import place_of
from skiploop.models.replay import find_layers

_INDEX, _WHOLE = "model.safetensors.index.json", "model.safetensors"
# What tokenizers and processors of transformers read, with the settings of `generate`.
_COMPANIONS = (
    *(
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "special_tokens_map.json",
    ),
    *("added_tokens.json", "chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt", "vocab.txt"),
    *("spiece.model", "sentencepiece.bpe.model", "preprocessor_config.json", "processor_config.json"),
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint of safetensors files.

    Attributes:
        place: a folder, or a name on the hub.
        revision: on the hub.
    """

    place: str
    revision: str | None = None

    def file(self, name: str) -> Path | None:
        """Where a file is, None where there is none; one of the hub is downloaded."""
        found = cached_file(
            self.place,
            name,
            revision=self.revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            _raise_exceptions_for_gated_repo=False,
        )
        return None if found is None else Path(found)

    def weights(self) -> list[Path]:
        """The safetensors files."""
        index = self.file(_INDEX)
        names = [_WHOLE] if index is None else sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        return [path for name in names if (path := self.file(name)) is not None]

    def copy_companions(self, folder: Path) -> list[str]:
        """Copies tokenizer, chat template, generation settings and code of the checkpoint; returns their names."""
        found = {name: path for name in _COMPANIONS if (path := self.file(name)) is not None}
        if Path(self.place).is_dir():
            found |= {path.name: path for path in sorted(Path(self.place).glob("*.py")) if path.stem != "__init__"}
        for name, path in found.items():
            shutil.copyfile(path, folder / name)
        return sorted(found)


@dataclass(frozen=True, slots=True)
class Base:
    """The model that a chain is exported from.

    Attributes:
        opened: the model; None where it isn't needed any more.
        files: of it; None where it has none, or where they aren't what is in memory (adapters, GGUF files).
        trust: its files may bring their own code.
    """

    opened: LayeredModel | None
    files: Checkpoint | None
    trust: bool = False

    @classmethod
    def of(cls, model: LayeredModel, *, by_name: bool, trust: bool = False) -> Base:
        """A model; `by_name`: it was opened under its name, and not changed since."""
        place = place_of(model.name) if by_name else ""
        files = Checkpoint(place, None if Path(place).exists() else model.revision)
        has_files = by_name and files.file("config.json") is not None and bool(files.weights())
        return cls(model, files if has_files else None, trust)

    @property
    def model(self) -> LayeredModel:
        """The model, as long as it is kept."""
        assert self.opened is not None, "it was let go"
        return self.opened

    def without_model(self) -> Base:
        """The files alone, where there are any, so that the model's memory is free."""
        return self if self.files is None else replace(self, opened=None)

    @property
    def config(self) -> PreTrainedConfig:
        """The configuration as the checkpoint has it; loading adds to that of the model."""
        if self.files is None:
            return self.model.hf.config
        files = self.files
        return AutoConfig.from_pretrained(files.place, revision=files.revision, trust_remote_code=self.trust)

    def save_companions(self, folder: Path) -> None:
        """Tokenizer, chat template and generation settings: those of the files, or of what is in memory."""
        if self.files is not None:
            self.files.copy_companions(folder)
            return
        if self.model.tokenizer is not None:
            self.model.tokenizer.save_pretrained(folder)
        if self.model.hf.can_generate():
            self.model.hf.generation_config.save_pretrained(folder)

    @property
    def stack(self) -> str:
        """The path of the stack of layers in the model."""
        layers = find_layers(self.model.hf)
        path: str = next(path for path, module in self.model.hf.named_modules() if module is layers)
        return path


@contextmanager
def as_files(base: Base, spare: Path) -> Iterator[Checkpoint]:
    """The base as files: its own, or the model in memory written to a spare folder, which is deleted afterwards."""
    if base.files is not None:
        yield base.files
        return
    base.model.hf.save_pretrained(spare)
    if base.model.tokenizer is not None:
        base.model.tokenizer.save_pretrained(spare)
    try:
        yield Checkpoint(str(spare))
    finally:
        shutil.rmtree(spare)
