"""The scorers by name. `gym` is the name of a data set's own scorer, which comes with its examples."""

from __future__ import annotations

from skiploop.tasks.scorers.choice import OptionScorer
from skiploop.tasks.scorers.exact import Exact
from skiploop.tasks.scorers.letter import Letter
from skiploop.tasks.scorers.math import Mathematics
from skiploop.tasks.scorers.numeric import Numeric
from skiploop.tasks.scorers.protocol import Scorer
from skiploop.tasks.scorers.verbatim import Verbatim

FREE_FORM: dict[str, Scorer] = {
    "verbatim": Verbatim(),
    "exact": Exact(),
    "numeric": Numeric(),
    "math": Mathematics(),
}
OF_OPTIONS: dict[str, OptionScorer] = {"choice": OptionScorer(), "letter": Letter()}
SCORERS: dict[str, Scorer] = {**FREE_FORM, **OF_OPTIONS}
OWN = "gym"
SCORINGS = (*FREE_FORM, OWN, *OF_OPTIONS)
