"""What a run shows and what it doesn't, in plain words. What isn't shown is said first and as loudly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from skiploop.reporting import numbers
from skiploop.reporting.numbers import STATIC_NAMES
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.whole import whole_limits, whole_shows, whole_verdict
from skiploop.stats.shares import mcnemar, newcombe_paired, paired_counts
from skiploop.studies.search import Study

_FEW = 100  # inputs below which a report says how wide intervals are


@dataclass(frozen=True, slots=True)
class Reading:
    """The plain-language summary of a run.

    Attributes:
        verdict: one sentence: was anything found beyond chance?
        shows: what the figures say.
        limits: what they don't say.
    """

    verdict: str
    shows: tuple[str, ...]
    limits: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def read_run_out(folder: RunFolder) -> Reading:
    """The reading of either kind of run."""
    return _static(folder) if folder.study is None else _study(folder, folder.study)


# Chains per input


def _study(folder: RunFolder, study: Study) -> Reading:
    summary = study.summary
    if not summary["inputs"]:
        return Reading("Nothing has been evaluated yet.", (), ())
    shows = (_control(summary), _oracle(summary), _peer(study), *whole_shows(folder), _shorter(summary))
    limits = (
        "" if study.complete else "The study isn't complete: all figures are of what was evaluated so far.",
        f"{numbers.share(summary['oracle_accuracy'])} is an oracle accuracy, no accuracy. To pick the right chain of "
        "an "
        "input one needs its gold answer. Which chain a model should run on a new input, this study doesn't say.",
        *whole_limits(folder),
        _near_misses(summary),
        _weak_peer(study),
        _prior(summary),
        _again(summary),
        _format(summary, folder),
        _few(summary),
        "“Not found” depends on the budget and the searcher. Depth isn't a speed: the whole budget was spent to find a "
        "chain.",
    )
    shown = summary["excess"] is not None and summary["excess_interval"][0] > 0
    verdict = whole_verdict(folder, _verdict(summary), shown)
    return Reading(verdict, tuple(filter(None, shows)), tuple(filter(None, limits)))


def _verdict(summary: Mapping[str, Any]) -> str:
    if summary["excess"] is None:
        if not summary["transitions"]["corrected"] + summary["transitions"]["still_wrong"]:
            return "The model gets every input right, so there was nothing to correct."
        return "Whether anything was found beyond chance was not tested: the run has no control."
    low, high = summary["excess_interval"]
    if low > 0:
        return "Beyond chance, chains reach right answers more often than arbitrary wrong ones."
    if high < 0:
        return "Nothing was found beyond chance: a wrong answer is hit even more often than the right one."
    return "Nothing was found beyond chance."


def _control(summary: Mapping[str, Any]) -> str:
    if summary["excess"] is None:
        return ""
    count = summary["control_inputs"]
    gap = numbers.points(summary["excess"], summary["excess_interval"])
    hit = f"the same search for a wrong answer hits that in {numbers.share(summary['control_hit_share'])}"
    low, high = summary["excess_interval"]
    if low > 0:
        tail = "The interval excludes 0: on some of these inputs chains lead to the right answer rather than to any."
    elif high < 0:
        tail = "The interval is below 0, so chains don't favour the right answer."
    else:
        tail = (
            "The interval includes 0: chains that vary the answer at random would look the same. "
            f"With {numbers.plural(count, 'input')} only large effects can be told from chance."
        )
    hit = f"On the {numbers.plural(count, 'input')} that the model gets wrong, {hit}"
    return f"{hit}. The right answer's excess: {gap}. {tail}"


def _oracle(summary: Mapping[str, Any]) -> str:
    return (
        f"The model as it is answers {numbers.share(summary['base_accuracy'], summary['base_accuracy_interval'])} "
        "right. "
        f"For {numbers.share(summary['oracle_accuracy'], summary['oracle_accuracy_interval'])} of the inputs some "
        "chain "
        f"out of at most {summary['budget']} is right (oracle accuracy)."
    )


def _peer(study: Study) -> str:
    both = [each for each in study.inputs if "random" in each.arms]
    if not both:
        return ""
    pairs = paired_counts([each.search.right for each in both], [each.arms["random"].right for each in both])
    interval = newcombe_paired(*pairs)
    assert interval is not None
    gap = numbers.points((pairs.first - pairs.second) / len(both), interval)
    p = mcnemar(pairs.first, pairs.second)
    text = (
        f"Random chains at the same budget reach {numbers.share(study.summary['random_oracle_accuracy'])}; the "
        "search's "
        f"lead is {gap}, McNemar's exact p {'' if p < 0.001 else '= '}{numbers.value(p, 'p')}."
    )
    shown = interval[0] > 0 or interval[1] < 0
    return text if shown else f"{text} No difference between the search and random chains is shown."


def _shorter(summary: Mapping[str, Any]) -> str:
    if summary["shorter_share"] is None:
        return ""
    text = (
        f"Of the inputs that it gets right, {numbers.share(summary['shorter_share'])} are right with a shorter "
        "chain, too"
    )
    peer = summary["random_shorter_share"]
    return f"{text}." if peer is None else f"{text} (random chains: {numbers.share(peer)})."


def _near_misses(summary: Mapping[str, Any]) -> str:
    if summary["excess"] is None or summary["excess_interval"][0] <= 0:
        return ""
    return (
        "The control's wrong answer is another option, or another input's answer. Where the model misses narrowly, the "
        "right answer is nearer to what it says anyway than that one, and vague chains favour it without any better "
        "reasoning. This control can't tell the two apart."
    )


def _weak_peer(study: Study) -> str:
    if study.summary["random_oracle_accuracy"] is None:
        return "" if study.summary["searcher"] == "random" else "There is no random peer: what luck finds isn't known."
    if study.summary["space"] != "cola":
        return ""
    stronger = "those near the identity are the stronger one" if study.summary["nearby_difference"] else (
        "the control is the stronger one"
    )  # fmt: skip
    return (
        "In the space “cola” uniform random chains are long and far from the identity, so that they are a weak "
        f"opponent; {stronger}."
    )


def _prior(summary: Mapping[str, Any]) -> str:
    penalty = summary["searcher_settings"].get("length_penalty", 0)
    if not penalty:
        return ""
    return (
        f"The searcher subtracts {penalty:g} × depth / layers from a chain's value, so it prefers short chains before "
        "it has seen any reward. That shorter chains are found is partly what was asked for."
    )


def _again(summary: Mapping[str, Any]) -> str:
    if not summary["verified"]:
        return "Claimed successes were not run again alone, so some may owe themselves to rounding in a batch."
    return (
        f"Run again alone, {summary['flips']} of {summary['verified']} claimed successes were wrong and don't count "
        f"(flip rate {numbers.share(summary['flip_rate'])})."
    )


def _format(summary: Mapping[str, Any], folder: RunFolder) -> str:
    failures = summary["format_failures"]
    if failures is None:
        moved = "" if "options" in folder.figures else "; option positions were not permuted"
        return f"An option is always chosen, so there are no unreadable answers{moved}."
    if not failures:
        return "No base error is an unreadable answer, so no correction is a repair of the format alone."
    return (
        f"{failures} of the model's errors are no readable answer at all; chains “correct” "
        f"{summary['format_failures_corrected']} of these. That repairs the format, not the reasoning."
    )


def _few(summary: Mapping[str, Any]) -> str:
    count = summary["inputs"]
    low, high = summary["oracle_accuracy_interval"]
    if count >= _FEW:
        return ""
    return (
        f"There are {numbers.plural(count, 'input')}: the oracle accuracy alone is uncertain from {100 * low:.0f} to "
        f"{100 * high:.0f} %, and parts of the inputs much more."
    )


# One chain for all inputs


def _static(folder: RunFolder) -> Reading:
    summary = folder.summary
    chosen = summary["chosen"]
    row, base = chosen["search"], chosen["identity"]
    shows = [
        f"The model as it is answers {numbers.share(base['test'], base['test_interval'])} of the "
        f"{numbers.plural(summary['test_inputs'], 'test input')} right.",
        *(_static_line(STATIC_NAMES.get(name, name), each) for name, each in chosen.items() if name != "identity"),
    ]
    limits = (
        "These are accuracies: no gold answer is needed when such a chain is used, and it was chosen on other inputs.",
        f"The choice was made on {numbers.plural(summary['train_inputs'], 'training input')}; with few of them a "
        "better "
        "chain may be missed and a worse one taken.",
        "Several chains are tested on the same inputs, and p isn't corrected for that.",
        "Whether it carries over to another task or another prompt was not tested.",
    )
    return Reading(_static_verdict(row, base), tuple(shows), limits)


def _static_verdict(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    calls = f"at {row['depth']} layer calls instead of {base['depth']}"
    if row["difference_interval"] is None:
        return "Nothing was found: no chain that was tried was better than the identity on the training inputs."
    low, high = row["difference_interval"]
    if low > 0:
        return f"The chain that was found is more accurate than the identity on inputs it wasn't chosen on, {calls}."
    if high < 0:
        return f"The chain that was found is less accurate than the identity on inputs it wasn't chosen on, {calls}."
    return f"No difference to the identity is shown on inputs that the chain wasn't chosen on, {calls}."


def _static_line(name: str, row: Mapping[str, Any]) -> str:
    if row["difference_interval"] is None:
        return f"Chosen by {name}: the identity itself."
    gap = numbers.points(row["difference"], row["difference_interval"])
    p = row["mcnemar_p"]
    return (
        f"Chosen by {name}: {row['notation']}, test accuracy {numbers.share(row['test'])}, {gap} to the identity, p "
        f"{'' if p < 0.001 else '= '}{numbers.value(p, 'p')}."
    )
