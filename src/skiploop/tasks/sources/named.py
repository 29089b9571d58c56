"""What a specification of a task names: rows of a file, of the hub, of nano or of reasoning-gym, as examples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.tasks.example import Example
from skiploop.tasks.options import TaskOptions
from skiploop.tasks.scorers.protocol import Scorer
from skiploop.tasks.sources.dart import check_cuts, difficulties, read_difficulty, row_rate, with_levels
from skiploop.tasks.sources.formats import FORMATS, STYLES, Format, styled
from skiploop.tasks.sources.hub import hub_source
from skiploop.tasks.sources.reasoning_gym import THRESHOLD, gym_examples
from skiploop.tasks.sources.rows import Row, parse_text, read_file

NANO_SPLITS = ("test", "train")


@dataclass(frozen=True, slots=True)
class Source:
    """What a specification names: examples without prompts, and what is known of them."""

    form: Format
    examples: list[Example]
    description: dict[str, Any]
    scorer: Scorer | None = None
    solutions: dict[str, str] = field(default_factory=dict)


def read_source(name: str, path: Path | None, options: TaskOptions) -> Source:
    """The examples of a task that `parse_spec` has taken apart.

    Raises:
        InvalidInput: there are no such rows, none of them can be used, or an option doesn't suit the task.
    """
    dart = name.startswith("dart")
    if not dart and (options.difficulty is not None or options.difficulty_cuts is not None):
        raise InvalidInput(f"A difficulty is for the tasks dart and dart-1 to dart-5; {name!r} has none.")
    if options.difficulty_cuts is not None:
        check_cuts(options.difficulty_cuts)
    if name == "rg":
        return _gym_source(str(path), options.split, options.scoring)
    rates = {} if options.difficulty is None else read_difficulty(Path(options.difficulty).expanduser())
    rows, origin = read_rows(name, path, options.split)
    form = styled(name, options.prompt if options.prompt in STYLES else None)
    stem = path.stem if path is not None and name == "jsonl" else "dart" if dart else name
    read, examples = read_examples(rows, form, stem)
    solutions = solutions_of(read, examples, form)
    description: dict[str, Any] = {"source": origin, "rows": len(rows), "rows_left_out": len(rows) - len(examples)}
    if not examples:
        raise InvalidInput(f"None of the {len(rows)} rows of {origin} can be used for the task {name!r}.")
    if dart:
        found = difficulties(examples, [row_rate(row) for row in read], rates, name)
        examples, cut = with_levels(examples, found, options.difficulty_cuts)
        description |= cut
        examples = [e for e in examples if name == "dart" or e.level == int(name[-1])]
        if not examples:
            raise InvalidInput(f"The task {name!r} has no questions: {cut['levels']} gave {cut['level_ranges']}.")
    if form.family:
        examples = [replace(e, family=e.family or name) for e in examples]
    return Source(form, examples, description, solutions=solutions)


def _gym_source(spec: str, split: str | None, scoring: str | None) -> Source:
    if split is not None:
        raise InvalidInput(f"The split {split!r} can't be chosen: problems of reasoning-gym are made; use seed=N.")
    examples, scorer = gym_examples(spec)
    lacking = [e.id for e in examples if not e.answer]
    if lacking and scoring not in (None, "gym"):
        raise InvalidInput(
            f"{len(lacking)} problems of 'rg:{spec}' have no reference answer, the first is {lacking[0]!r}: many "
            f"answers are right. The scoring {scoring!r} needs one; leave it out, the data set judges by itself."
        )
    description = {"source": f"reasoning-gym {spec}", "rows": len(examples), "right_from_reward": THRESHOLD}
    return Source(Format(lambda *_: None, "gym", max_new_tokens=None), examples, description, scorer)


def parse_spec(spec: str) -> tuple[str, Path | None]:
    """The name of a task, and what stands after the colon: a file, or a data set of reasoning-gym.

    Raises:
        InvalidInput: there is no such task, or it needs a path, or takes none.
    """
    name, colon, rest = spec.partition(":")
    if name == "rg" and rest.strip():
        return name, Path(rest)
    if name == "rg":
        raise InvalidInput(
            "The task 'rg' needs the name of a data set of reasoning-gym: rg:NAME, such as rg:chain_sum."
        )
    if name not in FORMATS:
        raise _unknown_task(spec, name)
    if colon and not rest.strip():
        raise InvalidInput(f"The task {spec!r} has no path after the colon.")
    if name == "jsonl" and not rest:
        raise InvalidInput("The task 'jsonl' needs a file: jsonl:PATH.")
    if name == "nano" and rest:
        raise InvalidInput("The task 'nano' takes no path; to read a file of your own write jsonl:PATH.")
    return name, Path(rest).expanduser() if rest else None


def _unknown_task(spec: str, name: str) -> InvalidInput:
    known = ", ".join([*(n for n in FORMATS if n != "jsonl"), "jsonl:PATH", "rg:NAME"])
    close = get_close_matches(name.strip().casefold().replace("_", "-"), FORMATS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    if Path(spec).suffix in (".json", ".jsonl"):
        hint = f" For a file of your own write {'jsonl:' + spec!r}."
    return InvalidInput(
        f"Unknown task {spec!r}.{hint} Known are: {known}; NAME:PATH reads a local file in NAME's format."
    )


def read_rows(name: str, path: Path | None, split: str | None) -> tuple[list[Row], str]:
    """The rows, and what they are called.

    Raises:
        InvalidInput: they can't be read, or there is no such split.
    """
    if path is not None:
        if split is not None:
            raise InvalidInput(f"The split {split!r} can't be chosen: a file has no splits. Leave it out.")
        return read_file(path), path.name
    if name == "nano":
        split = split or "test"
        return _nano_rows(split), f"nano ({split})"
    return hub_source(name, split)


def _nano_rows(split: str) -> list[Row]:
    if split not in NANO_SPLITS:
        raise InvalidInput(f"The task 'nano' has no split {split!r}; it has {', '.join(NANO_SPLITS)}.")
    from importlib.resources import files  # costs a third of the import time of this package

    source = files("skiploop") / "nano" / f"{split}.jsonl"
    if not source.is_file():
        raise InvalidInput(f"This installation of skiploop lacks nano/{split}.jsonl; install it again.")
    return parse_text(source.read_text(encoding="utf-8"), f"nano/{split}.jsonl")


def read_examples(rows: list[Row], form: Format, stem: str) -> tuple[list[Row], list[Example]]:
    """The rows that are used, and their examples.

    Raises:
        InvalidInput: an id was used before.
    """
    used, examples = [], []
    seen: dict[str, str] = {}
    for number, row in enumerate(rows):
        example = form.read(row, f"{stem}-{number}")
        if example is None:
            continue
        if example.id in seen:
            row.fail(f"the id {example.id!r} was used before ({seen[example.id]}).")
        seen[example.id] = row.where
        used.append(row)
        examples.append(example)
    return used, examples


def solutions_of(rows: list[Row], examples: list[Example], form: Format) -> dict[str, str]:
    """The worked solutions that rows have, by the id of their example."""
    if form.shown is None:
        return {}
    pairs = zip(rows, examples, strict=True)
    return {e.id: row.text(form.shown) for row, e in pairs if row.has(form.shown)}
