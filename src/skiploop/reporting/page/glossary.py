"""What the report's terms mean, once: a link at the first use of each, and a list at the end of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Term:
    """A term.

    Attributes:
        name: as the list has it.
        means: its definition.
        pattern: what it looks like in a text, where that is more than its name.
    """

    name: str
    means: str
    pattern: str = ""

    @property
    def id(self) -> str:
        """Of its place on the page."""
        return "term-" + re.sub(r"\W+", "-", self.name.lower())


TERMS = (
    Term("identity", "The model as it is: every layer runs once, in order."),
    Term("chain", "The layers that run for an input, in order: layers may be skipped or looped.", "chains?"),
    Term("accuracy", "Share of inputs answered right, without a look at the gold answer."),
    Term(
        "oracle accuracy",
        "Share of inputs for which some chain tried is right. To pick it one needs the gold answer, so this isn't an "
        "accuracy, and it grows with the number of evaluations.",
        "oracle(?: accurac(?:y|ies)| figures?)?",
    ),
    Term("random chains", "Baseline: chains drawn uniformly, with the search's number of evaluations. Pure luck."),
    Term("nearby chains", "Baseline: random chains a few edits from the identity, with equally many evaluations."),
    Term("control", "The same search, paid for one particular wrong answer: how easily chains say anything at all."),
    Term("excess", "Share of inputs whose right answer the search hits, less that whose wrong one the control hits."),
    Term("re-run", "Every chain that claims a success runs once more, alone; if it fails there, it doesn't count.",
         "re-runs?|run again alone|flip rate"),
    Term("depth", "Number of layers that a chain runs; it counts neither the search nor other tries.", "depths?"),
    Term("layer call", "One layer on one sequence, the unit of cost.", "layer calls?"),
)  # fmt: skip


@dataclass(slots=True)
class Glossary:
    """The terms of one page, which notices which of them the page uses.

    Attributes:
        used: names of the terms met so far; each gets its link once.
    """

    used: set[str] = field(default_factory=set)

    def mark(self, text: str) -> Any:
        """The text, escaped, with a link at each term that wasn't met before."""
        from markupsafe import Markup, escape

        return Markup(_ANY.sub(self._link, str(escape(text))))

    def terms(self) -> list[Term]:
        """Those that the page uses, as the list at its end has them."""
        return [term for term in TERMS if term.name in self.used]

    def _link(self, found: re.Match[str]) -> str:
        term = next(term for term in TERMS if re.fullmatch(_pattern(term), found[0], re.IGNORECASE))
        if term.name in self.used:
            return found[0]
        self.used.add(term.name)
        return f'<a class="term" href="#{term.id}" title="{term.means}">{found[0]}</a>'


def _pattern(term: Term) -> str:
    return term.pattern or re.escape(term.name)


# The longest first, so that an oracle accuracy isn't met as an accuracy.
_ANY = re.compile(
    r"(?<![\w-])(?:" + "|".join(map(_pattern, sorted(TERMS, key=lambda term: -len(term.name)))) + r")(?![\w-])",
    re.IGNORECASE,
)
