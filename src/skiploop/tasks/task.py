"""Task: examples, and how an answer to one of them is judged.

A task knows nothing of models. Where text is generated, `judge_text` decides; where options are scored, a
study asks the model for the log-likelihood of each of `continuations` and `judge_scores` decides:

    verbatim   the text up to EOS is the answer, character by character: one forced pass can decide it
    exact      the final statement is the answer, whatever its case, white space and punctuation
    numeric    the final number is the answer (an expression or a word where the gold answer is one)
    math       the same, and where that isn't equal, math-verify decides if it is installed
    gym        the data set's own judgement: problems of reasoning-gym
    choice     the continuation with the highest score is the right option's text
    letter     the same with the letters A, B, ... as continuations

Each of these is a `Scorer`, see `skiploop.tasks.scorers`; what the score of an option is, a metric says, see
`skiploop.tasks.metrics`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.tasks.answers.text import cut_at_label, letters
from skiploop.tasks.dialogue import Dialogue, Template, following
from skiploop.tasks.example import Example, Verdict
from skiploop.tasks.metrics import METRICS, PMI, OptionScores
from skiploop.tasks.prompts import question_label
from skiploop.tasks.rotation import rotated
from skiploop.tasks.sample import balanced_order, first_of_each
from skiploop.tasks.scorers.choice import OptionScorer
from skiploop.tasks.scorers.named import FREE_FORM, OF_OPTIONS, OWN, SCORERS, SCORINGS
from skiploop.tasks.scorers.protocol import Scorer


@dataclass(frozen=True)
class Task:
    """Examples of one kind, with the way they are scored.

    Attributes:
        name: the specification it was made from, for instance `nano` or `arc-easy`.
        examples: at least one; ids are unique.
        scoring: one of `SCORINGS`, see the head of this file.
        max_new_tokens: limit of a generation, the EOS token included.
        prompt_template: what the prompts were rendered with.
        metric: what decides between options, one of `skiploop.tasks.metrics.METRICS`.
        stop: texts at which a generated text ends; it is judged without them and what follows.
        chat: whether the prompts are conversations in a chat template, after which no space is added.
        dialogue: what stands around the questions, until a model's template is known (`for_model`).
        description: where the examples come from, how many rows and repeated questions there were, what judges
            answers; for run.json. Not part of what makes two tasks equal.
        scorer: the data set's own, for the scoring `gym`.
    """

    name: str
    examples: tuple[Example, ...]
    scoring: str = "exact"
    max_new_tokens: int = 64
    prompt_template: str = "{question}"
    metric: str = "acc"
    stop: tuple[str, ...] = ()
    chat: bool = False
    dialogue: Dialogue | None = field(default=None, compare=False, repr=False)
    description: Mapping[str, Any] = field(default_factory=dict, compare=False)
    scorer: Scorer | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _one_of("scoring", self.scoring, SCORINGS)
        _one_of("metric", self.metric, METRICS)
        if self.scoring == OWN and self.scorer is None:
            raise InvalidInput(f"The scoring 'gym' is for tasks of reasoning-gym (rg:NAME); {self.name!r} isn't one.")
        if self.max_new_tokens < 1:
            raise InvalidInput(f"max_new_tokens is {self.max_new_tokens}; it must be at least 1.")
        if self.stop and (self.verbatim or self.scores_options or not all(self.stop)):
            raise InvalidInput(
                f"The stop strings {list(self.stop)} don't go with the scoring {self.scoring!r}: texts end at them "
                "(none may be empty) where they are judged by exact, numeric, math or gym. Leave out --stop."
            )
        if not self.examples:
            raise InvalidInput(f"The task {self.name!r} has no examples.")
        repeated = [key for key, count in Counter(e.id for e in self.examples).items() if count > 1]
        if repeated:
            raise InvalidInput(f"The task {self.name!r} has several examples with the id {repeated[0]!r}.")
        for example in self.examples:
            self._check(example)

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def verbatim(self) -> bool:
        """Whether exactly one text is right, so that one forced pass over prompt, answer and EOS decides."""
        return self.scoring == "verbatim"

    @property
    def scores_options(self) -> bool:
        """Whether options are scored (`judge_scores`) instead of text being generated (`judge_text`)."""
        return self.scoring in OF_OPTIONS

    @property
    def needs_unconditional(self) -> bool:
        """Whether options are judged by what they score where nothing stands before them, too."""
        return self.scores_options and self.metric == PMI

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that occur, ascending."""
        return tuple(sorted({e.level for e in self.examples if e.level is not None}))

    @property
    def families(self) -> tuple[str, ...]:
        """The families that occur, in alphabetical order."""
        return tuple(sorted({e.family for e in self.examples}))

    @property
    def checker(self) -> str | None:
        """What judges answers, with its version, where that isn't this package alone."""
        return self._judge.checker

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that can change a verdict, except for the model."""
        settings = [self.scoring, self.max_new_tokens, self.prompt_template, self.metric]
        settings += [] if self.checker is None else [self.checker]
        settings += [list(self.stop), self.chat] if self.stop or self.chat else []
        content = json.dumps([settings, [astuple(e) for e in self.examples]], separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def continuations(self, example: Example) -> tuple[str, ...]:
        """Return the texts whose log-likelihoods decide, in option order; empty where text is generated."""
        if not self.scores_options:
            return ()
        return tuple(self.following(example, text) for text in self._options.names(example))

    def following(self, example: Example, text: str) -> str:
        """A text as it would go on from the prompt; a chat template has said all that stands before an answer."""
        return text if self.chat else following(example.prompt, text)

    def for_model(self, template: Template | None) -> Task:
        """The task as it is put to a model with this chat template (None: it has none).

        Raises:
            InvalidInput: a template is wanted, and there is none; or it refuses the conversation.
        """
        dialogue = self.dialogue
        if dialogue is None:
            return self
        if dialogue.chat == "on" and template is None:
            raise InvalidInput("--chat on needs a chat template, and this model's tokenizer has none; leave it out")
        if template is None or dialogue.chat == "off" or (dialogue.chat == "auto" and not dialogue.suits_chat):
            return replace(self, dialogue=None, description={**self.description, "chat": "off"})
        asked = [replace(e, prompt=dialogue.in_chat(e.id, e.prompt, template)) for e in self.examples]
        about = {**self.description, "chat": "on", "shots_as": dialogue.shots_as}
        return replace(self, examples=tuple(asked), chat=True, dialogue=None, description=about)

    def judge_text(self, example: Example, text: str) -> Verdict:
        """Judge a generated text (without the EOS token)."""
        if self._judge.cuts_repeats:
            text = cut_at_label(text, question_label(self.prompt_template))
        return self._judge.judge(example, text)

    def judge_scores(self, example: Example, scores: OptionScores) -> Verdict:
        """Judge the options by the metric of the task; the lowest index wins a tie.

        A NaN among the scores means that the chain broke the model on this input: reward 0 and no answer.
        """
        pick = scores.pick(self.metric)
        return Verdict(0.0, None) if pick is None else self.judge_choice(example, pick)

    def judge_choice(self, example: Example, index: int) -> Verdict:
        """Judge the option with this index, where options are scored."""
        return Verdict(float(index == example.gold), self._options.names(example)[index])

    def rewards_by_metric(self, example: Example, scores: OptionScores) -> dict[str, float]:
        """1 for each metric that finds the options judged right, else 0."""
        return {name: float(pick == example.gold) for name, pick in scores.picks().items()}

    def option_scores(
        self,
        example: Example,
        loglikelihoods: Sequence[float],
        num_tokens: Sequence[int],
        unconditional: Sequence[float] | None = None,
    ) -> OptionScores:
        """What a model said of `continuations`, as the metrics take it."""
        return OptionScores(self._options.names(example), loglikelihoods, num_tokens, unconditional)

    def deduplicated(self) -> Task:
        """Keep the first example of each question: the options are part of it, case and space aren't."""
        kept = self._keep(first_of_each(self.examples))
        dropped = len(self) - len(kept)
        return replace(kept, description={**self.description, "repeated_questions_dropped": dropped})

    def limit(self, n: int, seed: int = 0) -> Task:
        """Keep a sample of at most `n` examples, balanced over levels, then families; the order stays.

        With one seed a smaller sample is part of a larger one.
        """
        if n < 1:
            raise InvalidInput(f"The limit is {n}; it must be at least 1.")
        return self._keep(sorted(balanced_order(self.examples, seed)[:n]))

    def filter(self, *, levels: Collection[int] | None = None, families: Collection[str] | None = None) -> Task:
        """Keep the examples of these levels and families (None: all)."""
        families = (families,) if isinstance(families, str) else families
        _known("level", levels, self.levels, self.name)
        _known("family", families, self.families, self.name)
        kept = [
            i
            for i, e in enumerate(self.examples)
            if (levels is None or e.level in levels) and (families is None or e.family in families)
        ]
        if not kept:
            pairs = sorted({(e.family, e.level) for e in self.examples}, key=str)
            existing = ", ".join(f"{family or '(no family)'} {level}" for family, level in pairs[:40])
            raise InvalidInput(
                f"No example of the task {self.name!r} has levels {_list(levels)} and families "
                f"{_list(families)}. Family and level occur together as: {existing}."
            )
        return self._keep(kept)

    def rotated(self, shift: int) -> Task:
        """Return the task with the options of each example moved up by `shift` places, cyclically.

        A model that knows the answer doesn't care; one that prefers a letter is found out.
        """
        if not any(e.choices for e in self.examples):
            raise InvalidInput(f"The task {self.name!r} has no options that could be rotated.")
        return replace(self, examples=tuple(rotated(e, shift, listed=self._judge.lists_options) for e in self.examples))

    @property
    def _judge(self) -> Scorer:
        own = self.scorer if self.scoring == OWN else None
        return SCORERS[self.scoring] if own is None else own

    @property
    def _options(self) -> OptionScorer:
        """The scorer of options."""
        return OF_OPTIONS[self.scoring]

    def _keep(self, indices: Sequence[int]) -> Task:
        return replace(self, examples=tuple(self.examples[i] for i in indices))

    def _check(self, example: Example) -> None:
        if not example.prompt.strip():
            raise InvalidInput(f"The prompt of the example {example.id!r} of the task {self.name!r} is empty.")
        if not self.scores_options:
            return
        if len(example.choices) < 2 or not all(choice.strip() for choice in example.choices):
            raise InvalidInput(
                f"The scoring {self.scoring!r} needs two or more options, none of them empty; the example "
                f"{example.id!r} of the task {self.name!r} has {example.choices!r}. Use one of "
                f"{', '.join(FREE_FORM)}, or keep the families with options only."
            )
        if example.gold is None or not 0 <= example.gold < len(example.choices):
            raise InvalidInput(
                f"The right option of the example {example.id!r} is {example.gold}; allowed are 0 to "
                f"{len(example.choices) - 1}."
            )
        letters(len(example.choices))


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInput(f"Unknown {what} {value!r}; allowed are {', '.join(allowed)}.")


def _known(what: str, wanted: Collection[object] | None, existing: Sequence[object], task: str) -> None:
    unknown = [value for value in wanted or () if value not in existing]
    if unknown:
        have = f"it has {', '.join(map(str, existing))}" if any(map(str, existing)) else "it has none"
        raise InvalidInput(f"The task {task!r} has no {what} {unknown[0]!r}; {have}.")


def _list(values: Collection[object] | None) -> str:
    return "(any)" if values is None else ", ".join(map(str, values)) or "(none)"
