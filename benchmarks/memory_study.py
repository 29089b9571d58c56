"""Does `--memory` help a study? Right chains found where the identity is wrong, beside a cold start and a list.

    python benchmarks/memory_study.py runs/memory                          nano, 300 inputs, about 20 minutes
    python benchmarks/memory_study.py runs/memory --inputs 60 --budget 20

Four studies in that folder, which are resumed where they are there:

    earlier     the training split; only what `fixed` is made of
    cold        every input searched for itself
    fixed       a warm start: the chains that were right on the most inputs of `earlier`
    memory      the chains that helped on earlier inputs of the study itself, the most similar first

`found` is the share of inputs with a right chain, `excess` what is left of it after the control's share is taken off.
Differences are paired, with 95 % bootstrap intervals; `later half` are the inputs that memory came to last.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from skiploop.engine.open import open_runner
from skiploop.models.layered import LayeredModel
from skiploop.stats.measured import Measured, measured_mean
from skiploop.studies.evaluation import request, reward
from skiploop.studies.results import InputResult
from skiploop.studies.search import Study, search
from skiploop.tasks import Subset, make_task

COUNTS = (5, 10, 20, 50)


def wrong_inputs(model: LayeredModel, split: str, count: int) -> Subset:
    """The first inputs of a split of nano's task that the identity gets wrong."""
    task = make_task("nano", split=split)
    pool = task.for_model(model.chat)
    runner, _ = open_runner(model, engine="auto", batch_tokens=None)
    results = runner.run([request(pool, example, model.identity) for example in pool.examples])
    pairs = zip(task.examples, pool.examples, results, strict=True)
    return Subset(task, tuple([given for given, asked, found in pairs if reward(pool, asked, found) < 1][:count]))


def found(result: InputResult, count: int, figure: str) -> float:
    """Whether a chain was right within so many evaluations; the excess takes the control's off."""
    right = float(result.search.right_within(count))
    return right if figure == "found" else right - float(result.arms["control"].right_within(count))


def difference(studies: dict[str, Study], other: str, count: int, figure: str, chosen: set[str]) -> Measured:
    """Memory minus another start, over the chosen inputs."""
    pairs = zip(studies["memory"].inputs, studies[other].inputs, strict=True)
    values = [
        found(first, count, figure) - found(second, count, figure)
        for first, second in pairs
        if first.example["id"] in chosen and "control" in first.arms
    ]
    return measured_mean(values)


def shown(measured: Measured) -> str:
    """A cell of the table."""
    if measured.value is None or measured.interval is None:
        return "all alike"
    return f"{measured.value:+.3f} ({measured.interval[0]:+.3f} to {measured.interval[1]:+.3f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the studies")
    parser.add_argument("--inputs", type=int, default=300)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--chains", type=int, default=10, help="that memory recalls; a list of a study has ten")
    args = parser.parse_args()
    model = LayeredModel.from_pretrained("nano")
    options: dict[str, Any] = {"budget": args.budget, "random_peer": False, "nearby_peer": False, "verify": False}
    earlier = wrong_inputs(model, "train", args.inputs // 2)
    search(model, earlier, out=args.out / "earlier", **options)
    inputs = wrong_inputs(model, "test", args.inputs)
    starts = {"cold": {}, "fixed": {"warm_start": args.out / "earlier"}, "memory": {"memory": args.chains}}
    studies = {name: search(model, inputs, out=args.out / name, **options, **start) for name, start in starts.items()}
    lines = map(json.loads, (args.out / "memory" / "embeddings.jsonl").read_text().splitlines())
    order = [line["input"] for line in lines if "input" in line]
    halves = {"all": set(order), "later half": set(order[len(order) // 2 :])}
    for figure in ("found", "excess"):
        for count in [count for count in COUNTS if count <= args.budget]:
            own = [found(each, count, figure) for each in studies["cold"].inputs if "control" in each.arms]
            print(f"{figure}, {count} evaluations: cold {sum(own) / len(own):.3f}, {len(own)} inputs")
            for half, chosen in halves.items():
                for other in ("cold", "fixed"):
                    measured = difference(studies, other, count, figure, chosen)
                    print(f"    memory - {other}, {half} ({measured.count}): {shown(measured)}", flush=True)


if __name__ == "__main__":
    main()
