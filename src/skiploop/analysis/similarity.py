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

The log-probability is that of the gold answer directly after the prompt, per token; where a task lets the model reason
first, it is a stand-in. Where options are scored it is the logarithm of the right option's share among the options, by
the scores that decide between them in the study (`--metric`), since none of them need be likely as a text.

Shapes: S states (L + 1), T tokens of a prompt, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import normalize

from skiploop.analysis.figures.similarity import LayerInfluence, Phases, Prior, SimilarityFigures
from skiploop.analysis.phases import choose_phases, drift_gain, gains
from skiploop.analysis.settings import SimilaritySettings
from skiploop.analysis.subject import Subject
from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.models.layered import LayeredModel
from skiploop.models.states import states_after_slots
from skiploop.stats.bootstrap import Floats
from skiploop.stats.measured import RankCorrelation, measured_mean, measured_statistic, rank_correlation
from skiploop.studies.evaluation import shown_request
from skiploop.studies.guide import option_scores
from skiploop.tasks import Example, Task

VERSION = 1
ALLOWED, REFUSED = "may be used as a prior", "refused"


def analyse(subject: Subject, settings: SimilaritySettings | None = None) -> SimilarityFigures:
    """The figures of similarity.json."""
    settings = settings or SimilaritySettings()
    names = [result.example["id"] for result in subject.inputs][: settings.inputs]
    examples = [subject.example(name) for name in names]
    sums, tokens = prompt_matrices(subject.model, [example.prompt for example in examples])
    matrix = sums.sum(axis=0) / tokens.sum()
    influence = [float(each) for each in np.diagonal(matrix, 1)]
    rewards = skip_drops_of_reward(subject, names)
    chances, broken = skip_drops_of_log_probability(subject, examples)
    layers = tuple(
        LayerInfluence(
            layer,
            influence[layer],
            log_probability_drop=measured_mean(chances[layer], resamples=settings.resamples),
            reward_drop=measured_mean(rewards[layer], resamples=settings.resamples),
        )
        for layer in range(len(influence))
    )
    return SimilarityFigures(
        VERSION,
        "similarity",
        settings,
        len(names),
        tokens=int(tokens.sum()),
        matrix=tuple(map(tuple, matrix.tolist())),
        phases=phase_report(sums[:, 1:, 1:], tokens, settings),
        layers=layers,
        prior=prior(influence, [_mean(drops) for drops in chances], [_mean(drops) for drops in rewards]),
        broken=broken,
    )


@torch.inference_mode()
def prompt_matrices(model: LayeredModel, prompts: Sequence[str]) -> tuple[Floats, Floats]:
    """For each prompt the sum over its tokens of 1 - cos between states, [P, S, S], and its tokens, [P]."""
    sums, tokens = [], []
    for prompt in prompts:
        states = states_after_slots(model, model.encode(prompt), model.identity)  # [S, T, D]
        unit = normalize(states.double(), dim=-1)
        cosines = torch.einsum("atd,btd->ab", unit, unit)
        count = states.shape[1]
        sums.append((count - cosines).clamp_min(0.0).fill_diagonal_(0.0).cpu().numpy())
        tokens.append(count)
    return np.array(sums), np.array(tokens, dtype=np.float64)


def phase_report(sums: Floats, tokens: Floats, settings: SimilaritySettings) -> Phases:
    """Phases of the mean matrix, and whether they are more than uneven drift."""
    matrix = sums.sum(axis=0) / tokens.sum()
    starts = choose_phases(matrix)
    ends = [*(start - 1 for start in starts[1:]), len(matrix) - 1]

    def gain(samples: Floats) -> Floats:
        chosen = samples.astype(int)  # numbers of prompts, [R, P]
        means = (sums[rows].sum(axis=0) / tokens[rows].sum() for rows in chosen)
        return np.array([gains(mean)[len(starts) - 1] for mean in means])

    measured = measured_statistic(
        np.arange(len(tokens)), gain, method="percentile", resamples=settings.resamples, seed=settings.seed
    )
    reference = drift_gain(len(matrix), seed=settings.seed)
    return Phases(
        phases=tuple(zip(starts, ends, strict=True)),
        gain=measured,
        reference=reference,
        clear=len(starts) > 1 and measured.interval is not None and measured.interval[0] > reference,
        gains=tuple(gains(matrix).tolist()),
    )


def without(layer: int, num_layers: int) -> Chain:
    """The identity without one layer."""
    return Chain.identity(num_layers).skip(layer, 1)


def skip_drops_of_reward(subject: Subject, names: Sequence[str]) -> list[list[float]]:
    """For each layer and input: reward of the identity less that without the layer, [L][N]."""
    total = subject.space.num_layers
    chains = [Chain.identity(total), *(without(layer, total) for layer in range(total))]
    rewards = subject.evaluate([(name, chain) for chain in chains for name in names])
    rows = [rewards[start : start + len(names)] for start in range(0, len(rewards), len(names))]
    return [[old - new for old, new in zip(rows[0], row, strict=True)] for row in rows[1:]]


def skip_drops_of_log_probability(subject: Subject, examples: Sequence[Example]) -> tuple[list[list[float]], int]:
    """The same of the gold answer's log-probability; and how many weren't numbers."""
    total = subject.space.num_layers
    chains = [Chain.identity(total), *(without(layer, total) for layer in range(total))]
    pairs = [(chain, example) for chain in chains for example in examples]
    results = subject.runner.run([gold_request(subject.task, example, chain) for chain, example in pairs])
    scores = [gold_score(subject.task, example, result) for (_, example), result in zip(pairs, results, strict=True)]
    rows = [scores[start : start + len(examples)] for start in range(0, len(scores), len(examples))]
    drops = [[old - new for old, new in zip(rows[0], row, strict=True)] for row in rows[1:]]
    kept = [[drop for drop in row if math.isfinite(drop)] for row in drops]
    if not all(kept):
        raise InvalidInput(
            f"without layer {kept.index([])} no log-probability is a number; the study's dtype is too narrow to tell"
        )
    return kept, sum(len(row) for row in drops) - sum(len(row) for row in kept)


def gold_request(task: Task, example: Example, chain: Chain) -> Request:
    """What is run for the log-probability of the gold answer: of all options, where they are scored."""
    if task.scores_options:
        return shown_request(task, example, chain)
    return Request(example.prompt, chain, continuations=(gold_continuation(task, example),))


def gold_score(task: Task, example: Example, result: Result) -> float:
    """The gold answer's log-probability per token, or that of the right option among all by the task's metric."""
    if not task.scores_options or example.gold is None:
        return result.loglikelihoods[0] / result.num_tokens[0]
    scores = option_scores(task, example, result).by(task.metric)
    if scores is None or not all(map(math.isfinite, scores)):
        return math.nan
    top = max(scores)
    return scores[example.gold] - top - math.log(math.fsum(math.exp(score - top) for score in scores))


def gold_continuation(task: Task, example: Example) -> str:
    """The gold answer as it would follow the prompt."""
    if task.scores_options and example.gold is not None:
        return task.continuations(example)[example.gold]
    return example.answer if task.verbatim else task.following(example, example.answer)


def prior(influence: Sequence[float], chances: Sequence[float], rewards: Sequence[float]) -> Prior:
    """Whether Block Influence predicts which layers can be skipped, [L] each."""
    decides = rank_correlation(influence, chances)
    return Prior(
        log_probability=decides,
        reward=rank_correlation(influence, rewards),
        verdict=ALLOWED if _predicts(decides) else REFUSED,
        reason=_reason(decides),
    )


def _predicts(rho: RankCorrelation) -> bool:
    return rho.interval is not None and rho.interval[0] > 0 and rho.p is not None and rho.p < 0.05


def _reason(rho: RankCorrelation) -> str:
    if rho.value is None or rho.interval is None:
        return "rho is undefined: a side doesn't vary"
    low, high = rho.interval
    return f"rho {rho.value:+.2f} over {rho.count} layers, 95 % interval {low:+.2f} to {high:+.2f}, p {rho.p:.3f}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
