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

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.tasks.dialogue import Dialogue
from skiploop.tasks.options import TaskOptions
from skiploop.tasks.prompts import check_template, read_template
from skiploop.tasks.sample import first_of_each
from skiploop.tasks.scorers.named import OF_OPTIONS
from skiploop.tasks.settle import settle
from skiploop.tasks.shots import Shot, choose_shots
from skiploop.tasks.sources.formats import FORMATS, STYLES, Format, styled
from skiploop.tasks.sources.named import Source, parse_spec, read_examples, read_rows, read_source, solutions_of
from skiploop.tasks.task import Task

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
    name, path = parse_spec(spec)
    template = None if options.prompt is None or options.prompt in STYLES else read_template(options.prompt)
    if template is not None:
        check_template(template)
    source = read_source(name, path, options)
    form, examples = source.form, source.examples
    # Filtered before prompts and scoring are settled: a mixed file is fine if only its choices are kept.
    drafts = tuple(replace(e, prompt=e.prompt or e.question) for e in examples)
    repeated = len(examples) - len(first_of_each(examples))
    draft = Task(
        spec, drafts, "exact", _limit(name, options, source), metric=options.metric, scorer=source.scorer,
        description={**source.description, "repeated_questions": repeated},
    )  # fmt: skip
    kept = {e.id for e in draft.filter(levels=options.levels, families=options.families).examples}
    task = settle(draft, form, [e for e in examples if e.id in kept], template, options.scoring or form.scoring)
    if task.checker is not None:
        task = replace(task, description={**task.description, "checker": task.checker})
    stop = options.stop if options.stop is not None else () if _is_forced(task) else form.stop
    task = replace(task.rotated(options.rotate) if options.rotate else task, stop=tuple(stop))
    task = _with_dialogue(task, _Asked(name, path, source, template), options)
    return task if options.limit is None else task.limit(options.limit, options.seed)


def _limit(name: str, options: TaskOptions, source: Source) -> int:
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
    source: Source
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
        name, path = parse_spec(spec) if spec.partition(":")[0] in (*FORMATS, "rg") else (name, Path(spec).expanduser())
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
    rows, origin = read_rows(name, path, split)
    used, examples = read_examples(rows, form, f"shot-{name}")
    if not examples:
        raise InvalidInput(f"None of the {len(rows)} rows of {origin} can be shown before a question.")
    settled = settle(replace(task, stop=()), form, examples, asked.template, task.scoring)
    return _shots(settled, solutions_of(used, examples, form)), origin, False


def _default_split(form: Format) -> str:
    return "test" if form.hub is None else form.hub.default_split


def _shots(task: Task, solutions: dict[str, str]) -> list[Shot]:
    return [Shot(e.prompt, solutions.get(e.id, e.answer), e.question or e.prompt) for e in task.examples]
