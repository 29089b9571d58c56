"""The figures of a study, from the results of its inputs. No torch.

Every figure called *oracle* needs the gold answer to pick the chain. It isn't an accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skiploop.stats.shares import mcnemar, newcombe_paired, paired_counts, share, wilson
from skiploop.storage.files import Line
from skiploop.studies.arms import ARMS, PEERS
from skiploop.studies.format_failures import format_figures
from skiploop.studies.results import TRANSITIONS, InputResult


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
        **{key: settings["search"][key] for key in ("searcher", "searcher_settings", "budget", "seed")},
        "space": settings["space"]["name"],
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
