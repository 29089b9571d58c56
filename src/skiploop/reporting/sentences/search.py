"""What a run shows and what it doesn't, in plain words. What isn't shown is said first and as loudly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from skiploop.reporting import numbers
from skiploop.reporting.numbers import STATIC_NAMES
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sentences.whole import whole_limits, whole_shows, whole_verdict
from skiploop.reporting.terminal import ends
from skiploop.studies.figures import ControlFigures, SearchFigures, VerificationFigures
from skiploop.studies.search import Study
from skiploop.studies.static.figures import ChosenChain, StaticFigures

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
    if folder.static is not None:
        return _static(folder.static.figures)
    assert folder.study is not None, "a run is one or the other"
    return _study(folder, folder.study)


# Chains per input


def _study(folder: RunFolder, study: Study) -> Reading:
    figures = study.figures
    if not figures.inputs:
        return Reading("Nothing has been evaluated yet.", (), ())
    shows = (_control(figures.control), _oracle(figures), _peer(study), *whole_shows(folder), _shorter(figures))
    limits = (
        "" if study.complete else "The study isn't complete: all figures are of what was evaluated so far.",
        f"{numbers.share(figures.oracle_accuracy.value)} is an oracle accuracy, no accuracy. To pick the right chain "
        "of an input one needs its gold answer. Which chain a model should run on a new input, this study doesn't say.",
        *whole_limits(folder),
        _near_misses(figures.control),
        _weak_peer(figures),
        _prior(figures),
        _again(figures.verification),
        _format(figures, folder),
        _few(figures),
        "“Not found” depends on the budget and the searcher. Depth isn't a speed: the whole budget was spent to find a "
        "chain.",
    )
    verdict = whole_verdict(folder, _verdict(figures), _beyond_chance(figures.control))
    return Reading(verdict, tuple(filter(None, shows)), tuple(filter(None, limits)))


def _beyond_chance(control: ControlFigures) -> bool:
    return control.excess.interval is not None and control.excess.interval[0] > 0


def _verdict(figures: SearchFigures) -> str:
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


def _control(control: ControlFigures) -> str:
    if control.excess.interval is None:
        return ""
    count = control.inputs
    gap = numbers.points(control.excess.value, control.excess.interval)
    hit = f"the same search for a wrong answer hits that in {numbers.share(control.reached.value)}"
    low, high = control.excess.interval
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


def _oracle(figures: SearchFigures) -> str:
    base, oracle = figures.base_accuracy, figures.oracle_accuracy
    return (
        f"The model as it is answers {numbers.share(base.value, base.interval)} right. "
        f"For {numbers.share(oracle.value, oracle.interval)} of the inputs some chain "
        f"out of at most {figures.budget} is right (oracle accuracy)."
    )


def _peer(study: Study) -> str:
    random = study.figures.peers.get("random")
    if random is None:
        return ""
    difference, p = random.difference.difference, random.difference.mcnemar_p
    gap = numbers.points(difference.value, difference.interval)
    text = (
        f"Random chains at the same budget reach {numbers.share(random.oracle_accuracy.value)}; the search's "
        f"lead is {gap}, McNemar's exact p {'' if p < 0.001 else '= '}{numbers.value(p, 'p')}."
    )
    return text if difference.excludes() else f"{text} No difference between the search and random chains is shown."


def _shorter(figures: SearchFigures) -> str:
    if figures.shorter_share.value is None:
        return ""
    text = (
        f"Of the inputs that it gets right, {numbers.share(figures.shorter_share.value)} are right with a shorter "
        "chain, too"
    )
    peer = figures.peers.get("random")
    return f"{text}." if peer is None else f"{text} (random chains: {numbers.share(peer.shorter_share.value)})."


def _near_misses(control: ControlFigures) -> str:
    if not _beyond_chance(control):
        return ""
    return (
        "The control's wrong answer is another option, or another input's answer. Where the model misses narrowly, the "
        "right answer is nearer to what it says anyway than that one, and vague chains favour it without any better "
        "reasoning. This control can't tell the two apart."
    )


def _weak_peer(figures: SearchFigures) -> str:
    if "random" not in figures.peers:
        return "" if figures.searcher == "random" else "There is no random peer: what luck finds isn't known."
    if figures.space != "cola":
        return ""
    stronger = "those near the identity are the stronger one" if "nearby" in figures.peers else (
        "the control is the stronger one"
    )  # fmt: skip
    return (
        "In the space “cola” uniform random chains are long and far from the identity, so that they are a weak "
        f"opponent; {stronger}."
    )


def _prior(figures: SearchFigures) -> str:
    penalty = figures.searcher_settings.get("length_penalty", 0)
    if not penalty:
        return ""
    return (
        f"The searcher subtracts {penalty:g} × depth / layers from a chain's value, so it prefers short chains before "
        "it has seen any reward. That shorter chains are found is partly what was asked for."
    )


def _again(figures: VerificationFigures) -> str:
    if not figures.reruns:
        return "Claimed successes were not run again alone, so some may owe themselves to rounding in a batch."
    return (
        f"Run again alone, {figures.flips} of {figures.reruns} claimed successes were wrong and don't count "
        f"(flip rate {numbers.share(figures.flip_rate)})."
    )


def _format(figures: SearchFigures, folder: RunFolder) -> str:
    failures = figures.format_failures
    if failures is None:
        moved = "" if folder.figures.options is not None else "; option positions were not permuted"
        return f"An option is always chosen, so there are no unreadable answers{moved}."
    if not failures.errors:
        return "No base error is an unreadable answer, so no correction is a repair of the format alone."
    return (
        f"{failures.errors} of the model's errors are no readable answer at all; chains “correct” "
        f"{failures.corrected} of these. That repairs the format, not the reasoning."
    )


def _few(figures: SearchFigures) -> str:
    count = figures.inputs
    if count >= _FEW:
        return ""
    low, high = ends(figures.oracle_accuracy)
    return (
        f"There are {numbers.plural(count, 'input')}: the oracle accuracy alone is uncertain from {100 * low:.0f} to "
        f"{100 * high:.0f} %, and parts of the inputs much more."
    )


# One chain for all inputs


def _static(figures: StaticFigures) -> Reading:
    chosen = figures.chosen
    row, base = chosen["search"], chosen["identity"]
    shows = [
        f"The model as it is answers {numbers.share(base.test.value, base.test.interval)} of the "
        f"{numbers.plural(figures.test_inputs, 'test input')} right.",
        *(_static_line(STATIC_NAMES.get(name, name), each) for name, each in chosen.items() if name != "identity"),
    ]
    limits = (
        "These are accuracies: no gold answer is needed when such a chain is used, and it was chosen on other inputs.",
        f"The choice was made on {numbers.plural(figures.train_inputs, 'training input')}; with few of them a "
        "better "
        "chain may be missed and a worse one taken.",
        "Several chains are tested on the same inputs, and p isn't corrected for that.",
        "Whether it carries over to another task or another prompt was not tested.",
    )
    return Reading(_static_verdict(row, base), tuple(shows), limits)


def _static_verdict(row: ChosenChain, base: ChosenChain) -> str:
    calls = f"at {row.depth} layer calls instead of {base.depth}"
    if row.minus_identity is None:
        return "Nothing was found: no chain that was tried was better than the identity on the training inputs."
    low, high = ends(row.minus_identity.difference)
    if low > 0:
        return f"The chain that was found is more accurate than the identity on inputs it wasn't chosen on, {calls}."
    if high < 0:
        return f"The chain that was found is less accurate than the identity on inputs it wasn't chosen on, {calls}."
    return f"No difference to the identity is shown on inputs that the chain wasn't chosen on, {calls}."


def _static_line(name: str, row: ChosenChain) -> str:
    if row.minus_identity is None:
        return f"Chosen by {name}: the identity itself."
    difference, p = row.minus_identity.difference, row.minus_identity.mcnemar_p
    gap = numbers.points(difference.value, difference.interval)
    return (
        f"Chosen by {name}: {row.notation}, test accuracy {numbers.share(row.test.value)}, {gap} to the identity, p "
        f"{'' if p < 0.001 else '= '}{numbers.value(p, 'p')}."
    )
