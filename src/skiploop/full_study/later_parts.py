"""The parts of a full study that look at what its search has found. No torch until one of them runs."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from skiploop.full_study.context import Context, Part
from skiploop.storage.files import write_json
from skiploop.studies.search import load_study, search

_OF_REWARDS = ("difficulty", "edits", "robustness")  # analyses that need no hidden states
_TO_DRAW = ("matplotlib", "jinja2")


# Skip-only and loop-only, beside the search that is done already


def _ablation(context: Context) -> None:
    from skiploop.analysis.ablation import FILE, by_space, compare

    out = context.out / "ablation"
    if (out / FILE).exists():
        return
    studies = {}
    for space, settings in by_space(context.settings.of_parts).items():
        if space != "cola":
            studies[space] = search(
                context.model, context.searched, out=out / space, settings=settings, execution=context.execution
            )
    places = {space: f"ablation/{space}" for space in studies} | {"cola": "search"}
    figures = compare(studies | {"cola": load_study(context.out / "search")}, places)
    write_json(out / FILE, figures.to_json())


def _other_space(context: Context) -> str | None:
    space = context.settings.study.space.name
    return None if space == "cola" else f"the search is in the space {space!r}, not in all of `cola`"


# Analyses


def _analyses(context: Context) -> None:
    from skiploop.analysis.runs import ANALYSES, Selection, analyze

    settings = {
        "difficulty": {"seeds": context.settings.seeds}, "robustness": {"neighbours": context.settings.neighbours}
    }  # fmt: skip
    names = ANALYSES if hasattr(context.model, "hf") else _OF_REWARDS
    execution = replace(context.execution, runner=context.runner)
    analyze(context.out / "search", Selection(names, settings), model=context.model, execution=execution)


# The report


def _report(context: Context) -> None:
    from skiploop.reporting import build, render_page

    place = context.out / "report.html"
    written = place.with_suffix(".part")
    written.write_text(render_page(build([context.out])), encoding="utf-8")
    written.replace(place)


def _no_drawing(context: Context) -> str | None:
    missing = [name for name in _TO_DRAW if find_spec(name) is None]
    return f"it needs {' and '.join(missing)}: pip install 'skiploop[report]'" if missing else None


LATER_PARTS = (
    Part(
        "ablation", "ablation", "skip-only and loop-only, beside both", _ablation, _other_space,
        optional=True,
    ),
    Part(
        "analyses", "search/analysis", "difficulty, edits, robustness, similarity, lens", _analyses,
        optional=True,
    ),
    Part("report", "report.html", "the report", _report, _no_drawing, optional=True),
)  # fmt: skip
