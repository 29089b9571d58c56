"""Is what an earlier layer says right more often? Exits on a task, each against the model as it is.

    python benchmarks/exits.py --limit 400                                              # nano, generated answers
    python benchmarks/exits.py --model smollm2 --task arc-easy --shots 3 --limit 300    # options scored

Of each exit: its accuracy, the paired difference to the identity with Newcombe's interval, slots up to the exit in the
mean, and how many tokens were read off before the last slot. All slots are run, see `skiploop.models.exits`: the depth
is what could be saved at most, not what is. Where options are scored, each token of an option is read off where the
exit says, the option with the highest sum of log-likelihoods (acc) or the highest per character (acc_norm) counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from skiploop import LayeredModel
from skiploop.models.exits import Exits, parse_exit, run_exit
from skiploop.models.recorded_calls import head
from skiploop.models.states import states_after_slots
from skiploop.stats import numbers
from skiploop.studies.paired import paired
from skiploop.tasks import Example, Task, make_task

EXITS = ("confident:2", "confident:4", "confident:10", "halt:.5", "halt:.8", "halt:.9", "halt:.95", "halt:.99")


@dataclass
class Found:
    """What an exit came to.

    Attributes:
        right: by metric, of each input.
        exits: where tokens were read off.
    """

    exits: Exits
    right: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, verdicts: dict[str, bool]) -> None:
        for name, right in verdicts.items():
            self.right.setdefault(name, []).append(right)


def generated(model: LayeredModel, task: Task, rules: Sequence[str]) -> dict[str, Found]:
    """Texts of each exit, judged; the identity is the exit that looks at the last slot alone."""
    found: dict[str, Found] = {}
    for name in track(["identity", *rules], "exits", console=Console(stderr=True)):
        rule = parse_exit("confident:1" if name == "identity" else name)
        found[name] = Found(Exits(model.num_layers))
        for example in task.examples:
            with torch.inference_mode(), run_exit(model.hf, model.identity, rule) as exits:
                text = model._generate([example.prompt], {"max_new_tokens": task.max_new_tokens, "stop": task.stop})[0]
            found[name].exits.taken.update(exits.taken)
            found[name].add({"accuracy": task.judge_text(example, text).reward >= 1})
    return found


def scored(model: LayeredModel, task: Task, rules: Sequence[str]) -> dict[str, Found]:
    """Options, whose log-likelihoods under all exits come from one pass."""
    asked = {"identity": parse_exit("confident:1"), **{name: parse_exit(name) for name in rules}}
    found = {name: Found(Exits(model.num_layers)) for name in asked}
    for example in track(task.examples, "inputs", console=Console(stderr=True)):
        sums: dict[str, list[float]] = {name: [] for name in asked}
        for text in task.continuations(example):
            entropies, gold, vocabulary = _slots(model, example, text)
            for name, rule in asked.items():
                looked_at = rule.looked_at(model.num_layers)
                chosen = looked_at[0] + rule.choose(entropies[looked_at.start :], vocabulary)
                found[name].exits.taken.update(chosen.tolist())
                sums[name].append(float(gold.gather(0, chosen[None]).sum()))
        for name, each in sums.items():
            lengths = [len(choice) for choice in example.choices]
            found[name].add({
                "acc": int(np.argmax(each)) == example.gold,
                "acc_norm": int(np.argmax(np.array(each) / lengths)) == example.gold,
            })  # fmt: skip
    return found


def _slots(model: LayeredModel, example: Example, text: str) -> tuple[torch.Tensor, torch.Tensor, int]:
    """After each slot and for each token of an option: entropy, and log-likelihood of the token, [L, T] both."""
    prompt, answer = model.encode_pair(example.prompt, text)
    places = list(range(len(prompt) - 1, len(prompt) + len(answer) - 1))
    states = states_after_slots(model, [*prompt, *answer], model.identity, places)[1:]
    with torch.inference_mode():
        logs = head(model.hf, states.flatten(0, 1)).float().log_softmax(-1).view(*states.shape[:2], -1)
        gold = logs.gather(2, torch.tensor(answer, device=logs.device)[None, :, None].expand(len(logs), -1, 1))[..., 0]
        return -(logs.exp() * logs).sum(-1), gold, logs.shape[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--task", default="nano")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--shots", type=int, default=0)
    parser.add_argument("--shots-from", default=None)
    parser.add_argument("--prompt", default=None)
    parser.add_argument("--exits", nargs="*", default=EXITS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    model = LayeredModel.from_pretrained(args.model)
    options = {"shots": args.shots, "shots_from": args.shots_from, "prompt": args.prompt}
    task = make_task(args.task, **{name: value for name, value in options.items() if value})
    task = task.deduplicated().limit(args.limit).for_model(model.chat)
    found = (scored if task.scores_options else generated)(model, task, args.exits)
    lines = []
    for name, each in found.items():
        total, last = sum(each.exits.taken.values()), each.exits.taken[model.num_layers - 1]
        line = {"exit": name, "depth": each.exits.mean_depth, "early": 1 - last / total, "metrics": {}}
        for metric, right in each.right.items():
            gap = paired(right, found["identity"].right[metric]).difference
            line["metrics"][metric] = {"right": sum(right) / len(right), "gap": gap.value, "interval": gap.interval}
        lines.append(line)
    if args.json:
        print(json.dumps({"model": model.name, "task": task.name, "inputs": len(task), "exits": lines}))
        return
    table = Table("exit", "metric", "right", "less identity", "95 %", "slots", "tokens read off early")
    for line in lines:
        for metric, value in line["metrics"].items():
            table.add_row(
                line["exit"], metric, f"{value['right']:.1%}", f"{100 * value['gap']:+.1f}",
                numbers.interval(value["interval"], "points"), f"{line['depth']:.2f}", f"{line['early']:.1%}",
            )  # fmt: skip
    console = Console()
    console.print(f"{model.name} on {task.name}: {len(task)} inputs, {model.num_layers} layers")
    console.print(table)


if __name__ == "__main__":
    main()
