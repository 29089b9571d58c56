"""One chain for all inputs of a task, chosen on a training split and reported on a test split.

    study = search_static("nano", "nano", budget=64)
    study.figures.chosen["search"].test, study.figures.chosen["identity"].test

No gold answer is needed when such a chain is used, so what is reported here is *accuracy*, not oracle accuracy. Beside
the search stand, each chosen on the same training inputs and reported on the same test inputs, as many uniform random
chains from the same space, and the chains of `skiploop.studies.static.references`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.chains.weights import layers_from_json
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.spaces.space import Space
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.arms import seed_for
from skiploop.studies.evaluation import check_lengths
from skiploop.studies.evaluations import Evaluations
from skiploop.studies.execution import Execution, References
from skiploop.studies.folder import StudyFolder, check_place, read_inputs, read_run, read_summary
from skiploop.studies.opening import StudyModel, open_model, open_task
from skiploop.studies.progress import Interrupted, Progress
from skiploop.studies.prompts import prompt_example
from skiploop.studies.record import default_out, describe
from skiploop.studies.static.figures import StaticFigures, chosen_chain
from skiploop.studies.static.race import Candidate, Halving, StaticSearch, best
from skiploop.studies.static.references import REFERENCES, Suggested, Training, of_model
from skiploop.studies.static.settings import StaticSettings, StaticStudySettings
from skiploop.studies.static.split import split
from skiploop.studies.warm_start import resolved
from skiploop.tasks import Example, Task


@dataclass(frozen=True, slots=True)
class StaticStudy:
    """A finished study of static chains.

    Attributes:
        out: its folder.
        run: what was asked for, and of what: run.json.
        figures: of all chosen chains.
    """

    out: Path
    run: dict[str, Any]
    figures: StaticFigures

    def to_json(self) -> Line:
        """What `skiploop search --static --json` prints: the figures, and where the study is."""
        return self.figures.to_json() | {"out": str(self.out)}


def search_static(
    model: str | StudyModel = "nano",
    task: str | Task = "nano",
    *,
    out: str | Path | None = None,
    settings: StaticStudySettings | None = None,
    execution: Execution | None = None,
    **changes: Any,
) -> StaticStudy:
    """Looks for one chain for all inputs; what `skiploop search --static` calls.

    Args:
        model: `nano`, the name or folder of a Hugging Face model, or a `LayeredModel`.
        task: a specification, or a task; its questions are de-duplicated, then split.
        out: the study's folder; the same call resumes it.
        settings: those of the search, and of the split (`StaticSettings`, the section `static`).
        execution: what evaluates and looks into the model, by default this model, and what shows the progress.
        **changes: single fields of `StudySettings`, or whole sections, such as `static=StaticSettings(train=64)`; and,
            where `task` is a specification, of `TaskOptions`.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C; what was evaluated is kept.
    """
    pool = open_task(task, changes)
    settings = (settings or StaticStudySettings()).changed(**changes)
    execution, sizes = execution or Execution(), settings.static
    progress = execution.progress("best on training inputs")
    if out is not None:
        check_place(Path(out))
    split(pool, sizes.train, sizes.test)  # refused before a model is loaded
    opened = open_model(model, settings.engine) if isinstance(model, str) else model
    pool = pool.for_model(opened.chat)
    splits = split(pool, sizes.train, sizes.test)
    space = settings.space.make(opened.num_layers)
    check_lengths(pool, [*splits[0], *splits[1]], opened)
    settings = resolved(settings, space, [*splits[0], *splits[1]])
    runner, engine = execution.open_runner(opened, settings.engine)
    run = describe(opened, pool, space, kind="static", settings=settings.to_json(), engine=engine)
    run["prompt_example"] = prompt_example(pool, opened)
    place = default_out(run) if out is None else Path(out)
    lines = [_line(each, name) for name, part in zip(("train", "test"), splits, strict=True) for each in part]
    with StudyFolder(place, run, lines) as folder:
        if not folder.complete:
            work = _Work(pool, opened.name, splits, space, settings)
            evaluate = Evaluations(pool, runner, folder.journal, per_call=settings.engine.per_call)
            try:
                with progress:
                    figures = _figures(work, evaluate, _references(execution, opened, pool, settings), progress)
                    folder.write_summary(figures.to_json())
            except KeyboardInterrupt:
                raise Interrupted(folder.path, "static", len(evaluate), work.total) from None
    return load_static(place)


def _references(execution: Execution, model: Any, task: Task, settings: StaticStudySettings) -> References:
    """What looks into the model: what is given, or the model itself, unless another runner stands for it."""
    if execution.references is not None:
        return execution.references
    if execution.runner is not None:
        return References()
    return of_model(model, task, gates=settings.static.gates, seed=settings.search.seed)


def load_static(path: str | Path) -> StaticStudy:
    """A finished study of static chains."""
    out = Path(path)
    run = read_run(out)
    if run["kind"] != "static":
        raise InvalidInput(f"{out} holds a study with chains per input; read it with load_study")
    if not (out / "summary.json").exists():
        raise InvalidInput(f"the study in {out} isn't finished; give its command again to go on")
    return StaticStudy(out, run, read_summary(StaticFigures, out))


def rewards_on_test(path: str | Path) -> dict[str, dict[str, float]]:
    """The reward of each chosen chain on each test input, by what chose it and by the input's id."""
    study = load_static(path)
    alone = study.run["settings"]["controls"]["verify"]
    rewards = {
        (line["input"], layers_from_json(line["chain"])): line["reward"]
        for line in JsonlJournal(study.out / "journal.jsonl").lines()
        if line["alone"] == alone
    }
    tested = [line["id"] for line in read_inputs(study.out) if line["split"] == "test"]
    return {name: {each: rewards[each, row.chain] for each in tested} for name, row in study.figures.chosen.items()}


@dataclass(frozen=True, slots=True)
class _Work:
    """What is searched, and how."""

    task: Task
    model: str
    splits: tuple[tuple[Example, ...], tuple[Example, ...]]
    space: Space
    settings: StaticStudySettings

    @property
    def arms(self) -> tuple[str, ...]:
        """Who searches."""
        return ("search",) if self.settings.search.searcher == "random" else ("search", "random")

    @property
    def total(self) -> int:
        """Evaluations of the arms, at most."""
        return len(self.arms) * self.settings.search.budget * len(self.splits[0])

    def training(self, evaluate: Evaluations) -> Training:
        """The training inputs."""
        train, sizes = self.splits[0], self.settings.static

        def rewards(pairs: Sequence[tuple[Chain, int]]) -> list[float]:
            return evaluate([(train[number].id, chain) for chain, number in pairs])

        return Training(
            train,
            Halving(len(train), sizes.first, sizes.per_round),
            rewards,
            self.space.identity,
        )


def _figures(work: _Work, evaluate: Evaluations, references: References, progress: Progress) -> StaticFigures:
    """Searches, chooses on the training inputs, and reports on the test inputs."""
    training = work.training(evaluate)
    base = training.race([training.identity])[0]
    candidates, chains = {"identity": [base]}, {}
    for arm in work.arms:
        search = _search(arm, work, training, base)
        for _ in search.run():
            top = best([base, *search.complete])
            progress.update(len(evaluate), max(work.total, len(evaluate)), top.mean)
        candidates[arm], chains[arm] = [base, *search.complete], len(search.candidates)
    suggested = _suggested(work.settings.static, training, references)
    candidates |= {name: [base, *each.candidates] for name, each in suggested.items()}
    chosen = {name: best(own) for name, own in candidates.items()}
    right = {name: _verdicts(work, evaluate, each.chain) for name, each in chosen.items()}
    return StaticFigures(
        model=work.model,
        task=work.task.name,
        searcher=work.settings.search.searcher,
        space=work.space.name,
        num_layers=work.space.num_layers,
        train_inputs=len(work.splits[0]),
        test_inputs=len(work.splits[1]),
        chains=chains,
        evaluations=len(evaluate),
        chosen={name: chosen_chain(each, right[name], right["identity"]) for name, each in chosen.items()},
        block_map=suggested["block"].block_map if "block" in suggested else None,
        block_influence=suggested["influence"].block_influence if "influence" in suggested else None,
    )


def _search(arm: str, work: _Work, training: Training, base: Candidate) -> StaticSearch:
    """The search of an arm, which knows the identity already."""
    settings = work.settings.search
    seed = seed_for(settings.seed, arm, "static")
    if arm == "search":
        searcher = settings.make_searcher(work.space, seed)
    else:
        searcher = make_searcher("random", work.space, seed=seed)
    searcher.tell(base.chain, base.mean)
    return StaticSearch(searcher, training.plan, settings.budget, training.evaluate)


def _suggested(static: StaticSettings, training: Training, references: References) -> dict[str, Suggested]:
    """What the references that are wanted come to; gates are wanted where there is something to train them with."""
    wanted = [name for name in REFERENCES if static.references or name == "gates"]
    found = {name: REFERENCES[name](training, references) for name in wanted}
    return {name: each for name, each in found.items() if each is not None}


def _verdicts(work: _Work, evaluate: Evaluations, chain: Chain) -> list[bool]:
    """Right or wrong on each test input; with `verify` each is run alone, in a fixed shape."""
    pairs = [(example.id, chain) for example in work.splits[1]]
    return [reward >= 1 for reward in evaluate(pairs, alone=work.settings.controls.verify)]


def _line(example: Example, part: str) -> Line:
    return asdict(example) | {"choices": list(example.choices), "split": part}
