"""One chain for all inputs of a task, chosen on a training split and reported on a test split.

    found = search_static("nano", "nano", budget=64)
    found.summary["chosen"]["search"]["test"], found.summary["chosen"]["identity"]["test"]

No gold answer is needed when such a chain is used, so what is reported here is *accuracy*, not oracle accuracy. Beside
the search stand, each chosen on the same training inputs and reported on the same test inputs:

    random      uniform random chains from the same space, as many
    block       RYS: the best of all chains in which one block is run twice; its whole (i, j) map is kept
    influence   ShortGPT (arXiv 2403.03853): the layers with the least Block Influence are left out, as many
                as does best on the training inputs
    gates       the layers whose gates, trained by gradient on the training answers, stay open; where they are wanted
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.engine.open import open_runner
from skiploop.engine.request import Request, Result, Runner
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space
from skiploop.stats.shares import mcnemar, newcombe_paired, paired_counts, wilson
from skiploop.storage.files import Line, read_json
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.arms import seed_for
from skiploop.studies.evaluation import check_lengths, request, shown_verdict
from skiploop.studies.folder import StudyFolder, check_place, read_inputs, read_run
from skiploop.studies.opening import StudyModel, open_model
from skiploop.studies.progress import Interrupted, Progress
from skiploop.studies.record import default_out, describe
from skiploop.studies.settings import StudySettings
from skiploop.studies.static.race import Candidate, Halving, StaticSearch, best, race
from skiploop.studies.static.references import References, of_model
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.split import split
from skiploop.studies.warm_start import resolved
from skiploop.tasks import Example, Task, make_task

_MOST_MAPPED = 64  # training inputs on which the whole map of blocks is measured
_KEPT_OF_MAP = 8  # its best chains, which go on to all training inputs


@dataclass(frozen=True, slots=True)
class StaticStudy:
    """A finished study of static chains: its folder, run.json, and the figures."""

    out: Path
    run: dict[str, Any]
    summary: dict[str, Any]


def search_static(
    model: str | StudyModel = "nano",
    task: str | Task = "nano",
    *,
    out: str | Path | None = None,
    settings: StudySettings | None = None,
    static: StaticSettings | None = None,
    runner: Runner | None = None,
    references: References | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> StaticStudy:
    """Looks for one chain for all inputs; what `skiploop search --static` calls.

    Args:
        model: `nano`, the name or folder of a Hugging Face model, or a `LayeredModel`.
        task: a specification, or a task; its questions are de-duplicated, then split.
        out: the study's folder; the same call resumes it.
        settings: searcher, space, budget (distinct chains per arm), seed and model settings.
        static: the split.
        runner: evaluates; by default what `settings.engine` says.
        references: what looks into the model; by default this model, where no runner is given.
        progress: is told how far the study is.
        **changes: single fields of `settings`.

    Raises:
        InvalidInput: for everything that is wrong with the arguments, before any work starts.
        UnsupportedModel: the model can't run chains exactly.
        Interrupted: on Ctrl-C; what was evaluated is kept.
    """
    settings = (settings or StudySettings().changed(budget=64)).changed(**changes)
    static, progress = static or StaticSettings(), progress or Progress()
    if out is not None:
        check_place(Path(out))
    pool = make_task(task) if isinstance(task, str) else task
    splits = split(pool, static.train, static.test)
    opened = open_model(model, settings.engine) if isinstance(model, str) else model
    space = settings.space.make(opened.num_layers)
    check_lengths(pool, [*splits[0], *splits[1]], opened)
    settings = resolved(settings, space, [*splits[0], *splits[1]])
    engine = "custom"
    if runner is None:
        runner, engine = open_runner(opened, engine=settings.engine.engine, batch_tokens=settings.engine.batch_tokens)
        references = references or of_model(opened, pool, gates=static.gates, seed=settings.search.seed)
    sections = settings.to_json() | {"static": asdict(static)}
    run = describe(opened, pool, space, kind="static", settings=sections, engine=engine)
    place = default_out(run) if out is None else Path(out)
    lines = [_line(each, name) for name, part in zip(("train", "test"), splits, strict=True) for each in part]
    with StudyFolder(place, run, lines) as folder:
        if not folder.complete:
            work = _Work(pool, splits, space, settings, static, runner=runner, journal=folder.journal)
            work.progress = progress
            try:
                with progress:
                    figures = work.summary(references or References())
                    folder.write_summary(figures | {"model": opened.name, "task": pool.name})
            except KeyboardInterrupt:
                raise Interrupted(folder.path, "static", work.done, work.total) from None
    return load_static(place)


def load_static(path: str | Path) -> StaticStudy:
    """A finished study of static chains."""
    out = Path(path)
    run = read_run(out)
    if run["kind"] != "static":
        raise InvalidInput(f"{out} holds a study with chains per input; read it with load_study")
    if not (out / "summary.json").exists():
        raise InvalidInput(f"the study in {out} isn't finished; give its command again to go on")
    return StaticStudy(out, run, read_json(out / "summary.json") | {"out": str(out)})


def rewards_on_test(path: str | Path) -> dict[str, dict[str, float]]:
    """The reward of each chosen chain on each test input, by what chose it and by the input's id."""
    study = load_static(path)
    alone = study.run["settings"]["controls"]["verify"]
    rewards = {
        (line["input"], tuple(line["chain"])): line["reward"]
        for batch in JsonlJournal(study.out / "journal.jsonl").read()
        for line in batch
        if line["alone"] == alone
    }
    tested = [line["id"] for line in read_inputs(study.out) if line["split"] == "test"]
    return {
        name: {each: rewards[each, tuple(row["chain"])] for each in tested}
        for name, row in study.summary["chosen"].items()
    }


class _Work:
    """Everything between an open folder and its summary."""

    def __init__(
        self,
        task: Task,
        splits: tuple[tuple[Example, ...], tuple[Example, ...]],
        space: Space,
        settings: StudySettings,
        static: StaticSettings,
        *,
        runner: Runner,
        journal: JsonlJournal,
    ) -> None:
        self._task, (self._train, self._test), self._space = task, splits, space
        self._settings, self._static, self._runner, self._journal = settings, static, runner, journal
        self.progress = Progress()
        self._plan = Halving(len(self._train), static.first, static.per_round)
        self._identity = space.identity
        # (input, chain, run alone?) -> reward. What the journal has isn't run again.
        self._memo: dict[tuple[str, tuple[int, ...], bool], float] = {
            (line["input"], tuple(line["chain"]), line["alone"]): line["reward"]
            for batch in journal.read()
            for line in batch
        }
        self.done, self.total = len(self._memo), 0

    def summary(self, references: References) -> dict[str, Any]:
        """Searches, chooses on the training inputs, and reports on the test inputs."""
        arms = ("search",) if self._settings.search.searcher == "random" else ("search", "random")
        self.total = len(arms) * self._settings.search.budget * len(self._train)  # at most
        base = race([self._identity], self._plan, self._rewards)[0]
        found: dict[str, list[Candidate]] = {"identity": [base]}
        chains: dict[str, int] = {}
        for arm in arms:
            search = self._search(arm, base)
            found[arm], chains[arm] = [base, *search.complete], len(search.candidates)
        extra: dict[str, Any] = {}
        if self._static.references:
            found["block"], extra["block_map"] = self._blocks(base)
            if references.influence is not None:
                scores = [float(score) for score in references.influence([example.prompt for example in self._train])]
                found["influence"], extra["block_influence"] = self._pruned(scores, base), scores
        if references.gates is not None:
            found["gates"] = [base, *self._on_all(references.gates(self._train))]
        chosen = {name: best(candidates) for name, candidates in found.items()}
        reported = self._report(chosen)
        return {
            "kind": "static",
            "searcher": self._settings.search.searcher,
            "space": self._space.name,
            "num_layers": self._space.num_layers,
            "train_inputs": len(self._train),
            "test_inputs": len(self._test),
            "chains": chains,
            "evaluations": len(self._memo),
            "chosen": reported,
        } | extra

    def _search(self, arm: str, base: Candidate) -> StaticSearch:
        seed = seed_for(self._settings.search.seed, arm, "static")
        if arm == "search":
            searcher = self._settings.search.make_searcher(self._space, seed)
        else:
            searcher = make_searcher("random", self._space, seed=seed)
        searcher.tell(base.chain, base.mean)
        search = StaticSearch(searcher, self._plan, self._settings.search.budget, self._rewards)
        for _ in search.run():
            top = best([base, *search.complete])
            self.progress.update(self.done, max(self.total, self.done), top.mean)
        return search

    def _blocks(self, base: Candidate) -> tuple[list[Candidate], list[dict[str, Any]]]:
        """RYS: every block twice, on a part of the training inputs; the best go on to all of them."""
        blocks = list(make_space("block", self._space.num_layers).children(self._identity))
        few = replace(self._plan, inputs=min(_MOST_MAPPED, len(self._train)), first=len(self._train))
        mapped: list[Candidate] = []
        for start in range(0, len(blocks), self._plan.per_round):
            mapped += race(blocks[start : start + self._plan.per_round], few, self._rewards)
        top = sorted(mapped, key=lambda each: -each.mean)[:_KEPT_OF_MAP]
        full = self._on_all([each.chain for each in top])
        table = [{"first": i, "last": j, "inputs": few.inputs, "mean": c.mean} for c in mapped for i, j in [_ends(c)]]
        return [base, *full], table

    def _pruned(self, influence: Sequence[float], base: Candidate) -> list[Candidate]:
        """ShortGPT: without the 1, 2, ... layers of the least influence, up to half of them."""
        order = sorted(range(len(influence)), key=lambda layer: influence[layer])
        kept = [sorted(order[dropped:]) for dropped in range(1, len(order) // 2 + 1)]
        return [base, *self._on_all([Chain(layers, self._space.num_layers) for layers in kept])]

    def _on_all(self, chains: Iterable[Chain]) -> list[Candidate]:
        """Each on all training inputs."""
        everything = replace(self._plan, first=len(self._train))
        return [race([chain], everything, self._rewards)[0] for chain in chains]

    def _report(self, chosen: dict[str, Candidate]) -> dict[str, Any]:
        tested = {name: self._verdicts(each.chain) for name, each in chosen.items()}
        base = tested["identity"]
        report = {}
        for name, candidate in chosen.items():
            right = sum(tested[name])
            both, only_base, only_chain, neither = paired_counts(base, tested[name])
            same = candidate.chain.is_identity  # compared with itself: there is nothing to estimate
            report[name] = {
                "chain": list(candidate.chain),
                "notation": str(candidate.chain),
                "depth": len(candidate.chain),
                "train": candidate.mean,
                "test": right / len(base),
                "test_interval": wilson(right, len(base)),
                "difference": (only_chain - only_base) / len(base),
                "difference_interval": None if same else newcombe_paired(both, only_chain, only_base, neither),
                "mcnemar_p": None if same else mcnemar(only_base, only_chain),
            }
        return report

    def _verdicts(self, chain: Chain) -> list[bool]:
        """Right or wrong on each test input; with `verify` each is run alone, in a fixed shape."""
        alone = self._settings.controls.verify
        return [reward >= 1 for reward in self._evaluate([(chain, each) for each in self._test], alone=alone)]

    def _rewards(self, pairs: Sequence[tuple[Chain, int]]) -> list[float]:
        return self._evaluate([(chain, self._train[number]) for chain, number in pairs], alone=False)

    def _evaluate(self, pairs: Sequence[tuple[Chain, Example]], *, alone: bool) -> list[float]:
        keys = [(example.id, chain.layers, alone) for chain, example in pairs]
        fresh = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._memo}
        waiting = list(fresh.items())
        for start in range(0, len(waiting), self._settings.engine.per_call):
            part = waiting[start : start + self._settings.engine.per_call]
            rewards = self._run([pair for _, pair in part], alone=alone)
            lines: list[Line] = []
            for (key, _), reward in zip(part, rewards, strict=True):
                self._memo[key] = reward
                lines.append({"input": key[0], "chain": list(key[1]), "alone": alone, "reward": reward})
            self._journal.append(lines)
            self.done = len(self._memo)
        return [self._memo[key] for key in keys]

    def _run(self, pairs: Sequence[tuple[Chain, Example]], *, alone: bool) -> list[float]:
        requests = [request(self._task, example, chain) for chain, example in pairs]
        results = [self._runner.run_alone(each) for each in requests] if alone else self._runner.run(requests)
        return [
            self._reward(each, pair[1], result) for each, pair, result in zip(requests, pairs, results, strict=True)
        ]

    def _reward(self, asked: Request, example: Example, result: Result) -> float:
        if asked.expected is not None:
            return float(bool(result.matched))
        return shown_verdict(self._task, example, result).reward


def _ends(candidate: Candidate) -> tuple[int, int]:
    """First and last layer of the block that this chain runs twice."""
    looped = sorted(candidate.chain.looped)
    return looped[0], looped[-1]


def _line(example: Example, part: str) -> Line:
    return asdict(example) | {"choices": list(example.choices), "split": part}
