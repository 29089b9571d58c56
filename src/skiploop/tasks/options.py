"""What can be chosen when a task is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from skiploop.settings.flag import TASK, Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What can be chosen when a task is made; None means the format's default or all.

    Attributes:
        split: split of a hub dataset or of nano, `test` by default.
        levels: levels to keep.
        families: families to keep.
        limit: size of a sample that is balanced over levels and families.
        seed: seed of that sample.
        prompt: prompt template, `@FILE`, or a style, one of `skiploop.tasks.sources.formats.STYLES`.
        scoring: see task.py.
        max_new_tokens: limit of a generation.
        metric: what decides between options, one of `skiploop.tasks.metrics.METRICS`.
        rotate: by how many places the options are moved up cyclically.
        chat: `on` puts the questions as conversations in the model's chat template; `off`; `auto` is on where the model
            has one, and own rows or problems of reasoning-gym are answered in free text, see docs/tasks.md.
        system: system prompt, before everything else.
        shots: examples that are shown before each question; None: the task's default.
        shots_from: a file in the task's format, or a specification such as `gsm8k:train.jsonl`; None: the training
            split on the hub, else the task's own rows.
        shots_order: `random` or `first`: the same for all inputs; `each`: drawn for each, see `skiploop.tasks.shots`.
        shots_seed: of the draws; 1234 is lm-evaluation-harness's.
        shots_as: in a conversation, `turns` of it or the `text` of one message.
        stop: texts at which a generated text ends; None: the task's default.
        difficulty: for `dart`: a file that gives each question's fail rate, see dart.py.
        difficulty_cuts: for `dart`: the four fail rates at which levels 2 to 5 begin; None: fifths.
    """

    split: Annotated[str | None, Flag("Of the data set (default: by task).", panel=TASK)] = None
    levels: Annotated[Collection[int] | None, Flag("Such as 1,2.", panel=TASK)] = None
    families: Annotated[Collection[str] | None, Flag("Such as sort,dates.", panel=TASK)] = None
    limit: int | None = None
    seed: int = 0
    prompt: Annotated[str | None, Flag("A template with {question}, @FILE, lm-eval or cola.", panel=TASK)] = None
    scoring: Annotated[str | None, Flag("verbatim, exact, numeric, math, choice or letter.", panel=TASK)] = None
    max_new_tokens: Annotated[int | None, Flag("Limit of an answer, its end included.", panel=TASK)] = None
    metric: Annotated[
        str, Flag("Of options: acc, acc_norm, acc_bytes, acc_per_token, acc_mutual_info.", panel=TASK)
    ] = "acc"
    rotate: int = 0
    chat: Annotated[str, Flag("Chat template: auto, on, off.", panel=TASK)] = "auto"
    system: Annotated[str, Flag("A system prompt.", panel=TASK)] = ""
    shots: Annotated[int | None, Flag("Examples shown before each question (default: by task).", panel=TASK)] = None
    shots_from: Annotated[str | None, Flag("A file with rows to show, or NAME:FILE.", panel=TASK)] = None
    shots_order: Annotated[str, Flag("random, first; each: drawn for each input, as lm-eval.", panel=TASK)] = "random"
    shots_seed: Annotated[int, Flag("Of the draw of the shots.", panel=TASK)] = 1234
    shots_as: Annotated[str, Flag("In a chat: turns, or the text of one message.", panel=TASK)] = "turns"
    stop: Annotated[
        Sequence[str] | None,
        Flag('End of a text, \\n for a new line; repeatable; "": none.', panel=TASK, repeated=True),
    ] = None
    difficulty: Annotated[str | None, Flag("A file of fail rates, for dart and dart-1 to dart-5.", panel=TASK)] = None
    difficulty_cuts: Annotated[
        Sequence[float] | None, Flag("Where levels 2 to 5 begin, such as .2,.4,.6,.8.", panel=TASK)
    ] = None
