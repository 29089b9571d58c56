"""What a study is run with, apart from its model and its settings: an engine, and what shows its progress.

    search("nano", "nano", execution=Execution(progress=make_progress))

Torch is imported when an engine is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.open import open_runner
from skiploop.engine.request import Runner
from skiploop.engine.under_policy import under_policy
from skiploop.errors import InvalidInput
from skiploop.studies.opening import StudyModel
from skiploop.studies.progress import MakeProgress, silent
from skiploop.studies.settings import EngineSettings
from skiploop.studies.spread import Spread
from skiploop.tasks import Example

CUSTOM = "custom"
"""What run.json calls a runner that was given."""


Embed = Callable[[str], Sequence[float]]
"""A prompt as a vector."""


@dataclass(frozen=True, slots=True)
class References:
    """What looks into the model, for chains that a static search is compared with; None: left out.

    Attributes:
        influence: Block Influence of each layer, measured on prompts.
        gates: the chains that training gates on examples gives.
    """

    influence: Callable[[Sequence[str]], Sequence[float]] | None = None
    gates: Callable[[Sequence[Example]], Sequence[Chain]] | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """What a study is run with.

    Attributes:
        runner: evaluates; None: what the settings of the engine say.
        progress: makes what receives the progress of a piece of work, given the name of the share that it shows.
        embed: what a prompt is like, as a vector, for a memory of earlier inputs; None: the model's own state in the
            middle of its layers, and nothing beside a given runner.
        references: of a search for a static chain; None: the model's own, and none beside a given runner.
        spread: has searches of chains for each input, and other work on single inputs, done in several processes; None:
            this one does it.
    """

    runner: Runner | None = None
    progress: MakeProgress = silent
    references: References | None = None
    embed: Embed | None = None
    spread: Spread | None = None

    def engine_name(self, settings: EngineSettings) -> str:
        """What run.json calls what evaluates, where several studies are run with it."""
        return settings.engine if self.runner is None else CUSTOM

    def open_runner(self, model: StudyModel, settings: EngineSettings) -> tuple[Runner, str]:
        """What evaluates, and its name for run.json."""
        runner, name = self.runner, CUSTOM
        if runner is None:
            runner, name = open_runner(model, engine=settings.engine, batch_tokens=settings.batch_tokens)
        return under_policy(runner, settings.cache_policy), name

    def open_embed(self, model: StudyModel) -> Embed:
        """What says how alike prompts are.

        Raises:
            InvalidInput: nothing does, as a runner was given without it.
        """
        if self.embed is not None:
            return self.embed
        if self.runner is not None:
            raise InvalidInput(
                "a memory needs a vector for each prompt; give Execution(runner, embed=...), or no memory"
            )
        from skiploop.models.states import middle_state  # imports torch

        opened: Any = model
        return lambda prompt: middle_state(opened, prompt)
