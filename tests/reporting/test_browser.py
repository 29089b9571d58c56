"""The page in a browser: on a desk and on a phone, light and dark, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_works_without_a_network_an_error_or_sideways_scrolling(
    browser: Any, page_file: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    trouble: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.append(request.url))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    for details in page.query_selector_all("details"):
        details.evaluate("each => { each.open = true }")  # also what is folded must fit
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 28)"
    )
    figure = page.screenshot(path=tmp_path / f"{width}-{scheme}.png", full_page=True)
    assert len(figure) > 50_000
    assert trouble == [] and requests == [page_file.as_uri()]
    context.close()


def test_text_in_figures_stands_out_from_the_page_in_light_and_dark(browser: Any, page_file: Path) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, offline=True)
        page = context.new_page()
        page.goto(page_file.as_uri())
        colours = page.evaluate(
            "[...document.querySelectorAll('#r1-budget svg.plot text')].map(each => getComputedStyle(each).fill)"
        )
        assert len(colours) > 10
        ground = 255 if scheme == "light" else 20
        for colour in set(colours):
            brightness = sum(int(part) for part in colour[4:-1].split(",")) / 3
            assert abs(brightness - ground) > 120, (scheme, colour)
        context.close()


def test_the_filter_picks_inputs_by_text_level_and_transition(browser: Any, page_file: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    shown = "details.input:not([hidden])"
    everything = page.locator(shown).count()
    assert everything == 10 and page.locator("form.filter output").inner_text() == "10 of 10"
    page.select_option("select[name=level]", "1")
    assert 0 < page.locator(shown).count() < everything
    assert {each.get_attribute("data-level") for each in page.query_selector_all(shown)} == {"1"}
    page.select_option("select[name=level]", "")
    transition = page.query_selector(shown).get_attribute("data-transition")
    page.select_option("select[name=transition]", transition)
    found = {each.get_attribute("data-transition") for each in page.query_selector_all(shown)}
    assert found == {transition}
    page.select_option("select[name=transition]", "")
    name = page.query_selector(f"{shown} .where").inner_text()
    page.fill("input[name=text]", name.upper())
    assert page.locator(shown).count() == 1
    page.locator(f"{shown} > summary").click()
    assert page.locator(f"{shown} svg.skiploop").first.is_visible()
    assert page.locator(f"{shown} svg.tree circle").count() > 3
    page.fill("input[name=text]", "no input says this")
    assert page.locator(shown).count() == 0 and page.locator(".none").is_visible()
    context.close()


def test_all_inputs_are_there_without_scripts_and_on_paper(browser: Any, page_file: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("details.input").count() == 10 and not page.locator("form.filter").is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").is_visible()
    assert len(page.pdf()) > 50_000
    context.close()
