"""All sections of a report, in their order. To add one, write a function and put it into the tuple.

A section function takes a `RunFolder` and returns a `Section`, or None where the run has nothing for it:

    def votes_section(folder: RunFolder) -> Section | None:
        found = folder.part("controls", "votes")      # RUN/controls/votes.json
        if found is None:
            return None
        table = Table("Accuracy at equal layer calls.", (Column("votes", "count"), Column("accuracy", "share")), rows)
        return Section("votes", "Sampling and voting", ("What it is, in plain words.",), (table,), data=found)

It reads what a study, a control or an analysis has left in the folder, and runs no model. `data` goes into `--json`;
every figure in it belongs into a table with its interval, too.
"""

from __future__ import annotations

from collections.abc import Callable

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
from skiploop.reporting.sections.static import block_section, chosen_section, influence_section

SECTIONS: tuple[Callable[[RunFolder], Section | None], ...] = (
    headline,
    peer_section,
    sampling_section,
    chosen_section,
    options_section,
    ablation_section,
    transition_section,
    budget_section,
    format_section,
    group_section,
    depth_section,
    usage_section,
    rate_section,
    shortest_section,
    edit_section,
    robustness_section,
    difficulty_section,
    similarity_section,
    lens_section,
    block_section,
    influence_section,
)


def sections(folder: RunFolder) -> tuple[Section, ...]:
    """The sections that this run has something for."""
    return tuple(section for each in SECTIONS if (section := each(folder)) is not None)
