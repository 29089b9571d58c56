"""The known data formats: how their rows are read, asked and scored, and where the hub has them.

The default prompts are plain zero-shot ones. The prompts that the CoLa paper used for multiple choice and
mathematics aren't published, so base accuracies here needn't be those of its tables; `--prompt` takes others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skiploop.tasks.example import Example
from skiploop.tasks.sources.readers import (
    read_arc,
    read_asdiv,
    read_commonsenseqa,
    read_dart,
    read_gsm8k,
    read_math,
    read_mmlu_pro,
    read_plain,
    read_svamp,
)
from skiploop.tasks.sources.rows import Row

PLAIN = "Question: {question}\nAnswer:"
WITH_OPTIONS = "Question: {question}\n{options}\nAnswer:"
PROBLEM = "Problem: {question}\nSolution:"


@dataclass(frozen=True, slots=True)
class HubSource:
    """Where the hub has a data set.

    Attributes:
        repository: its name.
        splits: those with answers; `test` is the default where there is one, else the first.
        configs: its parts, which are read one after another.
    """

    repository: str
    splits: tuple[str, ...]
    configs: tuple[str | None, ...] = (None,)

    @property
    def default_split(self) -> str:
        """`test` where there is one."""
        return "test" if "test" in self.splits else self.splits[0]


@dataclass(frozen=True, slots=True)
class Format:
    """A data format.

    Attributes:
        read: makes an Example of a row, given an id for the case that the row has none. A prompt that isn't
            empty is used as it stands. None leaves the row out, which the task's description counts.
        scoring: default kind of scoring; None if it depends on the rows.
        template: default prompt; `letter` and generation show the options too, through `WITH_OPTIONS`.
        max_new_tokens: default; None for the length of the longest answer.
        family: whether rows without a family belong to one that is called like the task.
        hub: where the hub has it; None: nowhere, or (DART-Math) in parts that hub.py joins.
    """

    read: Callable[[Row, str], Example | None]
    scoring: str | None
    template: str = PLAIN
    max_new_tokens: int | None = 64
    family: bool = True
    hub: HubSource | None = None


_MATH_PARTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
_ARC_SPLITS = ("train", "validation", "test")
FORMATS = {
    "nano": Format(read_plain, "verbatim", "{question}", max_new_tokens=None),
    "jsonl": Format(read_plain, None, family=False),
    "arc-easy": Format(
        read_arc, "choice", max_new_tokens=8, hub=HubSource("allenai/ai2_arc", _ARC_SPLITS, ("ARC-Easy",))
    ),
    "arc-challenge": Format(
        read_arc, "choice", max_new_tokens=8, hub=HubSource("allenai/ai2_arc", _ARC_SPLITS, ("ARC-Challenge",))
    ),
    "commonsenseqa": Format(
        read_commonsenseqa, "choice", max_new_tokens=8, hub=HubSource("tau/commonsense_qa", ("validation", "train"))
    ),
    "mmlu-pro": Format(
        read_mmlu_pro, "letter", max_new_tokens=8, hub=HubSource("TIGER-Lab/MMLU-Pro", ("test", "validation"))
    ),
    "gsm8k": Format(
        read_gsm8k, "numeric", max_new_tokens=256, hub=HubSource("openai/gsm8k", ("train", "test"), ("main",))
    ),
    "svamp": Format(read_svamp, "numeric", max_new_tokens=128, hub=HubSource("ChilleD/SVAMP", ("train", "test"))),
    "asdiv": Format(read_asdiv, "numeric", max_new_tokens=128, hub=HubSource("EleutherAI/asdiv", ("validation",))),
    "math": Format(
        read_math, "math", PROBLEM, 512, hub=HubSource("EleutherAI/hendrycks_math", ("train", "test"), _MATH_PARTS)
    ),
    "math-500": Format(read_math, "math", PROBLEM, 512, hub=HubSource("HuggingFaceH4/MATH-500", ("test",))),
    **{name: Format(read_dart, "math", PROBLEM, 512) for name in ("dart", *(f"dart-{k}" for k in range(1, 6)))},
}
