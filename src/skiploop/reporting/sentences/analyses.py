"""What the analyses say, in a few plain lines each. No torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def reading(result: dict[str, Any]) -> list[str]:
    """The lines for one result."""
    return _READERS[result["name"]](result)


def number(figure: dict[str, Any], digits: int = 2) -> str:
    """A figure with its interval, for people."""
    if figure["value"] is None:
        return "- (undefined)"
    text = f"{figure['value']:.{digits}f}"
    if figure["interval"] is None:
        return f"{text} (n {figure['n']})"
    low, high = figure["interval"]
    return f"{text} (95 %: {low:.{digits}f} to {high:.{digits}f}, n {figure['n']})"


def _difficulty(result: dict[str, Any]) -> list[str]:
    lines = []
    names = {"all": "all inputs", "base_wrong": "identity wrong", "found": "wrong, a chain found"}
    for name, group in result["groups"].items():
        lines.append(
            f"{names[name]}: mean evaluations to the first success {number(group['evaluations'], 1)}, censored at "
            f"{result['budget']}: {number(group['censored'])}"
        )
        if name != "all":
            lines.append(
                f"  retest {number(group['retest'])}, of the mean of {result['settings']['seeds']} seeds "
                f"{number(group['spearman_brown'])}; with the level {number(group['level'])}"
            )
    return lines


def _edits(result: dict[str, Any]) -> list[str]:
    corrected, shorter, counted = result["corrected"], result["shorter"], result["counted"]
    effects = result["effects"]
    return [
        f"corrected: {corrected['n']} inputs, {corrected['one_edit']} by one edit; "
        f"edits {number(corrected['edits'], 1)}, in a minimal sufficient set {number(corrected['minimal'], 1)}",
        f"  of chains with several edits: necessary {number(corrected['necessity'])}, sufficient alone "
        f"{number(corrected['sufficiency'])} (chains were found on the same inputs: no evidence of an effect)",
        f"shorter and right: {shorter['n']} inputs, {shorter['one_edit']} by one edit; of the others right with the "
        f"edit alone {number(shorter['alone'])}, wrong without it {number(shorter['needed'])}",
        f"over all {result['n']} inputs, {len(effects)} single edits, corrected for their number: "
        f"help {', '.join(counted['helps']) or 'none'}; hurt {', '.join(counted['hurts']) or 'none'}",
    ]


def _robustness(result: dict[str, Any]) -> list[str]:
    names = {
        "best_corrected": "best chains, corrected inputs",
        "found_corrected": "any right chain of the search, corrected inputs",
        "best_shorter": "best chains, right inputs",
        "random": "random right chains",
        "identity_right": "identity, right inputs",
        "identity_corrected": "identity, corrected inputs",
    }
    lines = [
        f"{text}: mean reward of neighbours {number(result[name]['reward'])}, of random chains "
        f"{number(result[name]['chance'])}, depth {result[name]['depth']:.1f}"
        for name, text in names.items()
        if result[name]["depth"] is not None
    ]
    return [
        *lines,
        *(
            f"{name.replace('_', ' less ')}, same inputs: {number(figure)}"
            for name, figure in result["differences"].items()
        ),
    ]


def _similarity(result: dict[str, Any]) -> list[str]:
    phases = ", ".join(f"{first}-{last}" for first, last in result["phases"]["phases"])
    clear = "more" if result["phases"]["clear"] else "no more"
    return [
        f"phases {phases}: {clear} than an uneven drift from layer to layer (gain {number(result['phases']['gain'])}, "
        f"drift reaches {result['phases']['reference']:.2f})",
        f"Block Influence and the drop when a layer is skipped: {result['prior']['verdict']} "
        f"({result['prior']['reason']})",
        f"  with the drop of the reward: {number(result['prior']['reward'])}",
    ]


def _lens(result: dict[str, Any]) -> list[str]:
    lines = []
    for name, group in result["groups"].items():
        if group["n"]:
            last = {key: group["curves"][key][-1] for key in ("gold_probability", "gold_rank")}
            lines.append(
                f"{name.replace('_', ' ')}: {group['n']} inputs, turn at {number(group['turn'])} of the chain; "
                f"at its end p(gold) {number(last['gold_probability'])}, rank of gold {number(last['gold_rank'])}"
            )
    lines.append(f"turn of the best chain less that of the identity, corrected: {number(result['turn_difference'])}")
    for row in result["letters"] or []:
        low, high = row["interval"]
        lines.append(
            f"option {row['letter']}: chosen {row['predicted']:.2f}, right {row['gold']:.2f}, difference "
            f"{row['difference']:+.2f} (95 %: {low:+.2f} to {high:+.2f})"
        )
    return lines


_READERS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "difficulty": _difficulty,
    "edits": _edits,
    "robustness": _robustness,
    "similarity": _similarity,
    "lens": _lens,
}
