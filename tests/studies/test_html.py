"""What a notebook shows of a study: its figures, and no markup out of names and texts."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import skiploop
from skiploop import search, search_static
from skiploop.stats import numbers
from skiploop.studies.execution import Execution
from skiploop.studies.html import safe
from skiploop.studies.static.settings import StaticSettings
from skiploop.testing.fakes import FakeModel, FakeRunner, fake_task, options

HOSTILE = "<script>alert('1')</script>&\u202e"


class Hostile(FakeModel):
    name = HOSTILE


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert not attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def shown(page: str) -> str:
    """The text of a page that has nothing but a table and paragraphs."""
    tags = Tags(page)
    assert tags.tags <= {"p", "b", "table", "tr", "th", "td"}
    assert "\u202e" not in page
    return "".join(tags.texts)


def hostile_task(scoring: str = "choice") -> skiploop.Task:
    return replace(fake_task(40, scoring), name=HOSTILE)


def test_a_search_shows_its_accuracies(tmp_path: Path) -> None:
    study = search(
        Hostile(), hostile_task(), out=tmp_path / "s", execution=Execution(FakeRunner()), **options(budget=5)
    )
    text = shown(study._repr_html_())
    assert "<script>alert('1')</script>&\\u202e on <script>" in text
    figures = study.figures
    for name, value in (
        ("accuracy of the identity", figures.base_accuracy.value),
        ("oracle accuracy, search", figures.oracle_accuracy.value),
        ("oracle accuracy, random chains", figures.peers["random"].oracle_accuracy.value),
        ("accuracy by acc_mutual_info", figures.base_by_metric["acc_mutual_info"].value),
    ):
        assert value is not None and f"{name}{numbers.share(value)} (95" in text
    assert "excess over the control" in text and "isn't an accuracy" in text


def test_static_chains_are_shown(tmp_path: Path) -> None:
    study = search_static(
        Hostile(), hostile_task("verbatim"), out=tmp_path / "s", searcher="random", space="skip", budget=12,
        static=StaticSettings(train=12, test=20), execution=Execution(FakeRunner()),
    )  # fmt: skip
    text = shown(study._repr_html_())
    chosen = study.figures.chosen
    assert all(f"{name}{each.notation}{each.depth}" in text for name, each in chosen.items())
    gaps = [each.minus_identity for each in chosen.values() if each.minus_identity is not None]
    assert gaps and text.count(" points (") == len(gaps)


def test_an_evaluation_shows_every_metric(tmp_path: Path) -> None:
    found = skiploop.evaluate("nano", "nano", limit=5, chain="0-6", out=tmp_path / "e")
    text = shown(found._repr_html_())
    value = found.figures.metrics["accuracy"].identity.value
    assert value is not None and f"accuracy{numbers.share(value)} (95" in text and "the chain 0-6" in text


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("a<b", "a&lt;b"), ('"', "&quot;"), ("x\u200by\n", "x\\u200by\n"), ("6.0\u00a0%", "6.0\u00a0%")],
)
def test_text_is_made_safe(given: str, wanted: str) -> None:
    assert safe(given) == wanted
