"""What a study has found, from its journal alone: per input, and in sum. No torch.

Words: *right* is a reward of 1. The *best* chain of an input is the one with the highest reward, then the
shortest, then the first; where none is right it is the identity. An input's *transition* is one of

    right_shorter   the identity is right, and so is a shorter chain
    identity_best   the identity is right, and no shorter chain was found
    corrected       the identity is wrong, some chain is right
    still_wrong     the identity is wrong, and so is every chain that was tried

Every figure called *oracle* needs the gold answer to pick the chain. It isn't an accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skiploop.arms import ARMS, PEERS
from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.format_figures import format_figures
from skiploop.searchers import pareto
from skiploop.stats.shares import mcnemar, newcombe_paired, paired_counts, share, wilson
from skiploop.storage.files import Line

TRANSITIONS = ("right_shorter", "corrected", "still_wrong", "identity_best")


@dataclass(frozen=True, slots=True)
class ArmResult:
    """What one arm found for one input.

    Attributes:
        evaluations: (chain, reward) in order, the identity first.
        target: the wrong answer that a control was rewarded for.
    """

    evaluations: tuple[tuple[Chain, float], ...]
    target: str | None = None

    @property
    def best(self) -> tuple[Chain, float]:
        """Highest reward, then shortest, then first; the identity where nothing is right."""
        chain, reward = min(self.evaluations, key=lambda each: (-each[1], len(each[0])))
        return (chain, reward) if reward >= 1 else self.evaluations[0]

    @property
    def claims(self) -> list[Chain]:
        """The chains that are right, the best first."""
        right = [chain for chain, reward in self.evaluations if reward >= 1]
        return sorted(right, key=len)

    @property
    def right(self) -> bool:
        """Whether some chain reached the target."""
        return any(reward >= 1 for _, reward in self.evaluations)

    @property
    def hits(self) -> int:
        """How many chains other than the identity reached the target."""
        return sum(reward >= 1 for _, reward in self.evaluations[1:])

    @property
    def pareto(self) -> list[tuple[Chain, float]]:
        """The chains that no other beats in both reward and depth."""
        return pareto(self.evaluations)


@dataclass(frozen=True, slots=True)
class InputResult:
    """What a study found for one input.

    Attributes:
        example: the input's line in inputs.jsonl.
        answer: what the identity answered; None: nothing that can be read as an answer.
        text: what the identity generated, None where options were scored.
        arms: by name.
        reruns: its lines in verified.jsonl, where the right chains of each arm were run again, alone, the best first. A
            chain that was wrong there counts as wrong, so that the next best is run again, until one holds.
    """

    example: Line
    answer: str | None
    text: str | None
    arms: dict[str, ArmResult]
    reruns: tuple[Line, ...] = ()

    @property
    def verified(self) -> Line | None:
        """The line of the best chain, where it is right and was run again."""
        best = list(self.search.best[0])
        held = (line for line in self.reruns if line["target"] == "gold" and line["reward"] >= 1)
        return next((line for line in held if line["chain"] == best), None)

    def claims(self) -> list[tuple[str, list[Chain]]]:
        """What has to be run again: each arm with its right chains, the best first; the identity in any case."""
        identity = [self.search.evaluations[0][0]] if self.base_right else []
        return [("search", identity), *((name, arm.claims) for name, arm in self.arms.items())]

    @property
    def search(self) -> ArmResult:
        """The arm that the study is about."""
        return self.arms["search"]

    @property
    def base_right(self) -> bool:
        """Whether the pretrained model, as it is, answers right."""
        return self.search.evaluations[0][1] >= 1

    def transition(self, arm: str = "search") -> str:
        """One of `TRANSITIONS`."""
        result = self.arms[arm]
        if not self.base_right:
            return "corrected" if result.right else "still_wrong"
        return "right_shorter" if len(result.best[0]) < self.depth else "identity_best"

    @property
    def depth(self) -> int:
        """Of the identity."""
        return len(self.search.evaluations[0][0])


def collect(
    run: Mapping[str, Any], inputs: Sequence[Line], lines: Sequence[Line], verified: Sequence[Line] = ()
) -> list[InputResult]:
    """The results by input; inputs whose identity wasn't evaluated yet are left out."""
    num_layers, settings = run["model"]["num_layers"], run["settings"]
    # A study of an earlier version has no nearby peer.
    peers = [name for name in PEERS if settings.get(f"{name}_peer") and settings["searcher"] != name]
    always = ["search", *peers]
    own: dict[str, list[Line]] = {}
    for line in lines:
        own.setdefault(line["input"], []).append(line)
    again: dict[str, list[Line]] = {}
    for line in verified:
        again.setdefault(line["input"], []).append(line)
    return [
        _input_result(num_layers, example, own[example["id"]], always, tuple(again.get(example["id"], ())))
        for example in inputs
        if example["id"] in own
    ]


def _input_result(
    num_layers: int, example: Line, lines: list[Line], always: list[str], reruns: tuple[Line, ...]
) -> InputResult:
    refuted = [(line["target"], line["chain"]) for line in reruns if line["reward"] < 1]
    if refuted:
        lines = [
            line | {"reward": 0.0}
            if ("wrong" if line["arm"] == "control" else "gold", line["chain"]) in refuted
            else line
            for line in lines
        ]
    first, *rest = lines
    if first["arm"] != "identity":
        raise InvalidInput(f"the journal has no identity for the input {example['id']!r}; was it edited?")
    identity = Chain(first["chain"], num_layers)
    found = {arm: [(identity, first["reward"])] for arm in always}  # an arm of budget 1 has no lines
    targets: dict[str, str | None] = {}
    for line in rest:
        arm = line["arm"]
        start = [(identity, 0.0 if arm == "control" else first["reward"])]
        chain = Chain.unchecked(tuple(line["chain"]), num_layers)
        found.setdefault(arm, start).append((chain, line["reward"]))
        targets[arm] = line.get("target")
    arms = {name: ArmResult(tuple(found[name]), targets.get(name)) for name in ARMS if name in found}
    return InputResult(example, first["answer"], first.get("text"), arms, reruns)


def summarise(
    run: Mapping[str, Any], results: Sequence[InputResult], lines: Sequence[Line], *, complete: bool
) -> dict[str, Any]:
    """The figures of a study, ready for JSON; the same for every attempt that leads to the same journal."""
    settings = run["settings"]
    count = len(results)
    base = sum(result.base_right for result in results)
    oracle = sum(result.search.right for result in results)
    return {
        "complete": complete,
        "model": run["model"]["name"],
        "task": run["task"]["name"],
        **{key: settings[key] for key in ("searcher", "searcher_settings", "space", "budget", "seed")},
        **figures(results),
        "base_accuracy_interval": wilson(base, count),
        "oracle_accuracy_interval": wilson(oracle, count),
        **_excess(results),
        **{f"{peer}_difference": difference(results, peer) for peer in PEERS},
        "evaluations": _evaluations(results, "search"),
        "evaluations_by_arm": {arm: _evaluations(results, arm) for arm in _arms(results)},
        "layer_calls": layer_calls(lines, canonical=run["task"]["scoring"] == "verbatim"),
        "right_chain_share": {arm: _hit_share(results, arm) for arm in _arms(results)},
        "right_chain_share_control_inputs": {
            arm: _hit_share(_with_control(results), arm) for arm in _arms(_with_control(results))
        },
        **_format_failures(results, scored=run["task"]["scoring"] in ("choice", "letter")),
        "format": format_figures(results, lines, scoring=run["task"]["scoring"]),
        **_verification(results),
        "by_level": _by(results, "level"),
        "by_family": _by(results, "family"),
    }


def figures(results: Sequence[InputResult]) -> dict[str, Any]:
    """The figures that are given in sum, by level and by family; None where there is nothing to count."""
    transitions = _transitions(results, "search")
    controls = _with_control(results)
    right = transitions["right_shorter"] + transitions["identity_best"]
    wrong = transitions["corrected"] + transitions["still_wrong"]
    count = len(results)
    return {
        "inputs": count,
        "base_accuracy": share(right, count),
        "oracle_accuracy": share(right + transitions["corrected"], count),
        "shorter_share": share(transitions["right_shorter"], right),
        "corrected_share": share(transitions["corrected"], wrong),
        "mean_base_depth": _mean([result.depth for result in results]),
        "mean_best_depth": _mean([len(result.search.best[0]) for result in results]),
        "transitions": transitions,
        "transition_shares": {name: share(part, count) for name, part in transitions.items()},
        **{name: value for peer in PEERS for name, value in _peer_figures(results, peer).items()},
        "control_inputs": len(controls),
        "control_hit_share": share(sum(result.arms["control"].right for result in controls), len(controls)),
    }


def _peer_figures(results: Sequence[InputResult], peer: str) -> dict[str, Any]:
    moves = _transitions(results, peer)
    count = sum(moves.values())
    return {
        f"{peer}_oracle_accuracy": share(count - moves["still_wrong"], count),
        f"{peer}_shorter_share": share(moves["right_shorter"], moves["right_shorter"] + moves["identity_best"]),
        f"{peer}_corrected_share": share(moves["corrected"], moves["corrected"] + moves["still_wrong"]),
        f"{peer}_mean_best_depth": _mean([len(result.arms[peer].best[0]) for result in results if peer in result.arms]),
    }


def difference(results: Sequence[InputResult], peer: str) -> dict[str, Any] | None:
    """Oracle accuracy of the search minus that of a peer on the same inputs, with Newcombe's interval."""
    pairs = [(result.search.right, result.arms[peer].right) for result in results if peer in result.arms]
    if not pairs:
        return None
    counts = paired_counts([first for first, _ in pairs], [second for _, second in pairs])
    return {
        "oracle_accuracy": share(counts.first - counts.second, len(pairs)),
        "interval": newcombe_paired(*counts),
        "mcnemar_p": mcnemar(counts.first, counts.second),
    }


def layer_calls(lines: Sequence[Line], *, canonical: bool) -> int:
    """Layers run on one sequence each: the depths of all chains that had to be run, summed.

    A chain that several arms ask for on one input is run once, except where the engine is only asked whether
    one particular answer comes out: then the control's is a run of its own. What the engine spares by
    sharing prefixes, and what it spends on several options or tokens, isn't in it (see timing.json).
    """
    distinct = {(line["input"], tuple(line["chain"]), canonical and line["arm"] == "control") for line in lines}
    return sum(len(chain) for _, chain, _ in distinct)


def _excess(results: Sequence[InputResult]) -> dict[str, Any]:
    """How much oftener the search finds the right answer than a particular wrong one, on the same inputs."""
    cells = [
        (result.search.right, result.arms["control"].right) for result in _with_control(results)
    ]  # all of them are inputs that the identity gets wrong
    both, first, second = cells.count((True, True)), cells.count((True, False)), cells.count((False, True))
    interval = newcombe_paired(both, first, second, cells.count((False, False)))
    return {"excess": share(first - second, len(cells)), "excess_interval": interval}


def _with_control(results: Sequence[InputResult]) -> list[InputResult]:
    return [result for result in results if "control" in result.arms]


def _format_failures(results: Sequence[InputResult], *, scored: bool) -> dict[str, Any]:
    """Base errors that are no readable answer at all, and how many of those some chain corrects."""
    if scored:  # an option is always chosen
        return {"format_failures": None, "format_failures_corrected": None}
    failed = [result for result in results if not result.base_right and result.answer is None]
    corrected = sum(result.search.right for result in failed)
    return {"format_failures": len(failed), "format_failures_corrected": corrected}


def _verification(results: Sequence[InputResult]) -> dict[str, Any]:
    """How many claimed successes were run again, alone, and how many of them were wrong there and don't count."""
    reruns = [line for result in results for line in result.reruns]
    flips = sum(line["reward"] < 1 for line in reruns)
    return {
        "verified": len(reruns),
        "flips": flips if reruns else None,
        "flip_rate": share(flips, len(reruns)),
    }


def _by(results: Sequence[InputResult], field: str) -> list[dict[str, Any]]:
    order: Callable[[Any], tuple[bool, Any]] = lambda value: (value is None, value)  # noqa: E731
    values = sorted({result.example[field] for result in results}, key=order)
    return [
        {field: value, **figures([result for result in results if result.example[field] == value])} for value in values
    ]


def _transitions(results: Sequence[InputResult], arm: str) -> dict[str, int]:
    found = [result.transition(arm) for result in results if arm in result.arms]
    return {name: found.count(name) for name in TRANSITIONS}


def _arms(results: Sequence[InputResult]) -> list[str]:
    return [name for name in ARMS if any(name in result.arms for result in results)]


def _evaluations(results: Sequence[InputResult], arm: str) -> int:
    return sum(len(result.arms[arm].evaluations) for result in results if arm in result.arms)


def _hit_share(results: Sequence[InputResult], arm: str) -> float | None:
    own = [result.arms[arm] for result in results if arm in result.arms]
    return share(sum(each.hits for each in own), sum(len(each.evaluations) - 1 for each in own))


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None
