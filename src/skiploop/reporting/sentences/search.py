"""What a search with chains for each input shows, and what qualifies it."""

from __future__ import annotations

from collections.abc import Iterator

from skiploop.reporting.names import ARM_NAMES
from skiploop.stats import numbers
from skiploop.studies.figures import SearchFigures
from skiploop.studies.format_failures import FormatFigures

_FEW = 100  # inputs below which intervals are so wide that it is said


def conclusion(figures: SearchFigures) -> str:
    """Was anything found beyond chance?"""
    excess = figures.control.excess
    if excess.interval is None:
        if not figures.transitions.wrong:
            return "The model gets every input right, so there was nothing to correct."
        return "Whether anything was found beyond chance was not tested: the run has no control."
    low, high = excess.interval
    if low > 0:
        return "Beyond chance, chains reach right answers more often than arbitrary wrong ones."
    if high < 0:
        return "Nothing was found beyond chance: a wrong answer is hit even more often than the right one."
    return "Nothing was found beyond chance."


def accuracies(figures: SearchFigures) -> str:
    """The identity's accuracy beside the search's oracle accuracy."""
    return (
        f"The identity has an accuracy of {numbers.share_of(figures.base_accuracy)} on "
        f"{numbers.plural(figures.inputs, 'input')}; the search has an oracle accuracy of "
        f"{numbers.share_of(figures.oracle_accuracy)} at {spent(figures)}."
    )


def spent(figures: SearchFigures) -> str:
    """The budget of an arm."""
    if figures.shared is None:
        return f"{figures.budget} evaluations an input"
    return f"{figures.shared.total_budget:,} evaluations of all inputs together, at most {figures.budget} of one"


def at_equal_evaluations(figures: SearchFigures) -> Iterator[str]:
    """The second way of counting where inputs share a budget, in one sentence."""
    if figures.shared is None or not figures.shared.at_equal_evaluations:
        return
    gaps = [
        f"{numbers.points_of(found.difference.difference)} against {ARM_NAMES[arm]}"
        for arm, found in figures.shared.at_equal_evaluations.items()
    ]
    yield (
        "The budget was shared between the inputs, so arms are compared at equal totals. Cut to equal evaluations on "
        f"each input, the search has a lead of {', '.join(gaps)}."
    )


def by_metric(figures: SearchFigures) -> Iterator[str]:
    """The identity by every metric of options, in one sentence."""
    shares = [
        f"{name} {numbers.share(found.value)}{' (which decides here)' if name == figures.metric else ''}"
        for name, found in figures.base_by_metric.items()
    ]
    if shares:
        yield f"The identity's accuracy by each metric of options: {', '.join(shares)}."


def oracle(figures: SearchFigures) -> str:
    """What an oracle accuracy is not."""
    return (
        f"{numbers.share(figures.oracle_accuracy.value)} is an oracle accuracy: picking the chain takes the gold "
        "answer, so it is not an accuracy."
    )


def lead(figures: SearchFigures) -> Iterator[str]:
    """The search against the baselines that were run, in one sentence."""
    gaps = {ARM_NAMES[arm]: peer.difference.difference for arm, peer in figures.peers.items()}
    if not gaps:
        return
    better = [name for name, gap in gaps.items() if numbers.ends(gap)[0] > 0]
    others = [name for name in gaps if name not in better]
    shares = ", ".join(f"{numbers.points_of(gap)} against {name}" for name, gap in gaps.items())
    if not better:
        yield f"The search isn't shown to beat {' or '.join(others)}: {shares}."
    elif others:
        yield (
            f"The search finds right chains for more inputs than {better[0]}, but isn't shown to beat {others[0]}: "
            f"{shares}."
        )
    else:
        yield f"The search finds right chains for more inputs than {' and '.join(better)}: {shares}."


def shorter(figures: SearchFigures) -> Iterator[str]:
    """Right answers that need fewer layers."""
    if figures.shorter_share.value is None:
        return
    random = figures.peers.get("random")
    beside = "" if random is None else f" (random chains: {numbers.share(random.shorter_share.value)})"
    yield (
        f"Of the inputs that the identity gets right, {numbers.share(figures.shorter_share.value)} are also right with "
        f"a shorter chain{beside}."
    )


def weak_baseline(figures: SearchFigures) -> Iterator[str]:
    """What beating random chains is worth."""
    if "random" not in figures.peers:
        if figures.searcher != "random":
            yield "There is no random baseline: what luck alone finds isn't known."
    elif figures.space == "cola":
        stronger = "nearby chains" if "nearby" in figures.peers else "the control"
        yield (
            "In the space “cola”, random chains are long and far from the identity, so they are easy to beat; the "
            f"harder test is {stronger}."
        )


def prior(figures: SearchFigures) -> Iterator[str]:
    """A searcher that is biased to short chains."""
    penalty = figures.searcher_settings.get("length_penalty", 0)
    if penalty:
        yield (
            f"The searcher subtracts {penalty:g} × depth / layers from a chain's value, so it prefers short chains "
            "before it has seen any reward. Shorter chains are partly what it was told to find."
        )


def reruns(figures: SearchFigures) -> str:
    """Claims that were verified, and those that failed."""
    again = figures.verification
    if not again.reruns:
        return "Claims were not re-run alone, so some may be rounding artefacts of a batch."
    failed = "none failed" if not again.flips else (
        f"{again.flips:,} failed and {'does' if again.flips == 1 else 'do'} not count"
    )  # fmt: skip
    rate = numbers.share(again.flip_rate)
    return f"Of {numbers.plural(again.reruns, 'claim')} re-run alone, {failed} (flip rate {rate})."


def unreadable(figures: SearchFigures, *, options_moved: bool) -> str:
    """Corrections that may repair the format alone."""
    failures = figures.format_failures
    if failures is None:
        moved = "" if options_moved else "; options were not moved"
        return f"An option is always chosen, so every answer is readable{moved}."
    if not failures.errors:
        return "Every wrong answer of the identity is readable, so no correction repairs the format alone."
    return (
        f"Of the identity's wrong answers, {failures.errors:,} are unreadable; chains correct {failures.corrected:,} "
        "of these, which repairs the format, not the reasoning."
    )


def repaired(form: FormatFigures | None) -> Iterator[str]:
    """The same, of the corrected inputs."""
    if form is not None and (form.corrected_unparsable_before or form.corrected_echo_before):
        yield (
            f"Of {numbers.plural(form.corrected, 'corrected input')}, {form.corrected_unparsable_before:,} had no "
            f"readable answer before and {form.corrected_echo_before:,} echoed the prompt: there a chain may have "
            "repaired the format alone."
        )


def few(figures: SearchFigures) -> Iterator[str]:
    """How wide the intervals are."""
    if figures.inputs < _FEW:
        yield (
            f"There are {numbers.plural(figures.inputs, 'input')}: the oracle accuracy is uncertain from "
            f"{numbers.interval(numbers.ends(figures.oracle_accuracy), 'share')}\u00a0%, and figures of parts of the "
            "inputs much more."
        )


def budget() -> str:
    """What wasn't found, and what depth isn't."""
    return (
        "What isn't found depends on the budget and the searcher. Depth isn't speed: finding a chain took the whole "
        "budget."
    )
