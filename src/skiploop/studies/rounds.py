"""The loop of a study: ask every searcher, evaluate everything together, tell, repeat. No torch.

Round 0 evaluates the identity on each input, for all arms at once. In each round after it every unfinished
searcher is asked for a few chains; what they ask is evaluated together, so that the engine's batches are
filled across inputs, and told.

A study is resumed by running this same loop from the start with the journal answering instead of the
engine, for as long as it can. So every searcher gets the very calls that it got before, and what follows
can't differ from a run that was never disturbed. Asks are cut into parts by their number alone; a part is
one call of the engine and one batch of the journal, and it is evaluated as a whole or not at all, because
in a narrow dtype the rounding depends on what is in the batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result, Runner
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.storage.files import Line
from skiploop.storage.journal import Journal
from skiploop.studies.arms import GOLD, PEERS, Arm, InputState, Outcome
from skiploop.studies.clock import Clock
from skiploop.studies.evaluation import (
    check_scores,
    every_metric_request,
    metric_lines,
    outcome,
    request,
    shown_verdict,
    wrong_target,
)
from skiploop.studies.guide import guide_of, guide_request
from skiploop.studies.lines import problem
from skiploop.studies.progress import Progress
from skiploop.studies.recall import Recall
from skiploop.studies.settings import StudySettings
from skiploop.studies.total_budget import SharedBudget, Turn
from skiploop.tasks import Example, Task

_KEYS = ("round", "input", "arm", "chain")  # what a line of the journal must have in common with an ask


@dataclass(frozen=True, slots=True)
class Ask:
    """A chain that an arm wants evaluated; `arm` is None for the identity, which all arms want."""

    state: InputState
    arm: Arm | None
    chain: Chain

    @property
    def target(self) -> int:
        """Which answer is rewarded."""
        return GOLD if self.arm is None else self.arm.target

    @property
    def key(self) -> tuple[str, str, list[int | str]]:
        """By which the journal's line for it is known."""
        name = "identity" if self.arm is None else self.arm.name
        return self.state.example.id, name, self.chain.to_json()


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What a study is to find out.

    Attributes:
        task: how answers are judged.
        states: the inputs, whose arms the rounds start and tell.
        space: the chains.
        settings: of the study.
        dtype: of the model, for a message.
        recall: what earlier inputs taught; None: every input is searched for itself.
    """

    task: Task
    states: Sequence[InputState]
    space: Space
    settings: StudySettings
    dtype: str
    recall: Recall | None = None


class Rounds:
    """Runs a study's searchers to their end, or picks up where the journal ends.

    Args:
        plan: what is searched.
        runner: evaluates.
        journal: what was evaluated already, and where new evaluations go.
        progress: receives progress updates after each part.
        clock: ticks after each part.
        metrics: where it is noted by which metrics the identity is right, where options are scored.
    """

    def __init__(
        self, plan: SearchPlan, *, runner: Runner, journal: Journal, progress: Progress, clock: Clock, metrics: Journal
    ) -> None:
        self.lines: list[Line] = []  # the whole journal, as far as the loop is
        self.done = 0
        self.states = plan.states
        self._task, self._space, self._settings, self._dtype = plan.task, plan.space, plan.settings, plan.dtype
        self._runner, self._journal, self._progress, self._clock = runner, journal, progress, clock
        self._metrics = metrics
        self._recorded = deque(journal.read())
        search = plan.settings.search
        stops = search.stop_early or search.total_budget is not None
        self._least_depth = least_depth(plan.space) if stops else None
        self._recall = plan.recall
        self._waves = [self.states] if plan.recall is None else plan.recall.waves
        self._shared: list[SharedBudget] = []  # of each wave, after round 0, where the budget is shared

    @property
    def total(self) -> int:
        """How many evaluations there will be at most."""
        if not self.states[-1].arms:  # the control is run on some inputs only, which is known after round 0
            arms = 1 + len(self._settings.peers) + self._settings.controls.control
            search = self._settings.search
            return arms * (search.total_budget or len(self.states) * search.budget)
        if self._shared:
            return sum(shared.most for shared in self._shared)
        return sum(arm.used if arm.done else arm.budget for state in self.states for arm in state.arms)

    def run(self) -> None:
        """Runs until no arm asks any more."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[None]:
        """The same part by part; what was evaluated is kept each time that one is done."""
        identity = self._space.identity
        for part in self._parts([Ask(state, None, identity) for state in self.states]):
            self._run_part(0, part)
            yield
        if self._settings.search.total_budget is not None:
            self._shared = [SharedBudget(wave, self._settings.search, len(self.states)) for wave in self._waves]
        number = 1
        for place in range(len(self._waves)):
            number = yield from self._run_wave(place, number)
        if self._recorded:
            raise self._foreign(self._recorded[0][0], "it has evaluations that this study doesn't ask for")

    def _run_wave(self, place: int, number: int) -> Generator[None, None, int]:
        """Inputs that are searched at the same time, from round `number` on; the number of the round after them."""
        begun = len(self.lines)
        if self._recall is not None:
            self._recall.begin(self._waves[place])
        while asks := self._ask(place):
            for part in self._parts(asks):
                self._run_part(number, part)
                yield
            number += 1
        if self._recall is not None:
            self._recall.keep(self._waves[place], self.lines[begun:])
        return number

    def _ask(self, place: int) -> list[Ask]:
        """What all arms of a wave ask next; nothing once they are done."""
        while turns := self._turns(place):
            if asks := [Ask(turn.state, turn.arm, chain) for turn in turns for chain in turn.arm.ask(turn.most)]:
                return asks
        return []

    def _turns(self, place: int) -> list[Turn]:
        if self._shared:
            return self._shared[place].turns()
        most = self._settings.search.per_round
        return [Turn(state, arm, most) for state in self._waves[place] for arm in state.arms if not arm.done]

    def _parts(self, asks: list[Ask]) -> Iterator[list[Ask]]:
        """Parts of about `per_call` asks; those of one input stay together."""
        part: list[Ask] = []
        for ask in asks:
            if len(part) >= self._settings.engine.per_call and ask.state is not part[-1].state:
                yield part
                part = []
            part.append(ask)
        if part:
            yield part

    def _run_part(self, number: int, asks: list[Ask]) -> None:
        replayed = bool(self._recorded)
        if replayed:
            lines = self._recorded.popleft()
            self._check(number, asks, lines)
            for ask, line in zip(asks, lines, strict=True):
                ask.state.remember(ask.chain, line_outcome(line, ask.target))
        else:
            lines = self._identity_lines(asks) if number == 0 else self._chain_lines(number, asks)
            self._journal.append(lines)
        self.lines += lines
        for ask, line in zip(asks, lines, strict=True):
            self._tell(ask, line)
        self._progress.update(self.done, self.total, self._oracle(), replayed=replayed)
        self._clock.tick()

    def _identity_lines(self, asks: list[Ask]) -> list[Line]:
        requests = [every_metric_request(self._task, ask.state.example, ask.chain) for ask in asks]
        results = self._runner.run(requests)
        lines = []
        for ask, result in zip(asks, results, strict=True):
            example = ask.state.example
            check_scores(example, result, self._dtype)
            verdict = shown_verdict(self._task, example, result)
            line = new_line(0, ask, verdict.reward) | {"answer": verdict.answer}
            if not self._task.scores_options:
                line["text"] = result.text or ""
            lines.append(line)
        if self._task.scores_options:
            examples = [ask.state.example for ask in asks]
            self._metrics.append(metric_lines(self._task, examples, results))
        if self._settings.search.guided:
            self._guide_identities(asks, lines, results)
        for ask, line in zip(asks, lines, strict=True):
            ask.state.remember(ask.chain, line_outcome(line, GOLD))
        return lines

    def _guide_identities(self, asks: list[Ask], lines: list[Line], results: Sequence[Result]) -> None:
        """Notes in the lines how near a wrong identity came to the right answer and to the control's.

        Its own answer was generated where texts are judged, so it takes a forced pass for each of the two.
        """
        wrong = [each for each in zip(asks, lines, results, strict=True) if each[1]["reward"] < 1]
        wanted = [
            (line, name, target, self._identity_guide(target, ask.chain, result))
            for ask, line, result in wrong
            for name, target in (("guide", ask.state.example), ("other_guide", self._control_target(ask.state, line)))
            if target is not None
        ]
        passes = [source for *_, source in wanted if isinstance(source, Request)]
        answers = iter(self._runner.run(passes) if passes else ())
        for line, name, target, source in wanted:
            guide = guide_of(self._task, target, next(answers) if isinstance(source, Request) else source)
            if guide is not None:
                line[name] = guide

    def _identity_guide(self, target: Example, chain: Chain, result: Result) -> Request | Result:
        """What says how near it came: the result of its evaluation, or a pass of its own."""
        if self._task.verbatim:
            return request(self._task, target, chain, guided=True)
        return guide_request(self._task, target, chain) or result

    def _control_target(self, state: InputState, line: Line) -> Example | None:
        """What the control aims at, given the line of the identity; None where that is right."""
        return wrong_target(self._task, state, line["answer"], line.get("text")) if line["reward"] < 1 else None

    def _chain_lines(self, number: int, asks: list[Ask]) -> list[Line]:
        self._execute(asks)
        if self._settings.search.guided:
            self._guide_texts(asks)
        lines = []
        for ask in asks:
            known = ask.state.memo[ask.chain.layers]
            reward, other = known.rewards[ask.target], known.rewards[1 - ask.target]
            assert reward is not None, "what was asked has been executed"
            line = new_line(number, ask, reward)
            if self._settings.search.guided:
                line |= guides(known.guides[ask.target], known.guides[1 - ask.target])
            if not self._task.verbatim:
                # One execution is judged by both targets; both are kept, so that resuming needn't repeat it.
                line |= {"answer": known.answer} | ({} if other is None else {"other": other})
            wrong = ask.state.targets[ask.target] if ask.target != GOLD else None
            lines.append(line if wrong is None else line | {"target": wrong.answer})
        return lines

    def _execute(self, asks: list[Ask]) -> None:
        """Runs what isn't known yet, each chain of an input once."""
        missing: dict[tuple[str, tuple[int, ...], int], tuple[Ask, Request]] = {}
        for ask in asks:
            if ask.state.reward(ask.chain, ask.target) is not None:
                continue
            target = ask.state.targets[ask.target]
            assert target is not None, "an arm has a target"
            kind = ask.target if self._task.verbatim else GOLD
            key = (ask.state.example.id, ask.chain.layers, kind)
            missing.setdefault(key, (ask, request(self._task, target, ask.chain, guided=self._settings.search.guided)))
        if not missing:
            return
        results = self._runner.run([wanted for _, wanted in missing.values()])
        for (ask, _), result in zip(missing.values(), results, strict=True):
            ask.state.remember(ask.chain, outcome(self._task, ask.state, ask.target, result))

    def _guide_texts(self, asks: list[Ask]) -> None:
        """How near wrong texts came, for the arms that learn: a forced pass of each, where it pays."""
        missing: dict[tuple[str, tuple[int, ...], int], tuple[Ask, Example, Request]] = {}
        for ask in asks:
            known, target = ask.state.memo[ask.chain.layers], ask.state.targets[ask.target]
            reward = known.rewards[ask.target]
            if ask.arm is None or ask.arm.name in PEERS or target is None or reward is None or reward >= 1:
                continue
            wanted = guide_request(self._task, target, ask.chain)
            if wanted is not None and known.guides[ask.target] is None:
                missing[ask.state.example.id, ask.chain.layers, ask.target] = (ask, target, wanted)
        if not missing:
            return
        results = self._runner.run([wanted for *_, wanted in missing.values()])
        for (ask, target, _), result in zip(missing.values(), results, strict=True):
            near = guide_of(self._task, target, result)
            guides = (near, None) if ask.target == GOLD else (None, near)
            ask.state.remember(ask.chain, Outcome((None, None), None, guides))

    def _tell(self, ask: Ask, line: Line) -> None:
        if ask.arm is not None:
            ask.arm.tell(ask.chain, line["reward"], self._least_depth, line.get("guide"))
            self.done += 1
            return
        state, reward = ask.state, line["reward"]
        state.start(self._settings, self._space, self._control_target(state, line))
        for arm in state.arms:
            told = (reward, line.get("guide")) if arm.target == GOLD else (0.0, line.get("other_guide"))
            arm.tell(ask.chain, told[0], self._least_depth, told[1])
        self.done += len(state.arms)

    def _oracle(self) -> float:
        best = [state.arms[0].best for state in self.states if state.arms]
        return sum(reward >= 1 for reward in best) / len(best)

    def _check(self, number: int, asks: list[Ask], lines: list[Line]) -> None:
        for ask, line in zip(asks, lines, strict=False):
            if [line.get(name) for name in _KEYS] != [number, *ask.key]:
                raise self._foreign(line, f"this study asks for {ask.key} in round {number} there")
            found = problem(line, self._space.num_layers)
            if found is not None:
                raise self._foreign(line, found)
        if len(asks) != len(lines):
            raise self._foreign(lines[-1], f"there are {len(lines)} evaluations in a batch of {len(asks)}")

    def _foreign(self, line: Line, reason: str) -> InvalidInput:
        place = ", ".join(f"{name} {line.get(name)}" for name in _KEYS)
        return InvalidInput(
            f"the journal isn't this study's ({place}): {reason}. It was edited, or written by another "
            "version of skiploop; choose another --out"
        )


def line_outcome(line: Line, target: int) -> Outcome:
    """What a line of the journal says of its chain."""
    reward, other = line["reward"], line.get("other")
    near = line.get("guide"), line.get("other_guide")
    if target == GOLD:
        return Outcome((reward, other), line.get("answer"), near)
    return Outcome((other, reward), line.get("answer"), near[::-1])


def guides(own: float | None, other: float | None) -> Line:
    """What a line of the journal says of guides, which are no part of a verdict."""
    return {name: guide for name, guide in (("guide", own), ("other_guide", other)) if guide is not None}


def new_line(number: int, ask: Ask, reward: float) -> Line:
    """The journal's line of an evaluation."""
    example, arm, chain = ask.key
    return {"round": number, "input": example, "arm": arm, "chain": chain, "reward": reward}


def least_depth(space: Space) -> int:
    """The smallest depth of a chain of the space, found among the chains 0..n-1."""
    return next(n for n in range(1, space.num_layers + 1) if space.accepts(tuple(range(n))))
