"""make_task: from a specification such as `nano`, `jsonl:my.jsonl` or `gsm8k` to a Task.

nano                        the test problems that ship with the embedded model
jsonl:PATH                  own rows: prompt or question, answer, and choices where there are any
arc-easy arc-challenge commonsenseqa mmlu-pro     from the hub, needs `pip install skiploop[hub]`
gsm8k svamp asdiv math math-500 dart dart-1 .. dart-5
arc-easy:PATH ... dart-5:PATH                     the same formats from a local JSON or JSONL file (ASDiv: XML, too)
rg:NAME  rg:NAME,size=200,seed=1,OPTION=VALUE     problems of reasoning-gym, needs `pip install skiploop[eval]`

docs/tasks.md has a table of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.numeric import parse_number
from skiploop.tasks.answers.text import letters
from skiploop.tasks.dialogue import Dialogue
from skiploop.tasks.example import Example
from skiploop.tasks.options import TaskOptions
from skiploop.tasks.prompts import check_template, read_template, render
from skiploop.tasks.sample import first_of_each
from skiploop.tasks.scorers.named import OF_OPTIONS
from skiploop.tasks.scorers.protocol import Scorer
from skiploop.tasks.shots import Shot, choose_shots
from skiploop.tasks.sources.dart import check_cuts, difficulties, read_difficulty, row_rate, with_levels
from skiploop.tasks.sources.formats import FORMATS, PLAIN, STYLES, WITH_OPTIONS, Format, styled
from skiploop.tasks.sources.hub import hub_source
from skiploop.tasks.sources.reasoning_gym import THRESHOLD, gym_examples
from skiploop.tasks.sources.rows import Row, parse_text, read_file
from skiploop.tasks.task import Task

NANO_SPLITS = ("test", "train")
# A byte-level tokenizer needs one token a byte at most; a few more for EOS and word-boundary marks.
_EXTRA_TOKENS = 4
_GYM_TOKENS = 64  # at least: a model may lead up to its answer


def make_task(spec: str, options: TaskOptions | None = None, **changes: Any) -> Task:
    """Make the task that `spec` names.

    Args:
        spec: see the head of this file.
        options: a prepared set of options.
        **changes: single fields of `TaskOptions`, which win over `options`.

    Raises:
        InvalidInput: for everything that is wrong with the specification, the options, or the data.
    """
    options = replace(options or TaskOptions(), **changes)
    name, path = _parse_spec(spec)
    template = None if options.prompt is None or options.prompt in STYLES else read_template(options.prompt)
    if template is not None:
        check_template(template)
    source = _source(name, path, options)
    form, examples = source.form, source.examples
    # Filtered before prompts and scoring are settled: a mixed file is fine if only its choices are kept.
    drafts = tuple(replace(e, prompt=e.prompt or e.question) for e in examples)
    repeated = len(examples) - len(first_of_each(examples))
    draft = Task(
        spec, drafts, "exact", _limit(name, options, source), metric=options.metric, scorer=source.scorer,
        description={**source.description, "repeated_questions": repeated},
    )  # fmt: skip
    kept = {e.id for e in draft.filter(levels=options.levels, families=options.families).examples}
    task = _settle(draft, form, [e for e in examples if e.id in kept], template, options.scoring or form.scoring)
    if task.checker is not None:
        task = replace(task, description={**task.description, "checker": task.checker})
    stop = options.stop if options.stop is not None else () if _is_forced(task) else form.stop
    task = replace(task.rotated(options.rotate) if options.rotate else task, stop=tuple(stop))
    task = _with_dialogue(task, _Asked(name, path, source, template), options)
    return task if options.limit is None else task.limit(options.limit, options.seed)


def _limit(name: str, options: TaskOptions, source: _Source) -> int:
    """Tokens of an answer, at most."""
    if options.max_new_tokens is not None:
        return options.max_new_tokens
    longest = max(len(e.answer.encode()) for e in source.examples) + _EXTRA_TOKENS
    return source.form.max_new_tokens or (max(longest, _GYM_TOKENS) if name == "rg" else longest)


def _is_forced(task: Task) -> bool:
    """Whether no text is generated that stop strings could end."""
    return task.verbatim or task.scoring in OF_OPTIONS


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a task was made from: its specification, its rows, and a template of the user."""

    name: str
    path: Path | None
    source: _Source
    template: str | None


def _with_dialogue(task: Task, asked: _Asked, options: TaskOptions) -> Task:
    """The task with its shots and the system prompt in front of each question."""
    count = asked.source.form.shots if options.shots is None else options.shots
    if count < 0:
        raise InvalidInput(f"The number of shots is {count}; it must be 0 or more.")
    pool, origin, same = _pool(task, asked, options) if count or options.shots_from else ([], "", True)
    if options.shots is None and options.shots_from is not None:
        count = count or len(pool)
    chosen = choose_shots(
        pool, task.examples, count, order=options.shots_order, seed=options.shots_seed, same_rows=same
    )
    own = any(e.prompt for e in asked.source.examples) and asked.template is None
    dialogue = Dialogue(
        options.chat, options.system, options.shots_as,
        suits_chat=asked.name in ("jsonl", "rg") and not own and not _is_forced(task),
        shots={e.id: each for e, each in zip(task.examples, chosen, strict=True)},
    )  # fmt: skip
    shown = tuple(replace(e, prompt=dialogue.as_text(e.id, e.prompt)) for e in task.examples)
    about: dict[str, Any] = {"shots": count}
    if count:
        about |= {"shots_from": origin, "shots_order": options.shots_order, "shots_seed": options.shots_seed}
    if options.system:
        about["system"] = options.system
    if options.prompt in STYLES:
        about["prompt"] = options.prompt
    return replace(task, examples=shown, dialogue=dialogue, description={**task.description, **about})


def _pool(task: Task, asked: _Asked, options: TaskOptions) -> tuple[list[Shot], str, bool]:
    """The shots that there are, what their source is called, and whether it is the task's own rows."""
    name, path, form = asked.name, asked.path, asked.source.form
    split = None
    if options.shots_from is not None:
        # A file alone is in the task's own format.
        spec = options.shots_from
        name, path = (
            _parse_spec(spec) if spec.partition(":")[0] in (*FORMATS, "rg") else (name, Path(spec).expanduser())
        )
        if name == "rg":
            raise InvalidInput("Shots can't be taken from problems of reasoning-gym; give a file with --shots-from.")
        form = styled(name, options.prompt if options.prompt in STYLES else None)
    elif path is None and form.hub is not None:
        split = form.hub.shots_split(options.split or form.hub.default_split)
    elif path is None and name == "nano":
        split = "train"
    own = options.shots_from is None and (split is None or split == (options.split or _default_split(form)))
    if own:
        return _shots(task, asked.source.solutions), asked.source.description["source"], True
    rows, origin = _rows(name, path, split)
    used, examples = _read(rows, form, f"shot-{name}")
    if not examples:
        raise InvalidInput(f"None of the {len(rows)} rows of {origin} can be shown before a question.")
    settled = _settle(replace(task, stop=()), form, examples, asked.template, task.scoring)
    return _shots(settled, _solutions(used, examples, form)), origin, False


def _default_split(form: Format) -> str:
    return "test" if form.hub is None else form.hub.default_split


def _shots(task: Task, solutions: dict[str, str]) -> list[Shot]:
    return [Shot(e.prompt, solutions.get(e.id, e.answer), e.question or e.prompt) for e in task.examples]


def _solutions(rows: list[Row], examples: list[Example], form: Format) -> dict[str, str]:
    """The worked solutions that rows have, by the id of their example."""
    if form.shown is None:
        return {}
    pairs = zip(rows, examples, strict=True)
    return {e.id: row.text(form.shown) for row, e in pairs if row.has(form.shown)}


@dataclass(frozen=True, slots=True)
class _Source:
    """What a specification names: examples without prompts, and what is known of them."""

    form: Format
    examples: list[Example]
    description: dict[str, Any]
    scorer: Scorer | None = None
    solutions: dict[str, str] = field(default_factory=dict)


def _source(name: str, path: Path | None, options: TaskOptions) -> _Source:
    dart = name.startswith("dart")
    if not dart and (options.difficulty is not None or options.difficulty_cuts is not None):
        raise InvalidInput(f"A difficulty is for the tasks dart and dart-1 to dart-5; {name!r} has none.")
    if options.difficulty_cuts is not None:
        check_cuts(options.difficulty_cuts)
    if name == "rg":
        return _gym_source(str(path), options.split, options.scoring)
    rates = {} if options.difficulty is None else read_difficulty(Path(options.difficulty).expanduser())
    rows, origin = _rows(name, path, options.split)
    form = styled(name, options.prompt if options.prompt in STYLES else None)
    stem = path.stem if path is not None and name == "jsonl" else "dart" if dart else name
    read, examples = _read(rows, form, stem)
    solutions = _solutions(read, examples, form)
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
    return _Source(form, examples, description, solutions=solutions)


def _gym_source(spec: str, split: str | None, scoring: str | None) -> _Source:
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
    return _Source(Format(lambda *_: None, "gym", max_new_tokens=None), examples, description, scorer)


def _parse_spec(spec: str) -> tuple[str, Path | None]:
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


def _rows(name: str, path: Path | None, split: str | None) -> tuple[list[Row], str]:
    """The rows, and what they are called."""
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


def _read(rows: list[Row], form: Format, stem: str) -> tuple[list[Row], list[Example]]:
    """The rows that are used, and their examples."""
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


def _settle(draft: Task, form: Format, examples: list[Example], template: str | None, scoring: str | None) -> Task:
    """Settle scoring, template and prompts; a prompt of the data yields to a template of the user."""
    if scoring is None:
        scoring = _default_scoring(draft.name, examples)
    if template is None:
        template = _default_template(draft.name, form, [e for e in examples if not e.prompt], scoring)
        prompts = [e.prompt or render(template, e.question, e.choices) for e in examples]
    else:
        check_template(template, has_options=all(e.choices for e in examples))
        prompts = [render(template, e.question, e.choices) for e in examples]
        if scoring == "letter" and "{options}" not in template:
            raise InvalidInput(
                "The scoring 'letter' needs a prompt that lists the options: put {options} in the template."
            )
    done = [replace(e, prompt=prompt, answer=_answer(e, scoring)) for e, prompt in zip(examples, prompts, strict=True)]
    return replace(draft, examples=tuple(done), scoring=scoring, prompt_template=template)


def _default_template(name: str, form: Format, asked: list[Example], scoring: str) -> str:
    """The format's template, with the options where they have to be listed; `asked`: examples without a prompt."""
    if not asked:
        return "{question}"  # prompts that are all the data's own follow no template that is known here
    if form.template != PLAIN or scoring == "choice" or not any(e.choices for e in asked):
        return form.template
    _check_mixed(name, asked)
    return WITH_OPTIONS


def _default_scoring(name: str, examples: list[Example]) -> str:
    """Choose for own files: choices are scored as such; with a number among the answers, each row by its own kind."""
    if all(e.choices for e in examples):
        return "choice"
    if any(e.choices for e in examples):
        raise InvalidInput(
            f"Some rows of the task {name!r} have choices and others don't: choose a scoring for all of them "
            "(verbatim, exact or numeric), or keep the families of one kind."
        )
    return "numeric" if any(parse_number(e.answer) for e in examples) else "exact"


def _check_mixed(name: str, examples: list[Example]) -> None:
    without = next((e for e in examples if not e.choices), None)
    if without is not None:
        raise InvalidInput(
            f"Some rows of the task {name!r} have choices, others (such as {without.id!r}) don't: give the "
            "rows a 'prompt' of their own, or a prompt template without {options}."
        )


def _answer(example: Example, scoring: str) -> str:
    if example.gold is None or scoring not in ("choice", "letter"):
        return example.answer
    return example.choices[example.gold] if scoring == "choice" else letters(len(example.choices))[example.gold]
