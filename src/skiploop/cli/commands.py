"""The commands by name: what `skiploop --help` says of them without importing any."""

from __future__ import annotations

COMMANDS = {
    "search": (
        "search",
        "Search chains for each input of a task, with controls. Given again, the same command resumes.",
    ),
    "study": (
        "study",
        "Search with all controls and analyses, and write a report. Given again, the same command resumes.",
    ),
    "show": ("show", "Show a study, also one that is still running: figures, or one input in full."),
    "report": (
        "report",
        "Write a report of one study, or of several side by side: one HTML file that needs nothing else.",
    ),
    "compare": (
        "compare",
        "Compare two runs input by input, with intervals; runs that can't be compared are refused.",
    ),
    "analyze": ("analyze", "Analyse a study with its model: difficulty, edits, neighbours, phases, logit lens."),
    "ablate": (
        "ablate",
        "Search skip-only, loop-only and with both, and compare. Given again, the same command resumes.",
    ),
    "route": ("route", "Choose a chain for each input without the right answer."),
    "check": ("model", "Check whether a model can run chains exactly; exit code 2 if it can't."),
    "evaluate": (
        "evaluate",
        "Plain accuracy with intervals by every metric, of the model and of a chain; lm:TASK for "
        "lm-evaluation-harness.",
    ),
    "generate": (
        "model",
        "Continue prompts, greedily, under a chain; `--chat auto`: as messages, where there is a chat template.",
    ),
    "draw": ("draw", "Draw a chain, as text or as an SVG file."),
    "export": (
        "export",
        "Write a chain as a checkpoint that every other tool loads; it is loaded back and compared.",
    ),
}
"""The module of each command, and the first paragraph of its help, in the order of the list of commands."""
