"""A search from an open folder on: its rounds, the claimed successes run again, the figures. No torch.

It is done in steps, after each of which everything that was evaluated is on the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skiploop.chains.chain import Chain
from skiploop.chains.weights import layers_from_json
from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.storage.files import Line
from skiploop.studies.arms import GOLD, WRONG, InputState
from skiploop.studies.clock import Clock
from skiploop.studies.evaluation import shown_request, shown_verdict
from skiploop.studies.figures import search_figures
from skiploop.studies.folder import StudyFolder, read_inputs, read_run
from skiploop.studies.lines import read_evaluations, read_metrics, read_reruns
from skiploop.studies.results import InputResult, collect
from skiploop.studies.rounds import Rounds, SearchPlan
from skiploop.tasks import Task


def search_steps(folder: StudyFolder, plan: SearchPlan, rounds: Rounds, runner: Runner, clock: Clock) -> Iterator[None]:
    """Everything that is to be evaluated, or what the folder lacks of it."""
    if plan.recall is not None:
        plan.recall.embed(folder.embeddings)
    yield from rounds.steps()
    if plan.settings.controls.verify:
        results = collect(read_run(folder.path), read_inputs(folder.path), rounds.lines)
        yield from _verify(folder, plan, results, runner, clock)


def finish(folder: StudyFolder) -> None:
    """Computes the figures of a study whose evaluations are all there."""
    run, inputs = read_run(folder.path), read_inputs(folder.path)
    lines = read_evaluations(folder.path, run, inputs)
    results = collect(run, inputs, lines, read_reruns(folder.path, run, inputs))
    figures = search_figures(run, results, lines, complete=True, metrics=read_metrics(folder.path, inputs))
    folder.write_summary(figures.to_json())


def _verify(
    folder: StudyFolder, plan: SearchPlan, results: Sequence[InputResult], runner: Runner, clock: Clock
) -> Iterator[None]:
    """Runs every claimed success again, alone, and keeps what it says this time.

    Of all arms alike, or they couldn't be compared. Where an arm's best chain doesn't hold, its next best right one is
    tried, until one holds.
    """
    lines = read_reruns(folder.path, read_run(folder.path), read_inputs(folder.path))
    known = {(line["input"], line["target"], layers_from_json(line["chain"])): line for line in lines}
    unasked = set(known)
    by_id = {state.example.id: state for state in plan.states}
    for result in results:
        state = by_id[result.example["id"]]
        for arm, claims in result.claims():
            for chain in claims:
                key = (state.example.id, "wrong" if arm == "control" else "gold", chain.layers)
                if key not in known:
                    known[key] = _run_again(plan.task, state, key[1], chain, runner)
                    folder.verified.append([known[key]])
                    clock.tick()
                yield
                unasked.discard(key)
                if known[key]["reward"] >= 1:
                    break
    if unasked:
        raise InvalidInput(
            f"{folder.path / 'verified.jsonl'} has evaluations that this study doesn't ask for, such as "
            f"{next(iter(unasked))}: it was edited, or written by another version of skiploop; choose another --out"
        )


def _run_again(task: Task, state: InputState, target: str, chain: Chain, runner: Runner) -> Line:
    example = state.targets[WRONG if target == "wrong" else GOLD]
    assert example is not None  # an arm without a target claims nothing
    again = runner.run_alone(shown_request(task, example, chain))
    verdict = shown_verdict(task, example, again)
    line: Line = {"input": example.id, "target": target, "chain": chain.to_json()}
    line |= {"reward": verdict.reward, "answer": verdict.answer}
    return line if again.text is None else line | {"text": again.text}
