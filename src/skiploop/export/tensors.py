"""Copies a checkpoint's tensors with its layers in the chain's order, one shard in memory at a time.

The files' own names are kept, whatever transformers makes of them when it loads: only the number of the layer in
them changes.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel

SHARD_BYTES = 2 * 2**30
"""The largest size of a file of weights."""

Tensors: TypeAlias = "Callable[[], dict[str, torch.Tensor]]"  # read when a shard is written

_SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2}


@dataclass(frozen=True, slots=True)
class Copy:
    """One tensor to write.

    Attributes:
        file, name: where it is read.
        target: the name it gets.
        size: bytes.
    """

    file: Path
    name: str
    target: str
    size: int


def plan_copies(files: Iterable[Path], stack: str, chain: Chain) -> list[Copy]:
    """What is read and written for a chain.

    Args:
        files: the safetensors files of the base.
        stack: the path of the stack in the model, such as `model.layers`.
        chain: the layers.

    Raises:
        UnsupportedModel: the files don't number the layers as the model does.
    """
    found = [(file, name, size) for file in files for name, size in _tensors(file)]
    pattern = _numbered([name for _, name, _ in found], stack, chain.num_layers)
    slots: dict[int, list[int]] = defaultdict(list)
    for slot, layer in enumerate(chain.layers):
        slots[layer].append(slot)
    copies = []
    for file, name, size in found:
        match = pattern.match(name)
        if match is None:
            copies.append(Copy(file, name, name, size))
            continue
        for slot in slots[int(match[2])]:
            copies.append(Copy(file, name, f"{match[1]}{slot}{name[match.end(2) :]}", size))
    return copies


def total_size(copies: Iterable[Copy]) -> int:
    """Bytes of the tensors."""
    return sum(copy.size for copy in copies)


def write_copies(copies: list[Copy], folder: Path) -> None:
    """Writes the tensors as `model.safetensors`, or as shards with an index."""
    shards = [([copy.target for copy in shard], _reader(shard)) for shard in _shards(copies)]
    _write(shards, total_size(copies), folder)


def write_tensors(tensors: dict[str, torch.Tensor], folder: Path) -> None:
    """The same for tensors in memory, none of which may share its storage with another one."""
    sizes = [Copy(folder, name, name, tensor.nbytes) for name, tensor in tensors.items()]
    shards = [(names := [copy.target for copy in shard], _taker(tensors, names)) for shard in _shards(sizes)]
    _write(shards, total_size(sizes), folder)


def _write(shards: list[tuple[list[str], Tensors]], size: int, folder: Path) -> None:
    """Writes shards one after the other: names, and what gives their tensors."""
    index: dict[str, str] = {}
    for number, (names, tensors) in enumerate(shards, 1):
        file = "model.safetensors" if len(shards) == 1 else f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file(tensors(), folder / file, metadata={"format": "pt"})
        index.update(dict.fromkeys(names, file))
    if len(shards) > 1:
        whole = {"metadata": {"total_size": size}, "weight_map": index}
        (folder / "model.safetensors.index.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _reader(shard: list[Copy]) -> Tensors:
    return lambda: _read(shard)


def _taker(tensors: dict[str, torch.Tensor], names: list[str]) -> Tensors:
    return lambda: {name: tensors[name].contiguous().cpu() for name in names}


def _read(shard: list[Copy]) -> dict[str, torch.Tensor]:
    """The tensors of a shard by their new names, each with a storage of its own."""
    tensors: dict[str, torch.Tensor] = {}
    by_file: dict[Path, list[Copy]] = defaultdict(list)
    for copy in shard:
        by_file[copy.file].append(copy)
    for file, copies in by_file.items():
        seen: set[str] = set()
        with safe_open(file, framework="pt") as opened:
            for copy in copies:
                tensor = opened.get_tensor(copy.name)  # a view into the file
                tensors[copy.target] = tensor.clone() if copy.name in seen else tensor
                seen.add(copy.name)
    return {copy.target: tensors[copy.target] for copy in shard}


def _shards(copies: list[Copy]) -> Iterator[list[Copy]]:
    shard: list[Copy] = []
    size = 0
    for copy in copies:
        if shard and size + copy.size > SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(copy)
        size += copy.size
    yield shard


def _tensors(file: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes in bytes, from the header alone."""
    with safe_open(file, framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118 - no mapping
            view = opened.get_slice(name)
            elements = 1
            for length in view.get_shape():
                elements *= length
            yield name, elements * _SIZES.get(view.get_dtype(), 1)


def _numbered(names: list[str], stack: str, num_layers: int) -> re.Pattern[str]:
    """A pattern of the names of layers' tensors: what is before the number, and the number.

    Files may leave out the first parts of a path ("h.3" for "transformer.h.3"), or have older ones in their place.
    """
    last = stack.rpartition(".")[2]
    prefixes: dict[str, set[int]] = defaultdict(set)
    for name in names:
        if match := re.match(rf"((?:.*?\.)?{re.escape(last)}\.)(\d+)\.", name):
            prefixes[match[1]].add(int(match[2]))
    whole = [prefix for prefix, numbers in prefixes.items() if numbers.issuperset(range(num_layers))]
    exact = [prefix for prefix in whole if stack == prefix[:-1] or stack.endswith(f".{prefix[:-1]}")]
    chosen = exact if len(exact) == 1 else whole
    if len(chosen) != 1:
        raise UnsupportedModel(
            f"the checkpoint's files don't number the layers of {stack} from 0 to {num_layers - 1} "
            f"(found: {', '.join(sorted(prefixes)) or 'nothing'}); run the chain with run_chain"
        )
    return re.compile(rf"({re.escape(chosen[0])})(\d+)(?=\.)")
