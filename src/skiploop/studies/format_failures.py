"""Format before and after: are chains paid for reasoning, or for an answer that can be read at all? No torch.

    unparsable   no answer could be found in the text
    echo         the text repeats a stretch of the prompt (_STRETCH tokens in a row, or the whole of a shorter prompt)
                 that the right answer doesn't repeat as well

*Before* is the identity. *After* is the best chain of each input, which is the identity where nothing is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.chains.weights import layers_from_json
from skiploop.stats.measured import Measured, measured_share
from skiploop.storage.files import Line
from skiploop.studies.results import InputResult

KINDS = ("identity", "skip", "loop", "both")  # what a chain does to the identity's layers
_STRETCH = 8
_LEAST = 4  # tokens: a prompt that is shorter can't be told from an answer
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class KindFigures:
    """Evaluations of one of `KINDS`.

    Attributes:
        evaluations: their number.
        unparsable: those without a readable answer.
        share: of those; an interval over evaluations, which is too narrow, as several are of one input.
    """

    evaluations: int
    unparsable: int
    share: Measured


@dataclass(frozen=True, slots=True)
class FormatFigures:
    """Answers that can't be read or echo the prompt, before and after (see the module); counts of inputs.

    Attributes:
        inputs: all of them.
        unparsable_before: of all inputs.
        unparsable_before_share: the same as a share.
        unparsable_after: of all inputs.
        echo_before: of all inputs.
        echo_after: of all inputs; without `verified`, whose texts are those of other chains than the identity, only
            inputs count for which the identity is the best chain.
        corrected: inputs that the identity gets wrong and some chain right.
        corrected_unparsable_before: of these.
        corrected_echo_before: of these.
        corrected_echo_after: of these.
        unparsable_by_kind: evaluations of the search by what their chains do; None where scoring is verbatim, as texts
            of chains aren't seen then.
    """

    inputs: int
    unparsable_before: int
    unparsable_before_share: Measured
    unparsable_after: int
    echo_before: int
    echo_after: int
    corrected: int
    corrected_unparsable_before: int
    corrected_echo_before: int
    corrected_echo_after: int
    unparsable_by_kind: dict[str, KindFigures] | None


def format_figures(results: Sequence[InputResult], lines: Sequence[Line], *, scoring: str) -> FormatFigures | None:
    """The figures; None where options are scored, because there is no text then."""
    if scoring in ("choice", "letter"):
        return None
    corrected = [result for result in results if result.transition() == "corrected"]
    after = [_after(result) for result in results]
    unread = sum(result.answer is None for result in results)
    return FormatFigures(
        inputs=len(results),
        unparsable_before=unread,
        unparsable_before_share=measured_share(unread, len(results)),
        unparsable_after=sum(answer is None for answer, _ in after),
        echo_before=sum(_echoes(result, result.text) for result in results),
        echo_after=sum(_echoes(result, text) for result, (_, text) in zip(results, after, strict=True)),
        corrected=len(corrected),
        corrected_unparsable_before=sum(result.answer is None for result in corrected),
        corrected_echo_before=sum(_echoes(result, result.text) for result in corrected),
        corrected_echo_after=sum(_echoes(result, _after(result)[1]) for result in corrected),
        unparsable_by_kind=None if scoring == "verbatim" else _by_kind(results, lines),
    )


def echoes(prompt: str, text: str, gold: str = "") -> bool:
    """Whether a text repeats a stretch of the prompt that the right answer doesn't repeat as well."""
    asked = _tokens(prompt)
    size = min(_STRETCH, len(asked))
    if size < _LEAST:
        return False
    return bool((_runs(asked, size) & _runs(_tokens(text), size)) - _runs(_tokens(gold), size))


def kind(layers: Sequence[int | str], num_layers: int) -> str:
    """What a chain does: one of `KINDS`; layers in another order count as both."""
    if tuple(layers) == tuple(range(num_layers)):
        return "identity"
    chain = Chain.unchecked(layers_from_json(layers), num_layers)
    if chain.skipped and chain.looped:
        return "both"
    return "skip" if chain.skipped else "loop" if chain.looped else "both"


def _after(result: InputResult) -> tuple[str | None, str | None]:
    """Answer and text of the best chain; the gold answer stands for one that is right, whose text wasn't kept."""
    if result.search.best[0].is_identity:
        return result.answer, result.text
    again = result.verified
    return result.example["answer"], None if again is None else again.get("text")


def _by_kind(results: Sequence[InputResult], lines: Iterable[Line]) -> dict[str, KindFigures]:
    """Of the evaluations of the search, the share without a readable answer, by what the chain does."""
    counts = {name: [0, 0] for name in KINDS}
    num_layers = results[0].depth if results else 0
    for line in lines:
        if line["arm"] in ("identity", "search"):
            count = counts[kind(line["chain"], num_layers)]
            count[0] += line["answer"] is None
            count[1] += 1
    return {name: KindFigures(whole, part, measured_share(part, whole)) for name, (part, whole) in counts.items()}


def _echoes(result: InputResult, text: str | None) -> bool:
    return text is not None and echoes(_asked(result.example), text, result.example["answer"])


def _asked(example: Line) -> str:
    """The prompt from its own question on: the solutions of shots before it would look like answers."""
    prompt: str = example["prompt"]
    return prompt[prompt.rfind("\n", 0, max(prompt.rfind(example["question"]), 0)) + 1 :]


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.casefold())


def _runs(tokens: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}
