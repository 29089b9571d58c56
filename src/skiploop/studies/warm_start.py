"""Chains that a study tries first on every input: from a file, or from a finished study of *other* inputs. No torch.

    skiploop search --warm-start chains.json            ["0-9 12-27", [0, 1, 3], ...]: notation, or lists of layers
    skiploop search --warm-start runs/arc-train         the chains that were right there on the most inputs

A study in which a question of this one was searched is refused: its chains were chosen with the gold answer of that
question, and trying them first would hand it on. Of a file nobody knows where its chains come from; that they aren't
from the same questions is then the user's word.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.folder import read_inputs, read_run
from skiploop.studies.results import InputResult, collect
from skiploop.studies.settings import StudySettings
from skiploop.tasks import Example
from skiploop.tasks.sample import question_key

Settings = TypeVar("Settings", bound=StudySettings)

MOST = 10
"""Chains taken from a study."""


def resolved(settings: Settings, space: Space, examples: Sequence[Example]) -> Settings:
    """The settings with the chains themselves in place of where they are to be read from.

    Args:
        settings: of the study that is about to begin.
        space: its chains; what isn't in it is refused in a file, and left out of a study's chains.
        examples: all its inputs.

    Raises:
        InvalidInput: the chains can't be read, don't fit, or come from a study of one of these inputs.
    """
    place = settings.search.warm_start
    if not isinstance(place, (str, Path)):
        chains = checked([_chain("warm_start", layers, space) for layers in place], "warm_start", space)
    elif Path(place).is_dir():
        chains = from_study(Path(place), space, examples)
    else:
        chains = from_file(Path(place), space)
    return settings.changed(warm_start=tuple([chain.layers for chain in chains]))


def from_file(path: Path, space: Space) -> list[Chain]:
    """The chains of a JSON file, in its order."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"--warm-start {path} can't be read ({error}); give a JSON list of chains, or the folder of a study"
        ) from error
    if not isinstance(value, list) or not value:
        raise InvalidInput(f'--warm-start {path} holds no list of chains; write for instance ["0-2 4-7", [0, 1, 3]]')
    return checked([_chain(f"--warm-start {path}", each, space) for each in value], f"--warm-start {path}", space)


def from_study(path: Path, space: Space, examples: Sequence[Example], most: int = MOST) -> list[Chain]:
    """The chains of a finished study that were right on the most inputs, of equally many the shortest first."""
    run = read_run(path)
    if run["kind"] == "static":
        raise InvalidInput(
            f"--warm-start {path} holds a study of one chain for all inputs; write its chain into a JSON list instead"
        )
    if not (path / "summary.json").exists():
        raise InvalidInput(f"--warm-start {path}: this study isn't finished; give its command again to go on")
    if run["model"]["num_layers"] != space.num_layers:
        raise InvalidInput(
            f"--warm-start {path} is a study of a model of {run['model']['num_layers']} layers, this one has "
            f"{space.num_layers}; use a study of the same model"
        )
    inputs = read_inputs(path)
    _refuse_overlap(path, inputs, examples)
    lines, verified = (JsonlJournal(path / name).lines() for name in ("journal.jsonl", "verified.jsonl"))
    found = most_often_right(collect(run, inputs, lines, verified))
    chains = [chain for chain in found if chain in space and not chain.is_identity][:most]
    if not chains:
        raise InvalidInput(
            f"--warm-start {path}: but for the identity, no chain of this study's space was right there on any input; "
            "leave --warm-start out"
        )
    return chains


def most_often_right(results: Sequence[InputResult]) -> list[Chain]:
    """The chains that were right for the gold answer, whichever arm asked for them, by the number of inputs."""
    counts: Counter[Chain] = Counter()
    for result in results:
        arms = [arm for name, arm in result.arms.items() if name != "control"]
        counts.update({chain for arm in arms for chain, reward in arm.evaluations if reward >= 1})
    return sorted(counts, key=lambda chain: (-counts[chain], len(chain), chain.layers))


def checked(chains: Sequence[Chain], where: str, space: Space) -> list[Chain]:
    """The chains, each once; InvalidInput for one that isn't in the space."""
    for chain in chains:
        if chain not in space:
            raise InvalidInput(
                f"{where}: {str(chain)!r} isn't in the space {space!r}; leave it out, or use another space"
            )
    return list(dict.fromkeys(chains))


def _chain(where: str, value: object, space: Space) -> Chain:
    try:
        if isinstance(value, str):
            return Chain.parse(value, space.num_layers)
        if isinstance(value, (list, tuple)):
            return Chain(value, space.num_layers)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from error
    raise InvalidInput(f"{where}: {value!r} is no chain; use notation such as '0-2 4-7', or a list of layers")


def _refuse_overlap(path: Path, inputs: Sequence[Line], examples: Sequence[Example]) -> None:
    there = {question_key(_example(line)) for line in inputs}
    shared = [example.id for example in examples if question_key(example) in there]
    if shared:
        raise InvalidInput(
            f"--warm-start {path}: {len(shared)} of {len(examples)} questions of this study were searched there, "
            f"such as {shared[0]!r}; its chains were chosen by their gold answers, which would leak. Use a study of "
            "other inputs"
        )


def _example(line: Line) -> Example:
    return Example(line["id"], line["prompt"], line["answer"], tuple(line["choices"]), question=line["question"])
