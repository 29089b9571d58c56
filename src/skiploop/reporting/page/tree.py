"""The tree of one input's search: built again from the journal, and drawn. No torch.

A searcher is deterministic given its seed and the calls it got, and the journal has all of them, so that asking and
telling once more arrives at the tree that the study had at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.searchers import make_searcher
from skiploop.storage.files import Line
from skiploop.studies.arms import Arm, seed_for
from skiploop.studies.rounds import least_depth
from skiploop.studies.settings import StudySettings

SHOWN = 40  # nodes that are drawn
_KEPT = ("id", "parent", "chain", "visits", "value")  # of what a searcher says of its nodes
_STEP, _LEVEL, _EDGE = 15.0, 44.0, 14.0  # between leaves, between levels, around


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A node of a search tree.

    Attributes:
        id: in the order in which the nodes were made; 0 is the root, the identity.
        parent: the node from which it was reached first; None for the root.
        chain: in notation.
        visits: simulations through it.
        value: mean reward of these, graded where the search is guided.
        verdict: 1 where its own chain is right, 0 where it's wrong; None where it wasn't evaluated.
    """

    id: int
    parent: int | None
    chain: str
    visits: int
    value: float
    verdict: float | None


def rebuild(run: Mapping[str, Any], lines: Sequence[Line]) -> list[DrawnNode] | None:
    """The tree of the search arm on one input.

    Args:
        run: the study's run.json.
        lines: the input's lines of the journal, in order.

    Returns:
        All nodes, or None where the searcher has no tree, or doesn't ask for what the journal has (it was written by
        another version of skiploop).
    """
    settings = StudySettings.from_json(run["settings"])
    space = settings.space.make(run["model"]["num_layers"])
    seed = seed_for(settings.search.seed, "search", lines[0]["input"])
    searcher = make_searcher(settings.search.searcher, space, seed=seed, **settings.search.searcher_settings)
    if not hasattr(searcher, "tree"):
        return None
    arm = Arm("search", searcher, settings.search.budget)
    shared = settings.search.total_budget is not None  # then the last ask of all may have been for fewer
    least = least_depth(space) if settings.search.stop_early or shared else None
    arm.tell(space.identity, lines[0]["reward"], least, lines[0].get("guide"))
    verdicts = {str(space.identity): lines[0]["reward"]}  # a guided tree's own rewards are higher where a chain is near
    own = [line for line in lines if line["arm"] == "search"]
    for _, batch in groupby(own, key=lambda line: line["round"]):
        told = list(batch)
        asked = arm.ask(len(told) if shared else settings.search.per_round)
        if [chain.to_json() for chain in asked] != [line["chain"] for line in told]:
            return None
        for chain, line in zip(asked, told, strict=True):
            arm.tell(chain, line["reward"], least, line.get("guide"))
            verdicts[str(chain)] = line["reward"]
    return [
        DrawnNode(**{name: node[name] for name in _KEPT}, verdict=verdicts.get(node["chain"]))
        for node in searcher.tree()
    ]


def most_visited(nodes: Sequence[DrawnNode], count: int = SHOWN) -> list[DrawnNode]:
    """The most visited nodes with all their ancestors, at most `count` of them, in the order of their ids.

    Up to a quarter of the places are given to right chains first: they are rarely visited often, but looked for.
    """
    by_id = {node.id: node for node in nodes}
    kept: dict[int, DrawnNode] = {}
    order = sorted(nodes, key=lambda node: (-node.visits, node.id))
    right = [node for node in order if node.verdict is not None and node.verdict >= 1]
    for node in [*right[: count // 4], *order]:
        line: list[DrawnNode] = []
        step: DrawnNode | None = node
        while step is not None and step.id not in kept:
            line.append(step)
            step = None if step.parent is None else by_id[step.parent]
        if node.visits and len(kept) + len(line) <= count:
            kept.update({each.id: each for each in line})
    return [kept[number] for number in sorted(kept)]


def draw_tree(nodes: Sequence[DrawnNode], num_layers: int) -> str:
    """An SVG element: the root on top, one row per level; size says visits, filled says right, tooltips the rest."""
    shown = most_visited(nodes)
    places = _places(shown)
    width = max(x for x, _ in places.values()) + 2 * _EDGE
    height = max(y for _, y in places.values()) + 2 * _EDGE
    most = max(node.visits for node in shown)
    lines = []
    for node in shown:
        if node.parent is not None:
            (x0, y0), (x1, y1) = places[node.parent], places[node.id]
            middle = (y0 + y1) / 2
            lines.append(f"M{_n(x0)} {_n(y0)}C{_n(x0)} {_n(middle)} {_n(x1)} {_n(middle)} {_n(x1)} {_n(y1)}")
    dots = [_dot(node, places[node.id], 2.5 + 5 * (node.visits / most) ** 0.5, num_layers) for node in shown]
    label = f"Tree of the search: {len(shown)} of {len(nodes)} nodes"
    size = f'width="{_n(width)}" height="{_n(height)}"'
    box = f"{-_EDGE:g} {-_EDGE:g} {_n(width)} {_n(height)}"
    head = f'<svg class="tree" viewBox="{box}" {size} role="img" aria-label="{label}">'
    return f'{head}<path d="{"".join(lines)}"/>{"".join(dots)}</svg>'


def _dot(node: DrawnNode, place: tuple[float, float], radius: float, num_layers: int) -> str:
    kind = "open" if node.verdict is None else "hit" if node.verdict >= 1 else "miss"
    depth = len(Chain.parse(node.chain, num_layers))
    verdict = {"open": "not evaluated", "hit": "right", "miss": "wrong"}[kind]
    words = f"{node.chain} (depth {depth}): {verdict}; {node.visits} visits, mean reward {node.value:.2f}"
    x, y = map(_n, place)
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{_n(radius)}"><title>{escape(words)}</title></circle>'


def _places(shown: Sequence[DrawnNode]) -> dict[int, tuple[float, float]]:
    """Leaves side by side, parents above the middle of their children."""
    children: dict[int | None, list[int]] = {}
    for node in shown:
        children.setdefault(node.parent, []).append(node.id)
    places: dict[int, tuple[float, float]] = {}
    leaves = 0
    waiting = [(shown[0].id, 0, False)]
    while waiting:
        number, level, done = waiting.pop()
        own = children.get(number, [])
        if not own:
            places[number] = (leaves * _STEP, level * _LEVEL)
            leaves += 1
        elif done:
            places[number] = ((places[own[0]][0] + places[own[-1]][0]) / 2, level * _LEVEL)
        else:
            waiting.append((number, level, True))
            waiting += [(child, level + 1, False) for child in reversed(own)]
    return places


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
