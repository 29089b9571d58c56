"""`chain_config.json`: a chain and the model that it is for, in a few hundred bytes.

In a folder of its own it is opened like a model: the base, run under the chain. Beside the `config.json` of an exported
checkpoint it says where the checkpoint came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, checked_policy
from skiploop.chains.weights import has_loop, layers_to_json
from skiploop.errors import InvalidInput
from skiploop.models.files import find_file
from skiploop.storage.files import Line, read_json, write_json

FILE = "chain_config.json"
_ADAPTER = "adapter_config.json"
_FORMAT, _VERSION = "skiploop-chain", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """What the file says.

    Attributes:
        base_model: a name or a folder, as it is opened.
        revision: of the base, where it is of the hub; None: whichever is there.
        chain: the layers, with the weights of damped loops.
        cache_policy: which keys and values a loop leaves for later tokens, see `skiploop.chains.policy`.
        figures: what was measured of it, and where; None where nothing was.
    """

    base_model: str
    chain: Chain
    revision: str | None = None
    cache_policy: CachePolicy = "own"
    figures: Mapping[str, Any] | None = None

    def to_json(self) -> Line:
        """The object in the file."""
        line: Line = {
            "format": _FORMAT,
            "version": _VERSION,
            "base_model": self.base_model,
            "revision": self.revision,
            "num_layers": self.chain.num_layers,
            "layers": layers_to_json(self.chain.layers),
            "notation": str(self.chain),
            "damped": has_loop(self.chain.layers),
            "cache_policy": self.cache_policy,
        }
        return line if self.figures is None else line | {"figures": dict(self.figures)}

    def save(self, folder: str | Path) -> None:
        """Writes the file into a folder, which is made where there is none."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_json(Path(folder) / FILE, self.to_json())


def find_chain_config(place: str, revision: str | None) -> ChainConfig | None:
    """What the file of a folder, or of a repository of the hub, says; None: there is none, or it lies beside a model.

    Raises:
        InvalidInput: as `load_chain_config`; or an adapter lies beside it.
    """
    if find_file(place, "config.json", revision) is not None:
        return None
    path = find_file(place, FILE, revision)
    if path is not None and (path.parent / _ADAPTER).exists():
        raise InvalidInput(
            f"{place!r} holds a chain ({FILE}) and an adapter ({_ADAPTER}): which one is meant? Move the chain to "
            "another folder; its base_model may be the adapter's folder"
        )
    return None if path is None else load_chain_config(path.parent)


def load_chain_config(folder: str | Path) -> ChainConfig:
    """Reads the file of a folder.

    Raises:
        InvalidInput: it isn't there, is damaged, or was written by a later version.
    """
    path = Path(folder) / FILE
    line = read_json(path)
    if line.get("format") != _FORMAT or line.get("version") != _VERSION:
        raise InvalidInput(
            f"{path} is of the format {line.get('format')!r}, version {line.get('version')!r}; this skiploop reads "
            f"{_FORMAT}, version {_VERSION}: install a newer one, or export the chain again"
        )
    base, revision, layers = line.get("base_model"), line.get("revision"), line.get("layers")
    if not isinstance(base, str) or not isinstance(revision, str | None) or not isinstance(layers, list):
        raise InvalidInput(f"{path} lacks base_model, revision or layers; was it edited? Export the chain again")
    return ChainConfig(
        base_model=base,
        revision=revision,
        chain=Chain(layers, line.get("num_layers")),  # type: ignore[arg-type]  # refuses what isn't a number
        cache_policy=checked_policy(str(line.get("cache_policy", "own"))),
        figures=line.get("figures") if isinstance(line.get("figures"), dict) else None,
    )
