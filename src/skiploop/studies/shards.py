"""The parts of a study that several processes are working on: where they lie until they are merged. No torch.

    OUT/shards/chunks.json           how many inputs there are in each
    OUT/shards/000000-000016/        an ordinary study of these inputs, whose summary.json says how far it came

A study has shards from its beginning until its journals are merged from them; what is in them is a study's own and is
read together with it.
"""

from __future__ import annotations

from pathlib import Path

SHARDS = "shards"


def shard_folders(out: Path) -> list[Path]:
    """The shards of a study, in the order of its inputs; none where it has no shards, or none that was begun."""
    return sorted(place for place in (out / SHARDS).glob("*-*") if (place / "inputs.jsonl").exists())


def has_shards(out: Path) -> bool:
    """Whether a study is being worked on in shards."""
    return (out / SHARDS).is_dir()


def shard_folder(out: Path, first: int, last: int) -> Path:
    """Where the shard of the inputs from `first` up to `last`, which isn't among them, lies."""
    return out / SHARDS / f"{first:06}-{last:06}"
