"""The page in a browser: on a desk and on a phone, light and dark, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]


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
    page.goto(page_file.as_uri() + "#r1-inputs")
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
    for name in ("headline", "depths", "layer-rates", "settings"):
        assert page.locator(f"#r1-{name}").bounding_box()["height"] > 40, "folded on paper"
    assert len(page.pdf()) > 50_000
    context.close()


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_model_of_32_layers_never_makes_the_page_scroll_sideways(
    browser: Any, deep_page: Path, width: int, opened: bool
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(deep_page.as_uri())
    if opened:
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.scrollingElement.scrollWidth") == width
    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(each => each.checkVisibility()"
        " && each.scrollWidth > each.clientWidth + 1).map(each =>"
        " [getComputedStyle(each).overflowX, getComputedStyle(each, '::before').opacity])"
    )
    assert opened or not wide, "what comes first fits"
    assert wide or not opened or width > 390
    assert all(overflow == "auto" and float(hint) > 0 for overflow, hint in wide), "scrolls, and nothing says so"
    context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_folded_is_opened_by_a_link(browser: Any, page_file: Path, scripts: bool) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=scripts, offline=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert not page.locator("#r1-budget").is_visible() and page.locator("details[open]").count() == 0
    page.locator("nav a[href='#r1-depths']").click()
    assert page.locator("#r1-depths table").is_visible() and not page.locator("#r1-budget").is_visible()
    page.goto("about:blank")
    page.goto(page_file.as_uri() + "#r1-budget")
    assert page.locator("#r1-budget table").is_visible()
    page.locator(".summary a.term").first.click()
    assert page.locator("#glossary").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nearby_chains_are_drawn_in_a_colour_of_their_own(browser: Any, page_file: Path, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, offline=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    strokes = [
        page.evaluate("arm => getComputedStyle(document.querySelector(`.order.${arm} .hit`)).stroke", arm)
        for arm in ("search", "random", "nearby", "control")
    ]
    assert len(set(strokes)) == 4 and "none" not in strokes
    context.close()
