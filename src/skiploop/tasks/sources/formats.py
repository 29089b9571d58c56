"""The known data formats: how their rows are read, asked and scored, and where the hub has them.

Where lm-evaluation-harness (0.4.13) has the task, the defaults are those of its file `lm_eval/tasks/...`, which is
named at each: prompt, shots, stop strings, length of an answer. `--prompt cola` asks as the CoLa paper does: zero-shot,
in plain prompts of ours, as its own aren't published; so base accuracies needn't be those of its tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from skiploop.errors import InvalidInput
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
STYLES = ("lm-eval", "cola")


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

    def shots_split(self, split: str) -> str:
        """Where shots come from: the training split, or else validation, as in lm-evaluation-harness; else this one."""
        return next((each for each in ("train", "validation") if each in self.splits), split)


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
        lm_eval: the file of lm-evaluation-harness that the defaults are from; empty where it has no such task.
        shots: default number of examples shown before a question.
        stop: default texts at which a generated text ends.
        shown: the field of a row with the worked solution, which a shot shows in place of the answer.
        hub: where the hub has it; None: nowhere, or (DART-Math) in parts that hub.py joins.
    """

    read: Callable[[Row, str], Example | None]
    scoring: str | None
    template: str = PLAIN
    max_new_tokens: int | None = 64
    family: bool = True
    lm_eval: str = ""
    shots: int = 0
    stop: tuple[str, ...] = ()
    shown: str | None = None
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
_MATH_PROMPT = "Problem: {question}\nAnswer:"
_ARC_SPLITS = ("train", "validation", "test")
FORMATS: dict[str, Format] = {
    "nano": Format(read_plain, "verbatim", "{question}", max_new_tokens=None),
    "jsonl": Format(read_plain, None, family=False, shown="solution"),
    "arc-easy": Format(
        read_arc, "choice", max_new_tokens=8, lm_eval="arc/arc_easy.yaml",
        hub=HubSource("allenai/ai2_arc", _ARC_SPLITS, ("ARC-Easy",)),
    ),
    "arc-challenge": Format(
        read_arc, "choice", max_new_tokens=8, lm_eval="arc/arc_challenge.yaml",
        hub=HubSource("allenai/ai2_arc", _ARC_SPLITS, ("ARC-Challenge",)),
    ),
    "commonsenseqa": Format(
        read_commonsenseqa, "letter", max_new_tokens=8, lm_eval="commonsense_qa/default.yaml",
        hub=HubSource("tau/commonsense_qa", ("validation", "train")),
    ),
    "mmlu-pro": Format(
        read_mmlu_pro, "letter", max_new_tokens=8, hub=HubSource("TIGER-Lab/MMLU-Pro", ("test", "validation"))
    ),
    "gsm8k": Format(
        read_gsm8k, "numeric", max_new_tokens=256, lm_eval="gsm8k/gsm8k.yaml", shots=5, shown="answer",
        stop=("Question:", "</s>", "<|im_end|>"), hub=HubSource("openai/gsm8k", ("train", "test"), ("main",)),
    ),
    "svamp": Format(read_svamp, "numeric", max_new_tokens=128, hub=HubSource("ChilleD/SVAMP", ("train", "test"))),
    "asdiv": Format(read_asdiv, "numeric", max_new_tokens=128, hub=HubSource("EleutherAI/asdiv", ("validation",))),
    "math": Format(
        read_math, "math", _MATH_PROMPT, 256, lm_eval="hendrycks_math/hendrycks_math_algebra.yaml", stop=("Problem:",),
        hub=HubSource("EleutherAI/hendrycks_math", ("train", "test"), _MATH_PARTS),
    ),
    "math-500": Format(
        read_math, "math", _MATH_PROMPT, 256, lm_eval="hendrycks_math/hendrycks_math500.yaml", stop=("Problem:",),
        hub=HubSource("HuggingFaceH4/MATH-500", ("test",)),
    ),
    **{
        name: Format(read_dart, "math", PROBLEM, 512, shown="solution")
        for name in ("dart", *(f"dart-{k}" for k in range(1, 6)))
    },
}  # fmt: skip
_COLA_MATH = {"template": PROBLEM, "max_new_tokens": 512, "stop": (), "shown": "solution"}
_COLA: dict[str, dict[str, Any]] = {
    "commonsenseqa": {"scoring": "choice"},
    "gsm8k": {"shots": 0, "stop": ()},
    "math": _COLA_MATH,
    "math-500": _COLA_MATH,
}


def styled(name: str, style: str | None) -> Format:
    """A format with the defaults of a style, one of `STYLES`; None: its own."""
    form = FORMATS[name]
    if style == "lm-eval" and not form.lm_eval:
        having = ", ".join(each for each, own in FORMATS.items() if own.lm_eval)
        raise InvalidInput(
            f"The task {name!r} has no prompt of lm-evaluation-harness: it isn't one of {having}. Leave --prompt out."
        )
    return replace(form, **_COLA.get(name, {})) if style == "cola" else form
