"""The page in a real browser: what a person sees, with keys, at two widths, and nothing that an automated check of
accessibility calls serious."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import probablyexists
from drawn_world import World, made_once
from probablyexists.results.findings import SAMPLES_SCHEMA, Findings
from probablyexists.results.looking_files import NEAREST_SCHEMA, read_looking, write_looking
from shown_page import Page, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "<img src=x onerror=alert(1)>"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install the system's package chromium")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def hostile(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit with names shown, one of them markup, and as many samples with markup in their names."""

    def make(root: Path) -> None:
        shutil.copytree(world.training, root / "training")
        (root / "training" / "person-0000").rename(root / "training" / HOSTILE)
        shutil.copytree(world.leaking, root / "samples")
        (root / "samples" / "like-0-0.jpg").rename(root / "samples" / f"{HOSTILE}.jpg")
        roles = root / "training", world.heldout, root / "samples"
        probablyexists.audit(*roles, out=root / "audit", show_names=True)

    return made_once(tmp_path_factory, "hostile", make)


@pytest.fixture(scope="module")
def page(hostile: Path) -> Iterator[Page]:
    with served(
        hostile / "audit", "--training", str(hostile / "training"), "--generated", str(hostile / "samples")
    ) as page:
        yield page


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A tab with nothing chosen yet; anything that it complains of fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 860})
    tab, said = context.new_page(), []
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    tab.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
    yield tab
    context.close()
    assert said == []


def until(tab: Any, holds: str) -> None:
    """Wait until an expression holds: Playwright's own waiting evaluates text, which the page's policy forbids."""
    for _ in range(800):
        if tab.evaluate(holds):
            return
        tab.wait_for_timeout(25)
    raise AssertionError(f"never: {holds}")


def loaded(tab: Any) -> None:
    until(tab, "[...document.querySelectorAll('img[src]')].every((one) => one.complete && one.naturalWidth)")


def test_faces_are_veiled_and_not_even_fetched_until_the_reader_chooses(tab: Any, page: Page) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    for where in ("?order=likeness", "people/0", "samples"):
        tab.goto(page.address + where)
        tab.wait_for_timeout(100)
    tab.goto(f"{page.address}?order=likeness")
    tab.wait_for_selector("#who.told")
    assert not [url for url in asked if "/picture/" in url]
    assert tab.locator("#veil").get_attribute("aria-pressed") == "false"
    tab.click("#veil")
    loaded(tab)
    assert [url for url in asked if "/picture/sample/" in url]
    assert [url for url in asked if "/picture/person/" in url]
    tab.goto(f"{page.address}people/0")  # the choice lasts as long as the tab
    loaded(tab)
    assert tab.locator("img[src]").count() > 4
    assert all(url.startswith(page.address) for url in asked)


def test_the_front_shows_a_face_and_who_probably_exists(tab: Any, page: Page, hostile: Path) -> None:
    findings = Findings.read(hostile / "audit")
    tab.goto(f"{page.address}?order=likeness")
    tab.keyboard.press("f")
    tab.wait_for_selector("#who.told")
    assert tab.inner_text("#heading") == "This person probably exists"
    rows = dict(zip(findings.samples["sample"].to_pylist(), findings.samples["person"].to_pylist(), strict=True))
    person = rows[tab.inner_text("#name")]
    assert person in tab.inner_text("#sentence")
    assert "Named by the audit" in tab.inner_text("#evidence")
    assert tab.locator("#photos img").count() == 4
    assert tab.locator("#scale").is_visible()


def test_space_and_arrows_turn_to_the_next_face_and_back(tab: Any, page: Page) -> None:
    tab.goto(page.address)
    tab.wait_for_selector("#who.told")
    first = tab.inner_text("#name")
    tab.keyboard.press(" ")
    until(tab, f"document.getElementById('name').textContent !== {first!r}")
    assert tab.inner_text("#place").startswith("2 of ")
    tab.keyboard.press("ArrowRight")
    until(tab, "document.getElementById('place').textContent.startsWith('3 of')")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    until(tab, "document.getElementById('place').textContent.startsWith('1 of')")
    assert tab.inner_text("#name") == first
    assert tab.locator("#previous").is_disabled()
    tab.select_option("#order", "copies")
    until(tab, "document.getElementById('kind').textContent === 'copy'")
    tab.wait_for_selector("#who.told")
    assert tab.inner_text("#heading") == "This person exists"


def test_a_swipe_turns_to_the_next_face(chromium: Any, page: Page) -> None:
    context = chromium.new_context(viewport={"width": 400, "height": 800}, has_touch=True)
    tab = context.new_page()
    tab.goto(page.address)
    tab.wait_for_selector("#who.told")
    swipe = """(to) => { const front = document.getElementById("front");
      for (const [kind, x] of [["touchstart", 200], ["touchend", to]]) {
        const touch = new Touch({ identifier: 1, target: front, clientX: x });
        front.dispatchEvent(new TouchEvent(kind, { changedTouches: [touch], bubbles: true })); } }"""
    tab.evaluate(swipe, 20)
    until(tab, "document.getElementById('place').textContent.startsWith('2 of')")
    tab.evaluate(swipe, 390)
    until(tab, "document.getElementById('place').textContent.startsWith('1 of')")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    context.close()


def test_people_are_sorted_filtered_and_opened(tab: Any, page: Page, hostile: Path) -> None:
    findings = Findings.read(hostile / "audit")
    tab.goto(f"{page.address}people")
    names = tab.locator("tbody th").all_inner_texts()
    assert names == findings.people["person"].to_pylist()
    tab.click("thead >> text=Person")
    assert tab.locator("tbody th").all_inner_texts() == sorted(names)
    tab.select_option("select[name=which]", "affected")
    tab.click("form button")
    assert tab.locator("tbody tr").count() == findings.affected.n
    tab.fill("input[name=text]", "no such person")
    tab.click("form button")
    assert tab.inner_text("tbody") == "Nobody."
    tab.goto(f"{page.address}people")
    tab.click("tbody th a >> nth=0")
    assert tab.inner_text("h1") == names[0]
    assert tab.locator("svg").first.is_visible()


def test_names_that_are_markup_are_text(tab: Any, page: Page) -> None:
    tab.goto(f"{page.address}people?text={HOSTILE}")
    assert tab.inner_text("tbody th") == HOSTILE
    assert tab.input_value("input[name=text]") == HOSTILE
    tab.click("tbody th a")
    assert tab.inner_text("h1") == HOSTILE
    tab.click("summary")
    assert HOSTILE in tab.inner_text("details .paths")
    tab.goto(f"{page.address}?order=likeness")
    for _ in range(8):
        tab.keyboard.press("ArrowRight")
        tab.wait_for_selector("#who.told")
    tab.wait_for_timeout(100)
    assert tab.locator("img[src=x]").count() == 0


def test_a_copy_is_laid_over_its_photo(tab: Any, page: Page) -> None:
    tab.goto(f"{page.address}samples?order=copies")
    tab.click("#veil")
    tab.click(".wall a >> nth=0")
    loaded(tab)
    tab.focus("#slide")
    tab.keyboard.press("End")
    until(tab, "document.querySelector('.over').style.getPropertyValue('--seen') === '100%'")


def test_the_pages_of_the_wall_turn_by_keys(tab: Any, page: Page) -> None:
    tab.goto(f"{page.address}samples?order=random")
    first = tab.locator(".wall a").count()
    assert first == 60
    tab.keyboard.press("ArrowRight")
    tab.wait_for_url("**page=1")
    assert 0 < tab.locator(".wall a").count() <= 60
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_url("**page=0")


@pytest.fixture(scope="module")
def crowded(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same audit with 100,000 samples, most of which are the strangers' again, without pictures."""
    findings, out = Findings.read(hostile / "audit"), tmp_path_factory.mktemp("crowded")
    nearest, photos, scale = read_looking(hostile / "audit", findings)
    strangers = np.flatnonzero(np.array(findings.samples["kind"].to_pylist()) == "none")
    rows = np.concatenate([np.arange(len(findings.samples)), np.resize(strangers, 100_000 - len(findings.samples))])
    names = pa.array([f"{i:06d}.jpg" for i in range(len(rows))])
    samples = {name: findings.samples[name].take(rows) for name in SAMPLES_SCHEMA.names} | {"sample": names}
    findings.model_copy(update={"samples": pa.table(samples, schema=SAMPLES_SCHEMA)}).write(out)
    beside = {name: nearest[name].take(rows) for name in NEAREST_SCHEMA.names}
    beside["picture"] = pa.array(np.arange(len(rows), dtype=np.int32))
    write_looking(out, pa.table(beside, schema=NEAREST_SCHEMA), photos, scale)
    return out


def test_a_wall_of_100_000_samples_is_turned_page_by_page(tab: Any, crowded: Path) -> None:
    with served(crowded) as page:
        tab.goto(f"{page.address}samples?order=random&page=1500")
        assert "Page 1,501 of 1,667" in tab.inner_text(".pages")
        assert tab.locator(".wall a").count() == 60
        tab.wait_for_load_state("load")
        tab.keyboard.press("ArrowRight")
        tab.wait_for_url("**page=1501")
        tab.goto(f"{page.address}samples?order=random&page=99999")
        assert "Page 1,667 of 1,667" in tab.inner_text(".pages")
        assert tab.locator(".wall a").count() == 100_000 - 60 * 1666


EVERY = ("?order=likeness", "?order=random", "people", "people/0", "samples", "samples/0", "samples?order=copies", "no")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_nothing_is_serious_to_an_accessibility_check(chromium: Any, page: Page, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme, bypass_csp=True)
    tab, serious = context.new_page(), []
    for where in ("samples", "people/0", *EVERY):  # the first two veiled
        tab.goto(page.address + where)
        if where == EVERY[0]:
            tab.click("#veil")
        if "?order=" in where and "samples" not in where:
            tab.wait_for_selector("#who.told")
            tab.wait_for_timeout(350)  # until it has faded in
        for one in Axe().run(tab).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                serious.append(f"{where}: {one['id']} {one['nodes'][0]['html'][:100]}")
        if tab.evaluate("document.documentElement.scrollWidth") > width:
            serious.append(f"{where}: wider than the window")
    context.close()
    assert serious == []
