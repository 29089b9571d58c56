"""How alike layers' outputs are, phases of layers, and whether that may guide a search (Raptor, arXiv 2512.19941).

The matrix holds 1 - cos between the hidden states after each two layers of the identity (row 0: before the first), the
mean over all tokens of the study's prompts. Its diagonal beside the main one is Block Influence: 1 - cos between what
goes into a layer and what comes out.

The matrix is often used as a prior: a layer that turns little can be skipped. That is *checked* on this model and task.
Each layer is skipped alone on every input, and Block Influence is correlated (Spearman, over the L layers) with the
drop that follows, of the gold answer's mean log-probability per token, and of the reward. The verdict goes by the
log-probability: rewards are mostly tied at their floor. It is "may be used as a prior" when rho > 0, its interval
excludes 0 and its permutation p-value is below 0.05; else "refused". With few layers (L = 8, say) only a strong
correlation passes. A prior for skips says nothing about loops.

`similarity.json`:

    version, name, settings {inputs, resamples, seed}, n (prompts), tokens
    matrix           [L + 1][L + 1], see above
    phases           {phases: [[first layer, last layer]], gain: figure (how much better than without phases, see
                     `skiploop.analysis.phases`; resampled over prompts), reference (the gain of an uneven drift,
                     95 % quantile), clear: the gain's interval is above the reference; gains [L]}
    layers           [{layer, influence, log_probability_drop: figure, reward_drop: figure}]
    prior            {log_probability, reward: {n (layers), value, interval, p}, verdict, reason}
    broken           pairs of input and layer whose log-probability isn't a number; they are left out

The log-probability is that of the gold answer directly after the prompt, per token; where a task lets the model reason
first, it is a stand-in. Where options are scored it is the logarithm of the right option's share among the options,
since none of them need be likely as a text.

Shapes: S states (L + 1), T tokens of a prompt, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from skiploop.analysis.phases import choose_phases, drift_gain, gains
from skiploop.analysis.states import states_after_slots
from skiploop.analysis.subject import Subject
from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.models.layered import LayeredModel
from skiploop.stats.bootstrap import Floats
from skiploop.stats.intervals import Figure, mean_figure, rank_figure, resampled_figure
from skiploop.tasks import Example, Task
from skiploop.validate import whole_number

VERSION = 1
ALLOWED, REFUSED = "may be used as a prior", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilaritySettings:
    """On how many inputs it is measured.

    Attributes:
        inputs: most inputs, the first of the study.
        resamples: of the bootstrap.
        seed: of the resamples.
    """

    inputs: int = 128
    resamples: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("inputs", self.inputs, 2)
        whole_number("resamples", self.resamples, 1)


def analyse(subject: Subject, settings: SimilaritySettings | None = None) -> dict[str, Any]:
    """What goes into similarity.json."""
    settings = settings or SimilaritySettings()
    names = [result.example["id"] for result in subject.inputs][: settings.inputs]
    examples = [subject.example(name) for name in names]
    sums, tokens = prompt_matrices(subject.model, [example.prompt for example in examples])
    matrix = sums.sum(axis=0) / tokens.sum()
    influence = [float(matrix[layer, layer + 1]) for layer in range(len(matrix) - 1)]
    rewards = skip_drops_of_reward(subject, names)
    chances, broken = skip_drops_of_log_probability(subject, examples)
    layers = [
        {
            "layer": layer,
            "influence": influence[layer],
            "log_probability_drop": mean_figure(chances[layer], resamples=settings.resamples),
            "reward_drop": mean_figure(rewards[layer], resamples=settings.resamples),
        }
        for layer in range(len(influence))
    ]
    return {
        "version": VERSION,
        "name": "similarity",
        "settings": asdict(settings),
        "n": len(names),
        "tokens": int(tokens.sum()),
        "matrix": matrix.tolist(),
        "phases": phase_report(sums[:, 1:, 1:], tokens, settings),
        "layers": layers,
        "prior": prior(influence, [_mean(each) for each in chances], [_mean(each) for each in rewards]),
        "broken": broken,
    }


@torch.inference_mode()
def prompt_matrices(model: LayeredModel, prompts: Sequence[str]) -> tuple[Floats, Floats]:
    """For each prompt the sum over its tokens of 1 - cos between states, [P, S, S], and its tokens, [P]."""
    sums, tokens = [], []
    for prompt in prompts:
        states = states_after_slots(model, model.encode(prompt), model.identity)  # [S, T, D]
        unit = normalize(states.double(), dim=-1)
        cosines = torch.einsum("atd,btd->ab", unit, unit)
        count = states.shape[1]
        found = (count - cosines).clamp_min(0.0).fill_diagonal_(0.0)
        sums.append(found.cpu().numpy())
        tokens.append(count)
    return np.array(sums), np.array(tokens, dtype=np.float64)


def phase_report(sums: Floats, tokens: Floats, settings: SimilaritySettings) -> dict[str, Any]:
    """Phases of the mean matrix, and whether they are more than uneven drift."""
    matrix = sums.sum(axis=0) / tokens.sum()
    starts = choose_phases(matrix)
    ends = [*(start - 1 for start in starts[1:]), len(matrix) - 1]
    places = np.arange(len(tokens))[:, None]

    def gain(rows: Floats) -> float | None:
        chosen = rows[:, 0].astype(int)
        return float(gains(sums[chosen].sum(axis=0) / tokens[chosen].sum())[len(starts) - 1])

    figure = resampled_figure(places, gain, resamples=settings.resamples, seed=settings.seed)
    interval, reference = figure["interval"], drift_gain(len(matrix), seed=settings.seed)
    return {
        "phases": [[first, last] for first, last in zip(starts, ends, strict=True)],
        "gain": figure,
        "reference": reference,
        "clear": len(starts) > 1 and interval is not None and interval[0] > reference,
        "gains": gains(matrix).tolist(),
    }


def without(layer: int, num_layers: int) -> Chain:
    """The identity without one layer."""
    return Chain.identity(num_layers).skip(layer, 1)


def skip_drops_of_reward(subject: Subject, names: Sequence[str]) -> list[list[float]]:
    """For each layer and input: reward of the identity less that without the layer, [L][N]."""
    total = subject.space.num_layers
    chains = [Chain.identity(total), *(without(layer, total) for layer in range(total))]
    found = subject.evaluate([(name, chain) for chain in chains for name in names])
    rows = [found[i : i + len(names)] for i in range(0, len(found), len(names))]
    return [[old - new for old, new in zip(rows[0], row, strict=True)] for row in rows[1:]]


def skip_drops_of_log_probability(subject: Subject, examples: Sequence[Example]) -> tuple[list[list[float]], int]:
    """The same of the gold answer's log-probability; and how many weren't numbers."""
    total = subject.space.num_layers
    chains = [Chain.identity(total), *(without(layer, total) for layer in range(total))]
    pairs = [(chain, example) for chain in chains for example in examples]
    wanted = [Request(each.prompt, chain, continuations=_continuations(subject.task, each)) for chain, each in pairs]
    found = subject.runner.run(wanted)
    scores = [gold_score(subject.task, each, result) for (_, each), result in zip(pairs, found, strict=True)]
    rows = [scores[i : i + len(examples)] for i in range(0, len(scores), len(examples))]
    drops = [[old - new for old, new in zip(rows[0], row, strict=True)] for row in rows[1:]]
    kept = [[drop for drop in row if math.isfinite(drop)] for row in drops]
    if not all(kept):
        raise InvalidInput(
            f"without layer {kept.index([])} no log-probability is a number; the study's dtype is too narrow to tell"
        )
    return kept, sum(len(row) for row in drops) - sum(len(row) for row in kept)


def gold_score(task: Task, example: Example, result: Result) -> float:
    """The gold answer's log-probability per token, or that of the right option among all."""
    scores = [total / count for total, count in zip(result.loglikelihoods, result.num_tokens, strict=True)]
    if not task.scores_options or example.gold is None:
        return scores[0]
    if not all(map(math.isfinite, scores)):
        return math.nan
    top = max(scores)
    return scores[example.gold] - top - math.log(math.fsum(math.exp(score - top) for score in scores))


def _continuations(task: Task, example: Example) -> tuple[str, ...]:
    return task.continuations(example) if task.scores_options else (gold_continuation(task, example),)


def gold_continuation(task: Task, example: Example) -> str:
    """The gold answer as it would follow the prompt."""
    if task.scores_options and example.gold is not None:
        return task.continuations(example)[example.gold]
    glued = task.verbatim or example.prompt[-1].isspace() or example.prompt[-1] in "=([{<\"'"
    return example.answer if glued or example.answer[0].isspace() else f" {example.answer}"


def prior(influence: Sequence[float], chances: Sequence[float], rewards: Sequence[float]) -> dict[str, Any]:
    """Whether Block Influence predicts which layers can be skipped, [L] each."""
    by_chance, by_reward = rank_figure(influence, chances), rank_figure(influence, rewards)
    allowed = _predicts(by_chance)
    reason = "rho is undefined: a side doesn't vary"
    if by_chance["value"] is not None:
        low, high = by_chance["interval"]
        reason = (
            f"rho {by_chance['value']:+.2f} over {by_chance['n']} layers, 95 % interval {low:+.2f} to {high:+.2f}, "
            f"p {by_chance['p']:.3f}"
        )
    return {
        "log_probability": by_chance,
        "reward": by_reward,
        "verdict": ALLOWED if allowed else REFUSED,
        "reason": reason,
    }


def _predicts(figure: Figure) -> bool:
    interval, p = figure["interval"], figure["p"]
    return interval is not None and interval[0] > 0 and p < 0.05


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
