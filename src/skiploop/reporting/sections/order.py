"""All sections of a report, in their order and groups. To add one, write a function and put it into its group.

A section function takes a `RunFolder` and returns a `Section`, or None where the run has nothing for it:

    def votes_section(folder: RunFolder) -> Section | None:
        figures = folder.figures.sampling
        if figures is None:
            return None
        columns = (Column("votes", "count"), Column("accuracy", "share"))
        table = ReportTable("Accuracy at equal layer calls.", columns, rows)
        data = figures.to_json()
        return Section("votes", "Voting", ("What it is, in plain words.",), (table,), data=data, hint="does it pay?")

It reads what a study, a control or an analysis has left in the folder, and runs no model. `data` goes into `--json`;
the figures in it that a reader needs stand in a table with their intervals. Sections are folded on the page, so the
hint says which question a section answers. Texts explain what is particular to a section; terms are the glossary's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from skiploop.reporting.parts import Section
from skiploop.reporting.run_folder import RunFolder
from skiploop.reporting.sections.ablation import ablation_section
from skiploop.reporting.sections.analyses import difficulty_section, edit_section, robustness_section
from skiploop.reporting.sections.controls import options_section, sampling_section
from skiploop.reporting.sections.headline import headline
from skiploop.reporting.sections.layers import rate_section, shortest_section, usage_section
from skiploop.reporting.sections.peers import format_section, peer_section
from skiploop.reporting.sections.search import budget_section, depth_section, group_section, transition_section
from skiploop.reporting.sections.states import lens_section, similarity_section
from skiploop.reporting.sections.static import (
    block_section,
    chosen_section,
    curve_section,
    influence_section,
    wall_clock_section,
)

GROUPS: dict[str, tuple[Callable[[RunFolder], Section | None], ...]] = {
    "Search": (headline, transition_section, budget_section, group_section, depth_section),
    "Baselines and controls": (peer_section, sampling_section, options_section, ablation_section, format_section),
    "One chain for all inputs": (
        *(chosen_section, curve_section, wall_clock_section, block_section, influence_section),
    ),
    "Layers": (rate_section, usage_section, shortest_section),
    "Analyses": (edit_section, robustness_section, difficulty_section, similarity_section, lens_section),
}


def sections(folder: RunFolder) -> tuple[Section, ...]:
    """The sections that this run has something for, each with its group."""
    return tuple(
        replace(section, group=group)
        for group, functions in GROUPS.items()
        for each in functions
        if (section := each(folder)) is not None
    )
