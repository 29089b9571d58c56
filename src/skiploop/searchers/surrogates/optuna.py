"""Optuna's samplers on a space's own questions: TPE for the reward, NSGA-II for reward and depth.

A trial answers the questions that `Space.decide` asks, each a categorical parameter of its own, so what is asked may
depend on earlier answers (Optuna calls that define-by-run). A sampler may propose a chain that is known; TPE does so
for about a quarter of its trials. Such a trial is told from memory and another one is asked for, a few times;
then a chain is drawn uniformly. So every chain asked is new, and an evaluation is never wasted.

The cost of a trial grows with their number. After `trials` of them Optuna is no longer asked, and the
chains that are left come in uniform order.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers.base import Layers, LearningSearcher
from skiploop.searchers.samplers.nearby import NearbySearcher
from skiploop.searchers.samplers.random import RandomSearcher
from skiploop.spaces.space import Space
from skiploop.validate import numbers

_TRIES = 8  # trials in a row that give known chains, after which a chain is drawn uniformly
_PENDING = 64  # with more chains pending, trials know too little to be worth their time


@dataclass(frozen=True, slots=True)
class TPESettings:
    """What the sampler does.

    Attributes:
        warmup: trials before anything is learned, half of them a few edits from the identity, half uniform chains.
        candidates: answers that are weighed for each question.
        trials: after this number, Optuna is no longer asked.
    """

    warmup: int = 10
    candidates: int = 24
    trials: int = 100

    def __post_init__(self) -> None:
        numbers(self, whole={"warmup": 1, "candidates": 1, "trials": 0})


@dataclass(frozen=True, slots=True)
class NSGA2Settings:
    """What the sampler does.

    Attributes:
        population: trials in a generation; half of the first are a few edits from the identity, half uniform chains.
        trials: after this number, Optuna is no longer asked.
    """

    population: int = 16
    trials: int = 256

    def __post_init__(self) -> None:
        numbers(self, whole={"population": 2, "trials": 0})


class OptunaSearcher(LearningSearcher[Any]):
    """Asks an Optuna study for chains, each at most once.

    Args:
        space: the chains to search.
        seed: of the sampler.
        settings: of the sampler.

    Raises:
        InvalidInput: where Optuna isn't installed.
    """

    directions: ClassVar[tuple[str, ...]] = ("maximize",)

    def __init__(self, space: Space, *, seed: int = 0, settings: Any = None) -> None:
        super().__init__(space, seed=seed, settings=settings)
        self._optuna = _optuna()
        with self._quiet():
            self._study = self._optuna.create_study(sampler=self._sampler(), directions=list(self.directions))
        self._trials = 0
        self._asked: dict[Layers, Any] = {}  # not told to Optuna yet -> the trial, None for a uniform draw
        self._fresh: set[Layers] = set()  # told since the last ask, and not to Optuna
        self._nearby = NearbySearcher(space, seed=self.seed)
        self._uniform = RandomSearcher(space, seed=self.seed)

    def _sampler(self) -> Any:
        raise NotImplementedError

    def _warmup(self) -> int:
        """How many trials are given chains; uniform answers hardly ever make a chain that works."""
        raise NotImplementedError

    def _values(self, layers: Layers) -> list[float]:
        """What Optuna is told of a chain."""
        return [self._rewards[layers]]

    def ask(self, n: int) -> list[Chain]:
        """Up to n further chains; fewer when the space is exhausted."""
        with self._quiet():
            return super().ask(n)

    def _prepare(self, wanted: int) -> None:
        if wanted:
            self._hand_over()

    def _take(self, chain: Chain, reward: float) -> None:
        """Keeps the reward until the next ask."""
        self._fresh.add(chain.layers)
        self._uniform.tell(chain, reward)

    def _hand_over(self) -> None:
        """Tells Optuna the new rewards: first of what was asked, in that order, then of all others, sorted."""
        ours = [layers for layers in self._asked if layers in self._fresh]
        for layers in ours + sorted(self._fresh.difference(ours)):
            trial = self._asked.pop(layers, None)
            if trial is not None:
                self._study.tell(trial, self._values(layers))
            elif self._trials < self.settings.trials:
                self._add(layers)
        self._fresh.clear()

    def _add(self, layers: Layers) -> None:
        """A trial that Optuna didn't propose."""
        chain = Chain.unchecked(layers, self.space.num_layers)
        distributions = {
            parameter(each.name, each.labels): self._optuna.distributions.CategoricalDistribution(each.labels)
            for each in self.space.decisions(chain)
        }
        self._study.add_trial(
            self._optuna.trial.create_trial(
                params=self._parameters(chain), distributions=distributions, values=self._values(layers)
            )
        )
        self._trials += 1

    def _parameters(self, chain: Chain) -> dict[str, str]:
        """The answers that give a chain."""
        return {parameter(each.name, each.labels): each.labels[each.pick] for each in self.space.decisions(chain)}

    def _next(self) -> Layers | None:
        for _ in range(_TRIES):
            if self._trials >= self.settings.trials or len(self._asked) >= _PENDING:
                break
            if self._trials < self._warmup():
                first = self.space.sample(self._rng) if self._trials % 2 else self._nearby.draw()
                self._study.enqueue_trial(self._parameters(first))
            trial = self._study.ask()
            self._trials += 1
            chain = self.space.decide(
                lambda name, labels, trial=trial: labels.index(  # type: ignore[misc]
                    trial.suggest_categorical(parameter(name, labels), labels)
                )
            )
            if chain.layers in self._rewards:
                self._study.tell(trial, self._values(chain.layers))
            elif chain.layers in self._asked:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._asked[chain.layers] = trial
                return chain.layers
        layers = self._unseen(self._uniform)
        if layers is not None:
            self._asked[layers] = None
        return layers

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """No log lines and no warnings of experimental features; afterwards all is as it was."""
        before = self._optuna.logging.get_verbosity()
        self._optuna.logging.set_verbosity(self._optuna.logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            self._optuna.logging.set_verbosity(before)


class TPESearcher(OptunaSearcher):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), for the reward alone."""

    settings_type = TPESettings

    def _warmup(self) -> int:
        return int(self.settings.warmup)

    def _sampler(self) -> Any:
        return self._optuna.samplers.TPESampler(
            n_startup_trials=self.settings.warmup,
            n_ei_candidates=self.settings.candidates,
            seed=self.seed % 2**32,
            multivariate=False,  # questions differ from chain to chain; measured, it is also better
            constant_liar=True,
        )


class NSGA2Searcher(OptunaSearcher):
    """Evolution of a population (Deb et al. 2002) for two aims: the reward, and 1 - depth / max_length."""

    settings_type = NSGA2Settings
    directions: ClassVar[tuple[str, ...]] = ("maximize", "maximize")

    def _warmup(self) -> int:
        return int(self.settings.population)

    def _sampler(self) -> Any:
        return self._optuna.samplers.NSGAIISampler(population_size=self.settings.population, seed=self.seed % 2**32)

    def _values(self, layers: Layers) -> list[float]:
        return [self._rewards[layers], 1 - len(layers) / self.space.max_length]


def parameter(name: str, labels: tuple[str, ...]) -> str:
    """The name of a question as a parameter: where fewer answers are legal, it is another one."""
    return f"{name}: {', '.join(labels)}"


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise InvalidInput(
            "the searchers 'tpe' and 'nsga2' need Optuna, which isn't installed; pip install 'skiploop[search]'"
        ) from error
    module: ModuleType = optuna
    return module
