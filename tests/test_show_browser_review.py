"""The blind review in a real browser, from the name to the result."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import probablyexists
from drawn_world import World, made_once
from shown_page import Page, served

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="the distribution's Chromium is not installed")


@pytest.fixture(scope="module")
def shown(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, Path]]:
    """The page of an audit, and its folder, to which it writes."""

    def make(folder: Path) -> None:
        probablyexists.audit(world.training, world.heldout, world.leaking, unseen=world.unseen, out=folder)

    made = made_once(tmp_path_factory, "looked-at", make)
    audit = Path(shutil.copytree(made, tmp_path_factory.mktemp("browsed") / "audit"))
    with served(audit) as page:
        yield page, audit


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_blind_review_to_its_result(shown: tuple[Page, Path], browser: Any) -> None:
    page, audit = shown
    tab = browser.new_context(viewport={"width": 400, "height": 860}).new_page()
    asked: list[str] = []
    wrong: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)

    tab.goto(f"{page.address}review")
    tab.fill("#name", "<b>Ann</b>")
    tab.press("#name", "Enter")
    tab.wait_for_selector("#question")
    tab.wait_for_load_state("load")  # its scripts have run
    assert tab.locator("[data-decision]:enabled").count() == 0  # veiled: nothing can be answered, nothing was fetched
    tab.keyboard.press("s")
    assert not any("/picture/" in url for url in asked)
    assert not (audit / "review.csv").exists()

    tab.keyboard.press("f")
    tab.wait_for_selector("[data-decision]:enabled")
    tab.wait_for_load_state("networkidle")
    images = tab.locator("#question img")
    widths = images.evaluate_all("all => all.map((image) => image.naturalWidth)")
    assert widths == [384] * images.count()
    assert images.count() >= 2
    assert {alt.split(" ")[0] for alt in images.evaluate_all("all => all.map((image) => image.alt)")} == {
        "The",
        "Photo",
    }
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400

    def answered(question: int) -> None:
        tab.wait_for_selector(f"#question[data-question='{question + 1}'] [data-decision]:enabled, #result")

    for question, key in enumerate("sdu", start=1):
        tab.keyboard.press(key)
        answered(question)
    tab.get_by_role("link", name="Change the answer before").click()
    tab.wait_for_selector("#question[data-question='3'] [aria-pressed='true'][data-decision='cannot say']")
    tab.wait_for_selector("[data-decision]:enabled")
    tab.keyboard.press("s")
    answered(3)
    n = int(tab.get_attribute("progress", "max"))
    for question in range(4, n + 1):
        tab.get_by_role("button", name="Different people").click()
        answered(question)

    assert tab.url.endswith("/result")
    assert tab.locator("h1").inner_text() == "What <b>Ann</b> saw"
    assert tab.get_by_text("Where the audit and you differ").count() == 1
    assert tab.locator("table tbody tr").count() >= 2
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    tab.get_by_role("button", name="Put into report.html").click()
    tab.get_by_text("It is in report.html now").wait_for()
    assert "&lt;b&gt;Ann&lt;/b&gt;" in (audit / "report.html").read_text()
    rows = list(csv.reader(io.StringIO((audit / "review.csv").read_text("utf-8-sig"))))[1:]
    assert [row[3] for row in rows] == ["1", "2", "3", "3", *(str(question) for question in range(4, n + 1)), ""]
    assert [row[4] for row in rows[:4]] == ["same", "different", "cannot say", "same"]
    assert wrong == []
    assert all(url.startswith(page.address) for url in asked)


def test_the_pages_of_the_review_have_no_serious_fault_of_accessibility(shown: tuple[Page, Path], browser: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page, _ = shown
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 400, "height": 860}, color_scheme=scheme, bypass_csp=True)
        tab = context.new_page()
        tab.goto(f"{page.address}review")
        found = [_serious(axe.run(tab))]
        tab.fill("#name", f"Bo {scheme}")
        tab.press("#name", "Enter")
        tab.wait_for_selector("#question")
        tab.wait_for_load_state("load")
        tab.keyboard.press("f")
        tab.wait_for_selector("[data-decision]:enabled")
        found.append(_serious(axe.run(tab)))
        tab.locator("summary").click()
        tab.locator("#stop").click()
        tab.wait_for_selector("#result")
        found.append(_serious(axe.run(tab)))
        assert found == [[], [], []]


def _serious(found: Any) -> list[str]:
    faults = found.response["violations"]
    return [f"{fault['id']}: {fault['help']}" for fault in faults if fault["impact"] in ("serious", "critical")]
