"""Passes on the inputs of a task, in the process that has the model; see `skiploop.studies.spread.OpenedJob`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from skiploop.engine.request import Request, Result, Runner
from skiploop.errors import InvalidInput
from skiploop.routing.passes import ModelPass
from skiploop.storage.files import Line
from skiploop.studies.clock import Clock
from skiploop.studies.evaluation import check_lengths, shown_request
from skiploop.studies.execution import Execution
from skiploop.studies.folder import StudyFolder
from skiploop.studies.guide import option_scores
from skiploop.studies.record import run_record, task_record
from skiploop.studies.settings import EngineSettings
from skiploop.studies.spread import JobStep
from skiploop.tasks import Example, Task
from skiploop.tasks.dialogue import Template

KIND = "route"
TEMPERATURE = 0.7
"""Of sampled answers."""
PART = 8
"""Inputs that are run together; that many are lost when the process is killed."""
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Forms:
    """A task, and further forms of its prompts.

    Attributes:
        tasks: of the same inputs, in the same order; the first is the task itself.
    """

    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        ids = [example.id for example in self.tasks[0].examples]
        for task in self.tasks[1:]:
            if [example.id for example in task.examples] != ids:
                raise InvalidInput("the forms of a prompt have different inputs; make them of one task with one sample")

    @property
    def task(self) -> Task:
        """The task itself."""
        return self.tasks[0]

    def for_model(self, template: Template | None) -> Forms:
        """As the model is asked: in its chat template, where that is wanted."""
        return Forms(tuple(task.for_model(template) for task in self.tasks))


def prepare(
    model: Any, forms: Forms, passes: Sequence[ModelPass], engine: EngineSettings, execution: Execution
) -> CollectWork:
    """Prepares passes.

    Args:
        model: opened.
        forms: the task, as the model is asked it, and other forms of its prompts.
        passes: the first is the identity.
        engine: its settings.
        execution: what evaluates.

    Raises:
        InvalidInput: an input is too long, or a pass wants what the task hasn't.
    """
    _check(forms, passes)
    for task in forms.tasks:
        check_lengths(task, task.examples, model)
    runner, name = execution.open_runner(model, engine)
    sections = {"passes": [each.to_json() for each in passes], "engine": asdict(engine)}
    about = {"task": task_record(forms.task), "forms": [task.fingerprint for task in forms.tasks]}
    run = run_record(model, about, kind=KIND, settings=sections, engine=name)
    return CollectWork(model, runner, forms, tuple(passes), execution, run)


def _check(forms: Forms, passes: Sequence[ModelPass]) -> None:
    if not passes or passes[0].role != "identity":
        raise InvalidInput("the first pass has to be the identity")
    if forms.task.scores_options and any(each.seed is not None for each in passes):
        raise InvalidInput("options are scored, not sampled; use no samples on this task")
    if max(each.prompt for each in passes) >= len(forms.tasks):
        raise InvalidInput(f"a pass wants a form of the prompt that isn't among the {len(forms.tasks)} given")


@dataclass(frozen=True, slots=True)
class CollectWork:
    """Passes that can be run on inputs.

    Attributes:
        model: opened.
        runner: evaluates.
        forms: the task, as the model is asked it, and other forms of its prompts.
        passes: the first is the identity.
        execution: what says what a question is like.
        run: what goes into run.json.
    """

    model: Any
    runner: Runner
    forms: Forms
    passes: tuple[ModelPass, ...]
    execution: Execution
    run: dict[str, Any]

    @property
    def inputs(self) -> list[Line]:
        """What goes into inputs.jsonl."""
        return [{"id": example.id} for example in self.forms.task.examples]

    def steps(self, folder: StudyFolder, first: int, last: int, clock: Clock) -> Iterator[JobStep]:
        """All passes on one part of the inputs after another."""
        lines = folder.journal.lines()
        known, right = {line["input"] for line in lines}, [bool(line["outputs"][0]["right"]) for line in lines]
        waiting = [at for at in range(first, last) if self.forms.task.examples[at].id not in known]
        getattr(self.runner, "batched_paths", dict)()  # an engine tries its paths out; that isn't what passes cost
        for start in range(0, len(waiting), PART):
            begun, calls = time.monotonic(), self.runner.layer_calls
            found = self._part(waiting[start : start + PART])
            cost = {"seconds": time.monotonic() - begun, "layer_calls": self.runner.layer_calls - calls}
            folder.journal.append(found)
            folder.spent.append([cost])
            clock.tick()
            right += [bool(line["outputs"][0]["right"]) for line in found]
            yield JobStep(len(right), last - first, sum(right) / len(right))

    def _part(self, rows: Sequence[int]) -> list[Line]:
        pairs = [(row, each) for row in rows for each in self.passes]
        results = self.runner.run([self._request(row, each) for row, each in pairs])
        outputs = self._outputs(pairs, results)
        priors = self._priors(rows)
        embed, size, lines = self.execution.open_embed(self.model), len(self.passes), []
        for at, row in enumerate(rows):
            example = self.forms.task.examples[row]
            line: Line = {"input": example.id, "prompt_tokens": len(self.model.encode(example.prompt))}
            line["outputs"] = outputs[at * size : (at + 1) * size]
            line["state"] = [round(float(value), _DIGITS) for value in embed(example.question or example.prompt)]
            lines.append(line | priors[at])
        return lines

    def _example(self, row: int, each: ModelPass) -> tuple[Task, Example]:
        task = self.forms.tasks[each.prompt]
        return task, task.examples[row]

    def _request(self, row: int, each: ModelPass) -> Request:
        task, example = self._example(row, each)
        if task.scores_options:
            return Request(example.prompt, each.chain, continuations=task.continuations(example))
        asked = shown_request(task, example, each.chain)
        if each.seed is None:
            return asked
        return Request(
            asked.prompt,
            asked.chain,
            max_new_tokens=asked.max_new_tokens,
            stop=asked.stop,
            temperature=TEMPERATURE,
            seed=each.seed,
        )

    def _outputs(self, pairs: Sequence[tuple[int, ModelPass]], results: Sequence[Result]) -> list[Line]:
        if self.forms.task.scores_options:
            return [self._scored(row, each, result) for (row, each), result in zip(pairs, results, strict=True)]
        texts = [result.text or "" for result in results]
        surprise = self._logprobs(pairs, texts)
        lines = []
        for (row, each), text, logprob in zip(pairs, texts, surprise, strict=True):
            task, example = self._example(row, each)
            verdict = task.judge_text(example, text)
            lines.append({"answer": verdict.answer, "right": verdict.reward >= 1, "logprob": logprob, "text": text})
        return lines

    def _scored(self, row: int, each: ModelPass, result: Result) -> Line:
        task, example = self._example(row, each)
        verdict = task.judge_scores(example, option_scores(task, example, result))
        scores = [None if math.isnan(score) else score for score in result.loglikelihoods]
        return {"right": verdict.reward >= 1, "scores": scores}

    def _logprobs(self, pairs: Sequence[tuple[int, ModelPass]], texts: Sequence[str]) -> list[float | None]:
        """Mean log-probability of the tokens of each text; a by-product of generating it, so it isn't charged."""
        asked = [at for at, text in enumerate(texts) if text.strip()]
        requests = []
        for at in asked:
            row, each = pairs[at]
            requests.append(Request(self._example(row, each)[1].prompt, each.chain, continuations=(texts[at],)))
        found: list[float | None] = [None] * len(texts)
        for at, result in zip(asked, self.runner.run(requests), strict=True):
            mean = result.loglikelihoods[0] / result.num_tokens[0]
            found[at] = mean if math.isfinite(mean) else None
        return found

    def _priors(self, rows: Sequence[int]) -> list[Line]:
        """Lengths and priors of the options of each input, and which is right; nothing where text is generated."""
        task = self.forms.task
        if not task.scores_options:
            return [{} for _ in rows]
        examples, identity = [task.examples[row] for row in rows], self.passes[0].chain
        results = self.runner.run(
            [Request(e.prompt, identity, continuations=task.continuations(e), unconditional=True) for e in examples]
        )
        return [
            {
                "gold": example.gold,
                "tokens": list(result.num_tokens),
                "characters": [len(text) for text in example.choices],
                "bytes": [len(text.encode()) for text in example.choices],
                "prior": list(result.unconditional),
            }
            for example, result in zip(examples, results, strict=True)
        ]
