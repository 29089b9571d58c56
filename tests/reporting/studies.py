"""Studies to report on, and a reader of pages that notices what a browser forgives."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from skiploop.engine.request import Request
from skiploop.studies.execution import Execution, References
from skiploop.studies.search import Study, search
from skiploop.studies.static.settings import StaticSettings
from skiploop.studies.static.study import StaticStudy, search_static
from skiploop.tasks import Example, Task
from skiploop.testing.fakes import FakeModel, FakeRunner, digest, fake_task, gold

SCRIPT = "<script>alert('no')</script>"
HOSTILE = f"L1 {SCRIPT} {{{{ 7 * 7 }}}} $\\frac$ </pre><img src=http://a.example/x> &amp; ü 数 "
_VOID = {"meta", "input", "br", "hr", "img", "link"}


class RoomyModel(FakeModel):
    context_length = 4096


class NullRunner(FakeRunner):
    """The identity is wrong, and chains say one of four answers, whatever was asked: there is nothing to find."""

    def text(self, request: Request) -> str:
        if request.chain.is_identity:
            return "none"
        return f"answer {digest(request.prompt, request.chain.layers) % 4}"


def null_study(out: Path) -> Study:
    examples = [Example(f"e{i}", f"L1 number {i}=", f"answer {i % 4}", level=1) for i in range(40)]
    task = Task("null", tuple(examples), "verbatim", max_new_tokens=16)
    return search(FakeModel(), task, out=out, execution=Execution(NullRunner()), searcher="random", budget=4)


def hostile_study(out: Path, count: int = 10, budget: int = 20) -> Study:
    """Prompts, answers, ids and families that try to get out of their place."""
    examples = [
        Example(f"e{i}{SCRIPT}", f"{HOSTILE}{i}=", f"{SCRIPT}{i % 7}", level=i % 5 + 1, family=f"$_{SCRIPT}{i % 2}")
        for i in range(count)
    ]
    task = Task(f"hostile {SCRIPT}", tuple(examples), "exact", max_new_tokens=8)
    return search(RoomyModel(), task, out=out, execution=Execution(NullRunner()), searcher="cola", budget=budget)


class DeepModel(RoomyModel):
    num_layers = 32


class LongRunner(FakeRunner):
    """Chains of 40 slots and more are right, and no others, so that the best ones are long."""

    def text(self, request: Request) -> str:
        return gold(request.prompt) if len(request.chain) >= 40 else "1"


def deep_study(out: Path) -> Study:
    """A model of 32 layers, whose right chains have at least 40 slots."""
    return search(DeepModel(), fake_task(6), out=out, execution=Execution(LongRunner()), budget=24, searcher="cola")


def study_with_paths(out: Path, place: str) -> Study:
    """A model and a task that are called by the folder that they were read from."""
    model, task = FakeModel(), fake_task(6)
    model.name = f"{place}/models/tiny"
    task = replace(task, name=f"{place}/rows.jsonl")
    return search(model, task, out=out, execution=Execution(FakeRunner()), searcher="random", budget=8)


def fake_study(out: Path, count: int = 10, budget: int = 20, **changes: object) -> Study:
    settings = {"searcher": "cola"} | changes
    return search(FakeModel(), fake_task(count), out=out, execution=Execution(FakeRunner()), budget=budget, **settings)


def static_study(out: Path, seed: int = 0) -> StaticStudy:
    references = References(influence=lambda prompts: [0.5, 0.1, 0.2, 0.3, 0.4])
    static = StaticSettings(train=10, test=20, first=4)
    return search_static(
        FakeModel(), fake_task(30), out=out, static=static, budget=12, seed=seed,
        execution=Execution(FakeRunner(), references=references),
    )  # fmt: skip


class Page(HTMLParser):
    """Fails on an element that is closed wrongly or not at all; collects what a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.references: list[str] = []
        self.elements: Counter[str] = Counter()
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._seen(tag, attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._seen(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def _seen(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name in ("src", "href", "xlink:href", "data", "action", "srcset", "poster"):
                self.references.append(value or "")
            assert not name.startswith("on"), f"a handler in {tag}: {name}={value}"

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def leave_undrawn(patch: pytest.MonkeyPatch) -> None:
    """Pages have empty figures from here on: drawing takes seconds a page."""
    patch.setattr("skiploop.reporting.page.page.inline_svg", lambda figure, prefix: f"<svg><!--{prefix}--></svg>")
