"""The figure of README: what one search found, beside its baselines and its control.

    skiploop search --out runs/readme && python docs/images/first_search.py runs/readme

Every share is counted from the study's inputs and drawn with Wilson's 95 % interval.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from skiploop import Study, load_study
from skiploop.stats.shares import wilson

Row = tuple[str, str, int, int]  # style, label, how many, of how many

LEFT, WIDTH, STEP, TOP = 300, 320, 26, 30
STYLE = """
text { font: 13px Helvetica, Arial, 'DejaVu Sans', sans-serif; fill: #1c2128; }
.head { font-weight: bold; } .small { font-size: 11px; fill: #5f6873; } .grid { stroke: #d5dae1; }
.plain { fill: #4b5563; stroke: #4b5563; } .search { fill: #b8450c; stroke: #b8450c; }
.chance { fill: #1f6fb2; stroke: #1f6fb2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .small { fill: #9aa4b0; } .grid { stroke: #3a424d; }
  .plain { fill: #b6c0cc; stroke: #b6c0cc; } .search { fill: #f0883e; stroke: #f0883e; }
  .chance { fill: #58a6ff; stroke: #58a6ff; }
}
"""


def groups(study: Study) -> list[tuple[str, list[Row]]]:
    """What is drawn: headings with their rows."""
    results, n = study.inputs, len(study.inputs)
    wrong = [result for result in results if "control" in result.arms]
    found = {arm: sum(result.arms[arm].right for result in results) for arm in ("search", "random", "nearby")}
    hits = sum(result.arms["control"].right for result in wrong)
    return [
        (f"Accuracy, {n} inputs", [("plain", "the model as it is", sum(result.base_right for result in results), n)]),
        (
            f"Oracle accuracy: some of {study.figures.budget} chains is right",
            [
                ("search", "search", found["search"], n),
                ("chance", "random chains near the identity", found["nearby"], n),
                ("chance", "uniform random chains", found["random"], n),
            ],
        ),
        (
            f"Control, {len(wrong)} inputs that the model gets wrong",
            [
                ("search", "search for the right answer", sum(result.search.right for result in wrong), len(wrong)),
                ("chance", "same search for one wrong answer", hits, len(wrong)),
            ],
        ),
    ]


def drawn(sections: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """The figure as SVG, light or dark as the reader's system is."""
    lines, y = [], TOP
    for heading, rows in sections:
        lines.append(f'<text class="head" x="10" y="{y}">{heading}</text>')
        for row in rows:
            y += STEP
            lines += _row(row, y)
        y += STEP + 12
    bottom = y - STEP
    ticks = [LEFT + WIDTH * part / 4 for part in range(5)]
    grid = [f'<line class="grid" x1="{x:.0f}" x2="{x:.0f}" y1="{TOP + 8}" y2="{bottom - 8}"/>' for x in ticks]
    scale = [
        f'<text class="small" text-anchor="middle" x="{x:.0f}" y="{bottom + 8}">{25 * part} %</text>'
        for part, x in enumerate(ticks)
    ]
    title = "<title>Accuracy, oracle accuracy, baselines and control of one search, with 95 % intervals</title>"
    size = f'width="700" height="{bottom + 20}" viewBox="0 0 700 {bottom + 20}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, title, f"<style>{STYLE}</style>", *grid, *lines, *scale, "</svg>"]) + "\n"


def _row(row: Row, y: int) -> list[str]:
    style, label, count, n = row
    low, high = wilson(count, n) or (0.0, 1.0)
    at = [LEFT + WIDTH * share for share in (low, count / n, high)]
    return [
        f'<text x="22" y="{y}">{label}</text>',
        f'<line class="{style}" stroke-width="3" x1="{at[0]:.1f}" x2="{at[2]:.1f}" y1="{y - 5}" y2="{y - 5}"/>',
        f'<circle class="{style}" cx="{at[1]:.1f}" cy="{y - 5}" r="6"/>',
        f'<text x="{LEFT + WIDTH + 16}" y="{y}">{100 * count / n:.0f} %</text>',
    ]


if __name__ == "__main__":
    picture = Path(__file__).with_suffix(".svg")
    picture.write_text(drawn(groups(load_study(sys.argv[1]))), encoding="utf-8")
    print(picture)
