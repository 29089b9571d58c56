"""How a study grows with workers: what the driver can merge, 1 to 256 simulated workers, what a large study costs.

    python benchmarks/scale.py driver                      # for real: reports handled, journals merged, figures made
    python benchmarks/scale.py simulate                    # in simulated time, with the product's own dispatcher
    python benchmarks/scale.py cost                        # hours and money of 10,000 inputs x 200 evaluations at 8B
    python benchmarks/scale.py workers --limit 60          # for real: one and two workers of one thread, on nano

Simulated workers take as long for an input as nano's inputs really took, scaled to a mean; they open a model first, and
are lost at random. Every assumption is a flag.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from skiploop.distributed.chunks import Chunk, cut, suitable_size
from skiploop.distributed.dispatch import Advanced, Dispatcher, Event, Finished, Lost, Ready
from skiploop.distributed.worker import ChunkReport, Preparation
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.execution import Execution
from skiploop.studies.figures import search_figures
from skiploop.studies.lines import read_evaluations
from skiploop.studies.merge import merge_journals
from skiploop.studies.prepared import PreparedSearch, prepare
from skiploop.studies.results import collect
from skiploop.studies.settings import StudySettings
from skiploop.studies.spread import JobStep
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, fake_task

HOUR = 3600.0


class SimulatedCrew:
    """Workers in simulated time, see `skiploop.distributed.dispatch.Crew`.

    Args:
        seconds: that each input takes.
        args: `load`, seconds to open the model; `lifetime`, hours until a worker is lost, in the mean; `rounds` of a
            chunk, of which the one at hand is lost with a worker; `replay`, share of its time that a round takes again
            when a chunk is taken over.
        rng: of the losses.
    """

    def __init__(self, seconds: list[float], args: argparse.Namespace, rng: random.Random) -> None:
        self.clock = 0.0
        self.redone = 0.0  # seconds of work that was lost, or replayed
        self._seconds, self._args, self._rng = seconds, args, rng
        self._events: list[tuple[float, int, Event]] = []
        self._ends: dict[int, float] = {}
        self._done: Counter[Chunk] = Counter()
        self._hired = self._number = 0

    def begin(self, out: Path, run: dict[str, Any]) -> None:
        """Nothing is written."""

    def hire(self) -> int:
        """A worker, which may be lost before it is ready."""
        self._hired += 1
        self._ends[self._hired] = self.clock + self._rng.expovariate(1 / (self._args.lifetime * HOUR))
        self._schedule(self._hired, self._args.load, Ready(self._hired, Preparation({}, [])))
        return self._hired

    def give(self, worker: int, chunk: Chunk) -> None:
        """All rounds of a chunk that aren't done, or as many as the worker lives to see."""
        each = sum(self._seconds[chunk.first : chunk.last]) / self._args.rounds
        replay = self._done[chunk] * each * self._args.replay
        self.redone += replay
        at = replay
        for number in range(self._done[chunk] + 1, self._args.rounds + 1):
            if self.clock + at + each > self._ends[worker]:
                self.redone += max(0.0, self._ends[worker] - self.clock - at)
                self._schedule(worker, at + each, Finished(worker))  # it is lost before
                return
            at += each
            self._done[chunk] = number
            self._schedule(worker, at, Advanced(worker, ChunkReport(JobStep(number, self._args.rounds, 0.5), number)))
        self._schedule(worker, at, Finished(worker))

    def dismiss(self, worker: int) -> None:
        """Ends a worker."""
        self._ends.pop(worker, None)

    def next(self) -> Event:
        """What happens next, whenever that is."""
        while True:
            self.clock, _, event = heapq.heappop(self._events)
            if event.worker in self._ends:
                if isinstance(event, Lost):
                    del self._ends[event.worker]
                return event

    def _schedule(self, worker: int, after: float, event: Event) -> None:
        at, end = self.clock + after, self._ends[worker]
        if at > end:
            at, event = end, Lost(worker, "simulated")
        self._number += 1
        heapq.heappush(self._events, (at, self._number, event))


def simulate(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of 1, 2, 4 ... 256 workers."""
    measured = measured_seconds(args)
    rng = random.Random(args.seed)
    scale = args.seconds_per_input / statistics.mean(measured)
    seconds = [rng.choice(measured) * scale for _ in range(args.inputs)]
    rows = []
    for workers in (2**power for power in range(9)):
        crew = SimulatedCrew(seconds, args, random.Random(args.seed))
        dispatcher = Dispatcher(crew, workers, lambda text: None)
        begun, size, reports = time.process_time(), suitable_size(args.inputs, workers), list[int]()
        dispatcher.first()
        dispatcher.run(cut(args.inputs, size), lambda chunk, report, into=reports: into.append(1), lambda chunk: None)
        spent = time.process_time() - begun
        rows.append(
            {
                "workers": workers,
                "chunk": size,
                "hours": crew.clock / HOUR,
                "speedup": sum(seconds) / crew.clock,
                "efficiency": sum(seconds) / crew.clock / workers,
                "workers lost": dispatcher.lost,
                "done again": crew.redone / sum(seconds),
                "driver us per report": spent / len(reports) * 1e6,
            }
        )
    return rows


def measured_seconds(args: argparse.Namespace) -> list[float]:
    """What inputs of nano take, each by itself."""
    if args.times is not None:
        times: list[float] = json.loads(args.times.read_text())
        return times
    import torch

    from skiploop.studies.opening import open_model, open_task
    from skiploop.studies.search import search
    from skiploop.tasks import Subset

    torch.set_num_threads(1)
    settings = StudySettings().changed(budget=args.budget)
    model, task = open_model("nano", settings.engine), open_task("nano", {})
    found = []
    for example in task.limit(args.measured).examples:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.process_time()
            search(model, Subset(task, (example,)), out=Path(folder) / "one", settings=settings)
            found.append(time.process_time() - begun)
    return found


def driver(args: argparse.Namespace) -> list[dict[str, Any]]:
    """What the driver really does with the output of workers: their reports, their journals, the figures."""
    settings = StudySettings().changed(budget=args.budget, searcher="random", control=False)
    prepared = prepare(FakeModel(), fake_task(args.inputs), None, settings, Execution(FakeRunner()))
    folder = Path(tempfile.mkdtemp())
    try:
        chunks = cut(args.inputs, args.chunk)
        journals = [folder / f"{chunk.first:06}.jsonl" for chunk in chunks]
        for chunk, journal in zip(chunks, journals, strict=True):
            write_journal(journal, prepared, chunk, args)
        merging = _timed("reports handled, journals merged", lambda: _merged(folder, journals, chunks, args))
        rows = [merging]
        inputs, run = prepared.inputs, prepared.run
        lines = read_evaluations(folder, run, inputs)
        rows.append(_timed("journal read", lambda: len(read_evaluations(folder, run, inputs))))
        rows.append(_timed("figures computed", lambda: _figures(run, inputs, lines)))
        return rows
    finally:
        shutil.rmtree(folder)


def write_journal(place: Path, prepared: PreparedSearch, chunk: Chunk, args: argparse.Namespace) -> None:
    """What a worker would have written: each round of a chunk as a batch."""
    rng, journal = random.Random(chunk.first), JsonlJournal(place)
    names = [state.example.id for state in prepared.plan.states[chunk.first : chunk.last]]
    first = {"arm": "identity", "chain": list(range(LAYERS)), "reward": 0.0, "answer": "1", "text": "1"}
    journal.append([{"round": 0, "input": name} | first for name in names])
    for number in range(1, 1 + (args.budget - 1) // 4):
        batch = [
            {"round": number, "input": name, "arm": arm, "chain": [rng.randrange(LAYERS) for _ in range(args.depth)]}
            | {"reward": float(rng.random() < 0.1), "guide": round(rng.random(), 5)}
            for name in names
            for arm in ("search", "random", "nearby")
            for _ in range(4)
        ]
        journal.append(batch)


def _merged(folder: Path, journals: list[Path], chunks: list[Chunk], args: argparse.Namespace) -> int:
    free = argparse.Namespace(load=0.0, lifetime=1e9, rounds=1 + (args.budget - 1) // 4, replay=0.0)
    dispatcher = Dispatcher(SimulatedCrew([1.0] * args.inputs, free, random.Random(0)), 8, lambda text: None)
    dispatcher.first()
    dispatcher.run(chunks, lambda chunk, report: None, lambda chunk: None)
    return merge_journals(folder / "journal.jsonl", journals, 1024)


def _figures(run: dict[str, Any], inputs: list[dict[str, Any]], lines: list[dict[str, Any]]) -> int:
    search_figures(run, collect(run, inputs, lines), lines, complete=True, metrics={})
    return len(lines)


def _timed(what: str, work: Any) -> dict[str, Any]:
    """The best of three runs, by process time: other processes don't count."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        count = work()
        best = min(best, time.process_time() - begun)
    return {"what": what, "evaluations": count, "seconds": best, "evaluations per second": count / best}


def cost(args: argparse.Namespace) -> list[dict[str, Any]]:
    """GPU hours and money, by how an answer is judged."""
    arms = 3 + args.wrong  # search, random, nearby; the control where the identity is wrong
    evaluations = args.inputs * args.budget * arms
    size = args.parameters / args.measured_parameters
    rows_rate = args.rows * args.reached * args.bandwidth / (2 * args.parameters)  # two bytes of each parameter
    ways = {
        f"one forced pass, {args.tokens} tokens": args.score_rate * args.measured_tokens / args.tokens / size,
        f"{args.new_tokens} tokens generated, 16 rows": args.decode_rate / args.new_tokens / size,
        f"{args.new_tokens} tokens generated, {args.rows} rows": rows_rate / args.new_tokens,
    }
    searching = searcher_seconds(args) * args.inputs * (1 + args.wrong) / HOUR
    return [
        {
            "how an answer is judged": way,
            "evaluations": evaluations,
            "evaluations per second and GPU": rate,
            "GPU hours": evaluations / rate / HOUR,
            "dollars": evaluations / rate / HOUR * args.price,
            "searchers, CPU hours": searching,
            "hours on 64 GPUs": max(evaluations / rate, searching * HOUR) / HOUR / 64,
        }
        for way, rate in ways.items()
    ]


def searcher_seconds(args: argparse.Namespace) -> float:
    """What a searcher itself takes for one input, measured on the process's clock; the rewards are guides."""
    rng = random.Random(0)
    searcher = make_searcher(args.searcher, make_space("cola", args.layers), seed=0)
    begun, count = time.process_time(), 0
    while count < args.budget and (asked := searcher.ask(4)):
        for chain in asked:
            searcher.tell(chain, rng.random() / 2)
        count += len(asked)
    return time.process_time() - begun


def workers(args: argparse.Namespace) -> list[dict[str, Any]]:
    """One and two workers of one thread, in turn, on one cluster."""
    import ray

    from skiploop.distributed.settings import RaySettings
    from skiploop.distributed.spread import RaySpread
    from skiploop.studies.search import search

    settings = StudySettings().changed(limit=args.limit, budget=args.budget)
    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
    rows = []
    for count in args.order:
        with tempfile.TemporaryDirectory() as folder:
            out, load = Path(folder) / "study", os.getloadavg()[0]
            begun = time.monotonic()
            execution = Execution(spread=RaySpread(RaySettings(workers=count, chunk=args.chunk)))
            study = search("nano", "nano", out=out, settings=settings, execution=execution)
            wall = time.monotonic() - begun
            rows.append({"workers": count, "seconds": study.seconds, "with loading": wall, "load before": load})
    ray.shutdown()
    return rows


def show(rows: list[dict[str, Any]], title: str) -> None:
    """As a table."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="right" if isinstance(rows[0][name], float | int) else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console(width=160).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.3g}"


def parser() -> argparse.ArgumentParser:
    """All flags."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("what", choices=("driver", "simulate", "cost", "workers"))
    flags.add_argument("--inputs", type=int, default=None, help="10000; driver: 1000")
    flags.add_argument("--budget", type=int, default=None, help="evaluations of an input and arm: 200, else 20")
    flags.add_argument("--chunk", type=int, default=16)
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--depth", type=int, default=40, help="driver: slots of a chain")
    flags.add_argument("--times", type=Path, default=None, help="simulate: a JSON list of seconds of inputs")
    flags.add_argument("--measured", type=int, default=24, help="simulate: inputs of nano that are measured")
    flags.add_argument("--seconds-per-input", type=float, default=30.0, help="simulate: their mean is scaled to this")
    flags.add_argument("--load", type=float, default=120.0, help="simulate: seconds to open the model")
    flags.add_argument("--lifetime", type=float, default=24.0, help="simulate: mean hours until a worker is lost")
    flags.add_argument("--rounds", type=int, default=51, help="simulate: batches of a chunk")
    flags.add_argument("--replay", type=float, default=0.05, help="simulate: of a round, when it is replayed")
    flags.add_argument("--wrong", type=float, default=0.4, help="cost: share of inputs that the identity gets wrong")
    flags.add_argument("--parameters", type=float, default=7.6e9, help="cost: in the layers and the head")
    flags.add_argument("--measured-parameters", type=float, default=3.2e9, help="cost: of the model that was measured")
    flags.add_argument("--score-rate", type=float, default=1258.0, help="cost: evaluations a second, measured")
    flags.add_argument("--measured-tokens", type=float, default=64.0, help="cost: of each of these")
    flags.add_argument("--decode-rate", type=float, default=736.0, help="cost: tokens a second of 16 rows, measured")
    flags.add_argument("--tokens", type=int, default=128, help="cost: of a prompt with its answer")
    flags.add_argument("--new-tokens", type=int, default=200, help="cost: of a generated answer")
    flags.add_argument("--rows", type=int, default=128, help="cost: rows of a large decoding batch")
    flags.add_argument("--bandwidth", type=float, default=4.8e12, help="cost: bytes a second, of the GPU's memory")
    flags.add_argument("--reached", type=float, default=0.3, help="cost: share of it that is reached")
    flags.add_argument("--price", type=float, default=3.5, help="cost: dollars of a GPU hour")
    flags.add_argument("--searcher", default="gp", help="cost: whose own time is measured")
    flags.add_argument("--layers", type=int, default=36, help="cost: of the model")
    flags.add_argument("--limit", type=int, default=48, help="workers: inputs")
    flags.add_argument("--order", type=int, nargs="+", default=[1, 2, 1, 2], help="workers: numbers of them, in turn")
    flags.add_argument("--json", action="store_true")
    return flags


def main() -> None:
    """Measures what was asked for."""
    args = parser().parse_args()
    args.inputs = args.inputs or (1000 if args.what == "driver" else 10_000)
    args.budget = args.budget or (20 if args.what in ("workers", "simulate") else 200)
    rows = globals()[args.what](args)
    if args.json:
        print(json.dumps({"flags": {name: str(value) for name, value in vars(args).items()}, "rows": rows}, indent=2))
    else:
        show(rows, f"{args.what}, load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
