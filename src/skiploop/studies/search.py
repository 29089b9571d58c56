"""A study: a task's inputs, a searcher for each, the controls beside it, and everything kept on disk.

    study = search("nano", "nano", budget=100)
    study.figures.oracle_accuracy, study.figures.peers["random"].oracle_accuracy, study.figures.control.excess

A study that was interrupted goes on when the same call is made again; one that is complete is only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.chains.weights import layers_from_json
from skiploop.engine.request import Runner
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.storage.files import Line
from skiploop.studies.arms import GOLD, WRONG, InputState, wrong_candidates
from skiploop.studies.cache_policy import check_space_policy
from skiploop.studies.clock import Clock
from skiploop.studies.evaluation import check_lengths, shown_request, shown_verdict
from skiploop.studies.execution import Execution
from skiploop.studies.figures import SearchFigures, search_figures
from skiploop.studies.folder import StudyFolder, check_place, read_inputs, read_run, read_summary, read_timing
from skiploop.studies.html import search_html
from skiploop.studies.lines import read_evaluations, read_metrics, read_reruns
from skiploop.studies.opening import StudyModel, open_model, open_task
from skiploop.studies.progress import Interrupted, Progress
from skiploop.studies.prompt_example import prompt_example
from skiploop.studies.recall import Recall
from skiploop.studies.record import default_out, describe
from skiploop.studies.results import InputResult, collect
from skiploop.studies.rounds import Plan, Rounds
from skiploop.studies.settings import SearchSettings, StudySettings
from skiploop.studies.tables import TABLES, named_frame, require_data, write_parquet
from skiploop.studies.total_budget import check_total
from skiploop.studies.warm_start import resolved
from skiploop.tasks import Example, Subset, Task


@dataclass(frozen=True, slots=True)
class Study:
    """A study, loaded from its folder.

    Attributes:
        out: the folder.
        run: what was asked for, and of what: run.json.
        inputs: what was found for each input.
        figures: of all inputs.
        seconds: that it took, over all attempts.
    """

    out: Path
    run: dict[str, Any]
    inputs: tuple[InputResult, ...]
    figures: SearchFigures
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether it was finished."""
        return self.figures.complete

    def to_pandas(self, rows: str = "evaluations") -> Any:
        """A `pandas.DataFrame` with a row for each of the `evaluations` of every arm, or of the `inputs`.

        Its columns are in docs/tables.md.

        Raises:
            InvalidInput: other rows, or pandas isn't installed (the extra `data`).
        """
        return named_frame(TABLES, rows, self.inputs)

    def _repr_html_(self) -> str:
        return search_html(self.figures, self.out)

    def to_json(self) -> Line:
        """What `skiploop search --json` prints: the figures, where the study is, and how long it took."""
        return self.figures.to_json() | {"seconds": self.seconds, "out": str(self.out)}


def search(
    model: str | StudyModel = "nano",
    task: str | Task | Subset = "nano",
    *,
    out: str | Path | None = None,
    settings: StudySettings | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> Study:
    """Looks for chains on every input of a task; what `skiploop search` calls.

    Args:
        model: `nano`, the name or folder of a Hugging Face model, or a `LayeredModel`.
        task: a specification for `skiploop.tasks.make_task`, a task, or some examples of one, where `limit` isn't
            to choose them. The control takes its wrong answers from the whole task, also where a part is searched.
        out: the study's folder; by default one below `runs/` that is named after the settings. One that holds
            the same study is resumed.
        settings: a prepared set of settings.
        execution: what evaluates, by default what `settings.engine` says, and what shows the progress.
        **changes: single fields of `StudySettings`, as its `changed` takes them, which win over `settings`; and, where
            `task` is a specification, of `TaskOptions`, such as `shots=5`.

    Returns:
        The finished study.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C.
    """
    whole, given = (task.whole, task.examples) if isinstance(task, Subset) else (task, None)
    pool = open_task(whole, changes)
    settings = (settings or StudySettings()).changed(**changes)
    if settings.search.parquet:
        require_data("pandas", "pyarrow")  # refused before any work
    execution = execution or Execution()
    progress = execution.progress("oracle accuracy")
    if out is not None:
        check_place(Path(out), "search")
    opened = open_model(model, settings.engine) if isinstance(model, str) else model
    pool = pool.for_model(opened.chat)
    chosen = _chosen(pool, settings.search, given)
    space = settings.space.make(opened.num_layers)
    settings = _checked(settings, chosen, space, opened)
    runner, engine = execution.open_runner(opened, settings.engine)
    run = describe(opened, pool, space, kind="search", settings=settings.to_json(), engine=engine)
    run["prompt_example"] = prompt_example(chosen, opened)
    states = _states(pool, chosen, settings.search.seed)
    recall = _recall(states, settings.search, space, execution, opened)
    plan = Plan(chosen, states, space, settings, run["model"]["dtype"], recall)
    place = default_out(run) if out is None else Path(out)
    with StudyFolder(place, run, [_input_line(state) for state in states]) as folder:
        if not folder.complete:
            _note_versions(folder, run, progress)
            _work(folder, plan, runner, progress)
    study = load_study(place)
    if settings.search.parquet:
        write_parquet(place, TABLES, study.inputs)
    return study


def _checked(settings: StudySettings, chosen: Task, space: Space, model: StudyModel) -> StudySettings:
    """The settings with their warm start read; refuses inputs that are too long, and a policy that can't matter."""
    check_lengths(chosen, chosen.examples, model)
    check_space_policy(settings.engine.cache_policy, space, chosen)
    return resolved(settings, space, chosen.examples)


def _chosen(pool: Task, settings: SearchSettings, given: tuple[Example, ...] | None) -> Task:
    """What is searched of a task; examples that are given are taken as the model is asked them."""
    if given is not None and settings.limit is not None:
        raise InvalidInput(f"limit={settings.limit} and {len(given)} given inputs don't go together; leave one out")
    if given is not None:
        asked = {example.id: example for example in pool.examples}
        chosen = replace(pool, examples=tuple([asked[example.id] for example in given]))
    else:
        chosen = pool if settings.limit is None else pool.limit(settings.limit)
    check_total(settings, len(chosen.examples))
    return chosen


def _states(pool: Task, chosen: Task, seed: int) -> list[InputState]:
    candidates = wrong_candidates(pool, chosen.examples, seed)
    return [InputState(*each) for each in zip(chosen.examples, candidates, strict=True)]


def _recall(
    states: Sequence[InputState], settings: SearchSettings, space: Space, execution: Execution, model: StudyModel
) -> Recall | None:
    """What earlier inputs teach later ones, where the settings want a memory."""
    if not settings.memory:
        return None
    return Recall(states, settings, space.identity, execution.open_embed(model))


def load_study(path: str | Path) -> Study:
    """A study from its folder; one that is still running is read as far as it has come."""
    out = Path(path)
    run = read_run(out, "search")
    # A finished study's checksums first: they say more of what is damaged than any line.
    figures = read_summary(SearchFigures, out) if (out / "summary.json").exists() else None
    inputs = read_inputs(out)
    lines = read_evaluations(out, run, inputs)
    results = collect(run, inputs, lines, read_reruns(out, run, inputs))
    if figures is None:
        figures = search_figures(run, results, lines, complete=False, metrics=read_metrics(out, inputs))
    return Study(out, run, tuple(results), figures, read_timing(out).get("seconds", 0.0))


def _work(folder: StudyFolder, plan: Plan, runner: Runner, progress: Progress) -> None:
    """Everything between an open folder and its summary."""
    clock = Clock(folder, runner)
    rounds = Rounds(plan, runner=runner, journal=folder.journal, progress=progress, clock=clock, metrics=folder.metrics)
    try:
        with progress:
            if plan.recall is not None:
                plan.recall.embed(folder.embeddings)
            rounds.run()
            run, inputs = read_run(folder.path), read_inputs(folder.path)
            results = collect(run, inputs, rounds.lines)
            if plan.settings.controls.verify:
                verified = _verify(folder, plan, results, runner, clock)
                results = collect(run, inputs, rounds.lines, verified)
    except KeyboardInterrupt:
        raise Interrupted(folder.path, "search", rounds.done, rounds.total) from None
    finally:
        clock.save()
    figures = search_figures(run, results, rounds.lines, complete=True, metrics=read_metrics(folder.path, inputs))
    folder.write_summary(figures.to_json())


def _verify(
    folder: StudyFolder, plan: Plan, results: Sequence[InputResult], runner: Runner, clock: Clock
) -> list[Line]:
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
                    lines.append(known[key])
                    clock.tick()
                unasked.discard(key)
                if known[key]["reward"] >= 1:
                    break
    if unasked:
        raise InvalidInput(
            f"{folder.path / 'verified.jsonl'} has evaluations that this study doesn't ask for, such as "
            f"{next(iter(unasked))}: it was edited, or written by another version of skiploop; choose another --out"
        )
    return lines


def _run_again(task: Task, state: InputState, target: str, chain: Chain, runner: Runner) -> Line:
    example = state.targets[WRONG if target == "wrong" else GOLD]
    assert example is not None  # an arm without a target claims nothing
    again = runner.run_alone(shown_request(task, example, chain))
    verdict = shown_verdict(task, example, again)
    line: Line = {"input": example.id, "target": target, "chain": chain.to_json()}
    line |= {"reward": verdict.reward, "answer": verdict.answer}
    return line if again.text is None else line | {"text": again.text}


def _input_line(state: InputState) -> Line:
    wrong = [candidate.answer for candidate in state.candidates]
    return asdict(state.example) | {"choices": list(state.example.choices), "wrong": wrong}


def _note_versions(folder: StudyFolder, run: dict[str, Any], progress: Progress) -> None:
    before = read_run(folder.path)["versions"]
    for name, now in run["versions"].items():
        if before.get(name) != now:
            progress.note(f"{folder.path} was begun with {name} {before.get(name)}, this is {now}: rounding may differ")
