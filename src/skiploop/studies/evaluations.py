"""Pairs of an input and a chain, each evaluated once, journalled, in parts. No torch.

    evaluate = Evaluations(task, runner, JsonlJournal(path))
    evaluate([("arc-17", chain)])                   # rewards by the gold answer
    evaluate([("arc-17", chain)], alone=True)       # the same in a batch of its own, whose rounding never changes
    evaluate([("svamp-3", chain, "prefill")])       # under a cache policy

A line of the journal is {"input", "chain", "alone", "reward"}, and "policy" where it isn't `own`. Who resumes makes the
same calls again: what the journal has isn't run again. For units of several requests see `skiploop.studies.worklist`;
the rounds of a study (`skiploop.studies.rounds`) replay their journal themselves, because a batch there is what the
engine saw together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, checked_policy
from skiploop.chains.weights import layers_from_json
from skiploop.engine.request import Runner
from skiploop.storage.files import Line
from skiploop.storage.journal import Journal
from skiploop.studies.evaluation import request_under, reward
from skiploop.studies.progress import Progress
from skiploop.tasks import Example, Task

Pair = tuple[str, Chain] | tuple[str, Chain, CachePolicy]
"""An input's id, a chain to run on it, and the cache policy of its loops: by default `own`, or the runner's."""
Key = tuple[str, tuple[int, ...]]
"""The same with the chain as its layers, under the usual policy."""
PolicyKey = tuple[str, tuple[int, ...], CachePolicy]
"""The same under any."""


class Evaluations:
    """Rewards of pairs, by the gold answer.

    Args:
        task: how answers are judged; an input is one of its examples.
        runner: evaluates.
        journal: what was evaluated already, and where new evaluations go.
        known: rewards that are known from elsewhere; they win over the journal's.
        per_call: about how many requests go into one call of the engine, and are lost when it is killed.
        progress: receives updates after each part of a call.
    """

    def __init__(
        self,
        task: Task,
        runner: Runner,
        journal: Journal,
        *,
        known: Mapping[Key, float] | None = None,
        per_call: int = 1024,
        progress: Progress | None = None,
    ) -> None:
        self._task, self._runner, self._journal = task, runner, journal
        self._per_call, self._progress = per_call, progress or Progress()
        self._examples: dict[str, Example] = {example.id: example for example in task.examples}
        self._known = {(*key, "own", False): value for key, value in (known or {}).items()}
        for line in journal.lines():
            self._known.setdefault((*line_key(line), line["alone"]), line["reward"])
        self.new = 0  # evaluations that were really run by this object

    def __len__(self) -> int:
        """Evaluations that are known."""
        return len(self._known)

    def __call__(self, pairs: Sequence[Pair], *, alone: bool = False) -> list[float]:
        """The reward of each pair; `alone` runs each in a batch of its own."""
        keys = [(*_key(pair), alone) for pair in pairs]
        fresh = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        waiting = list(fresh.values())
        right = 0
        for start in range(0, len(waiting), self._per_call):
            lines = self._run(waiting[start : start + self._per_call], alone=alone)
            right += sum(line["reward"] >= 1 for line in lines)
            done = start + len(lines)
            self._progress.update(self.new, self.new + len(waiting) - done, right / done)
        return [self._known[key] for key in keys]

    def _run(self, part: Sequence[Pair], *, alone: bool) -> list[Line]:
        keys = [_key(pair) for pair in part]
        examples = [self._examples[name] for name, *_ in part]
        requests = [
            request_under(self._task, each, pair[1], key[2])
            for each, pair, key in zip(examples, part, keys, strict=True)
        ]
        results = [self._runner.run_alone(each) for each in requests] if alone else self._runner.run(requests)
        lines: list[Line] = []
        for pair, key, example, result in zip(part, keys, examples, results, strict=True):
            value = reward(self._task, example, result)
            policy = {} if key[2] == "own" else {"policy": key[2]}
            lines.append({"input": key[0], "chain": pair[1].to_json(), **policy, "alone": alone, "reward": value})
            self._known[(*key, alone)] = value
        self._journal.append(lines)
        self.new += len(lines)
        return lines


def line_key(line: Line) -> PolicyKey:
    """What a line of the journal is about."""
    return line["input"], layers_from_json(line["chain"]), checked_policy(line.get("policy", "own"))


def _key(pair: Pair) -> PolicyKey:
    return pair[0], pair[1].layers, pair[2] if len(pair) > 2 else "own"
