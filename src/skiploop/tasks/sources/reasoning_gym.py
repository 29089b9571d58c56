"""Problems of reasoning-gym: `rg:NAME` or `rg:NAME,size=200,seed=1,OPTION=VALUE`.

Procedural and seeded: the same specification gives the same problems in every process (of one version of
reasoning-gym, which is part of the task's fingerprint). An answer is right where the data set's own `score_answer`
gives at least `THRESHOLD`; it gives less for an answer that is close, or right but in the wrong form. Generation and
scoring run in a process of their own (worker.py): some data sets read answers with sympy or eval.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.sandbox import Worker
from skiploop.tasks.answers.text import exact_verdict, final_statement
from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.scorers.protocol import Scorer

THRESHOLD = 0.99
SIZE = 500
_TIMEOUT = 10.0  # seconds to score one answer
_MAKING = 600.0  # seconds to make all problems


@dataclass(frozen=True, eq=False)
class GymScorer(Scorer):
    """The data set's own judgement.

    Attributes:
        name: for run.json and the fingerprint.
        answers: the reference answer by example id, and the place in the data set.
    """

    name: str
    worker: Worker
    answers: dict[str, tuple[int, str]]

    @property
    def checker(self) -> str:
        """The package that judges, and the reward from which an answer is right."""
        return self.name

    def judge(self, example: Example, text: str) -> Verdict:
        """Judge the final statement; where another answer is the target (a control's), only that text is right."""
        answer = final_statement(text)
        if not answer:
            return Verdict(0.0, None)
        index, reference = self.answers[example.id]
        if example.answer != reference:
            return Verdict(float(exact_verdict(example.answer, answer)[0]), answer)
        score = self.worker.ask([index, answer], _TIMEOUT) or 0.0
        return Verdict(float(score >= THRESHOLD), answer)


def gym_examples(spec: str) -> tuple[list[Example], GymScorer]:
    """The problems that a specification (behind `rg:`) names, and what judges answers to them."""
    name, config = parse_gym(spec)
    try:
        release = version("reasoning-gym")
    except PackageNotFoundError:
        raise InvalidInput(f"The task 'rg:{spec}' needs `pip install 'skiploop[eval]'` (reasoning-gym).") from None
    worker = Worker("gym", name, json.dumps(config))
    names = worker.ask("names", _MAKING) or []
    if name not in names:
        worker.stop()
        near = get_close_matches(name.casefold().replace("-", "_"), names, n=5, cutoff=0.5)
        hint = f"Near are {', '.join(near)}." if near else f"There are {', '.join(names)}."
        raise InvalidInput(f"reasoning-gym {release} has no data set {name!r}. {hint}")
    items = worker.ask("items", _MAKING)
    if not isinstance(items, list):
        worker.stop()
        problem = "took too long" if items is None else items["error"]
        options = "" if items is None else f" Options are {', '.join(items['fields'])}."
        raise InvalidInput(f"The task 'rg:{spec}' can't be made: {problem}.{options}")
    examples = [_example(name, index, item) for index, item in enumerate(items)]
    answers = {example.id: (index, example.answer) for index, example in enumerate(examples)}
    return examples, GymScorer(f"reasoning-gym {release}, right at {THRESHOLD}", worker, answers)


def parse_gym(spec: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of `NAME,size=200,seed=1,OPTION=VALUE`."""
    name, *options = [part.strip() for part in spec.split(",")]
    config: dict[str, Any] = {"size": SIZE, "seed": 0}
    for option in options:
        key, equals, value = option.partition("=")
        if not key or not equals or not value:
            raise InvalidInput(f"{option!r} in the task 'rg:{spec}' isn't OPTION=VALUE, for instance size=200.")
        try:
            config[key.strip()] = json.loads(value)
        except ValueError:
            config[key.strip()] = value.strip()
    for key, least in (("size", 1), ("seed", 0)):
        if isinstance(config[key], bool) or not isinstance(config[key], int) or config[key] < least:
            raise InvalidInput(
                f"{key} of the task 'rg:{spec}' is {config[key]!r}; it must be a whole number, {least} or more."
            )
    return name, config


def _example(name: str, index: int, item: dict[str, Any]) -> Example:
    return Example(
        id=f"{name}-{index}",
        prompt="",
        answer=item["answer"] or "",
        level=item["level"],
        family=name,
        question=item["question"].strip(),
    )
