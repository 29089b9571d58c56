"""Single inputs: prompt, answers, best chains, the order of the evaluations, and the tree of the search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skiploop.chains.chain import Chain
from skiploop.chains.drawing import draw_svg
from skiploop.reporting.names import ARM_NAMES
from skiploop.reporting.page.tree import SHOWN, draw_tree, rebuild
from skiploop.reporting.run_folder import RunFolder
from skiploop.stats import numbers
from skiploop.storage.files import Line
from skiploop.storage.foreign_text import shown
from skiploop.studies.results import TRANSITIONS, ArmResult, InputResult

MOST = 100  # inputs in a page
_DRAWN = 400  # evaluations of an arm that are plotted
_WIDTH, _HEIGHT = 560.0, 44.0  # of an arm's plot
_COLUMNS = 24  # of a drawing, so that a deep model's fits on a page


@dataclass(frozen=True, slots=True)
class Drawn:
    """SVGs with what they show, and a remark; `arm` gives them a colour and a mark."""

    arm: str
    title: str
    remark: str
    svgs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InputView:
    """One input as the page shows it; all text has to be escaped for HTML."""

    id: str
    level: str
    family: str
    transition: str
    prompt: str
    gold: str
    said: str
    right: bool
    arms: tuple[Drawn, ...]
    tree: Drawn | None


@dataclass(frozen=True, slots=True)
class Explorer:
    """The inputs of a run that can be looked at.

    Attributes:
        views: in the order of the study.
        total: inputs of the study; more than there are views where it is capped.
        levels: that there are.
        transitions: that there are.
    """

    views: tuple[InputView, ...]
    total: int
    levels: tuple[str, ...]
    transitions: tuple[str, ...]


def explore(folder: RunFolder, most: int = MOST) -> Explorer | None:
    """The explorer of a study of chains per input; None for another run, and where nothing was evaluated."""
    study = folder.study
    if study is None or not study.inputs:
        return None
    chosen = choose(study.inputs, most)
    wanted = {result.example["id"] for result in chosen}
    lines: dict[str, list[Line]] = {}
    for line in folder.lines():
        if line["input"] in wanted:
            lines.setdefault(line["input"], []).append(line)
    views = tuple(_view(folder, result, lines[result.example["id"]]) for result in chosen)
    levels = dict.fromkeys(view.level for view in sorted(views, key=lambda view: (len(view.level), view.level)))
    shown = {view.transition for view in views}
    return Explorer(views, len(study.inputs), tuple(levels), tuple(t for t in TRANSITIONS if t in shown))


def choose(inputs: Sequence[InputResult], most: int) -> list[InputResult]:
    """At most `most` inputs, from all transitions and levels in turn, in the study's order."""
    if len(inputs) <= most:
        return list(inputs)
    groups: dict[tuple[str, str], list[int]] = {}
    for number, result in enumerate(inputs):
        groups.setdefault((result.transition(), str(result.example["level"])), []).append(number)
    turns = [(turn, key, number) for key, own in groups.items() for turn, number in enumerate(own)]
    return [inputs[number] for number in sorted(number for _, _, number in sorted(turns)[:most])]


def _view(folder: RunFolder, result: InputResult, lines: Sequence[Line]) -> InputView:
    example = result.example
    said = result.text if result.text is not None else result.answer
    return InputView(
        id=shown(example["id"]),
        level="-" if example["level"] is None else shown(str(example["level"])),
        family=shown(example["family"] or ""),
        transition=result.transition(),
        prompt=shown(example["prompt"]),
        gold=shown(example["answer"]),
        said="(no answer)" if said is None else shown(said),
        right=result.base_right,
        arms=tuple(_arm(name, arm, result.depth) for name, arm in result.arms.items()),
        tree=_tree(folder, lines),
    )


# Chains


def _arm(name: str, arm: ArmResult, depth: int) -> Drawn:
    """All evaluations, and the best chain of the search and of a control that hit; those of luck alone say little."""
    chain, _ = arm.best
    aim = "" if arm.target is None else f" for “{_short(arm.target)}”"
    tried = len(arm.evaluations) - 1
    cut = f", the first {_DRAWN} shown" if tried >= _DRAWN else ""
    best = f"best depth {len(chain)}, " if arm.right else ""
    drawings = (chain_svg(chain),) if name == "search" or (name == "control" and arm.right) else ()
    plots = (_plot(name, arm, depth),) if tried else ()
    return Drawn(name, f"{ARM_NAMES[name]}{aim}", f"{best}{arm.right_chains} of {tried} hit{cut}", (*drawings, *plots))


def _short(text: str, most: int = 60) -> str:
    line = shown(" ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def chain_svg(chain: Chain) -> str:
    """A drawing for a page that brings the drawing's rules once, without the ids of a document of its own."""
    svg = draw_svg(chain, columns=_COLUMNS)
    for element in ("title", "desc", "metadata", "style"):
        svg = re.sub(rf"<{element}\b[^>]*>.*?</{element}>\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<rect [^>]*class="sl-paper"/>\n', "", svg, count=1)  # the page's own ground
    label = f'aria-label="Chain {chain} of {chain.num_layers} layers"'
    return re.sub(r'aria-labelledby="[^"]*"', label, svg, count=1).strip()


# Evaluations


def _plot(name: str, arm: ArmResult, depth: int) -> str:
    """Depth by order, a dot for each evaluation; two paths, so that hundreds of dots stay small."""
    shown = arm.evaluations[:_DRAWN]
    highest = max(depth, *(len(chain) for chain, _ in shown))
    across = (_WIDTH - 12) / max(len(shown) - 1, 1)
    paths: dict[bool, list[str]] = {True: [], False: []}
    for number, (chain, reward) in enumerate(shown):
        x, y = 6 + number * across, _y(len(chain), highest)
        paths[reward >= 1].append(f"M{x:.1f} {y:.1f}h0")
    level = _y(depth, highest)
    label = f"{ARM_NAMES[name]}: depth of {numbers.plural(len(shown), 'evaluation')} in order"
    return (
        f'<svg class="order {name}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}">'
        f'<path class="level" d="M0 {level:.1f}H{_WIDTH:g}"/>'
        f'<path class="miss" d="{"".join(paths[False])}"/><path class="hit" d="{"".join(paths[True])}"/></svg>'
    )


def _y(depth: int, highest: int) -> float:
    return _HEIGHT - 5 - (_HEIGHT - 10) * depth / highest


# The tree


def _tree(folder: RunFolder, lines: Sequence[Line]) -> Drawn | None:
    nodes = rebuild(folder.run, lines) or []
    visited = sum(node.visits > 0 for node in nodes)
    if not visited:  # no tree, or nothing but the identity
        return None
    cut = f"{SHOWN} of {visited} nodes" if visited > SHOWN else f"{visited} nodes"
    return Drawn("search", "tree", f"{cut}; point at one", (draw_tree(nodes, folder.run["model"]["num_layers"]),))
