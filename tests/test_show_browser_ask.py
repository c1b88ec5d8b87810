"""Asking in a real browser: a dropped file, the sheet in its frame, keeping it."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drawn_world import World
from shown_page import Page, audit_of, served
from test_show_ask import jpeg

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; install it with the system's packages")
DROP = """([data, name]) => {
  const carried = new DataTransfer();
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  carried.items.add(new File([bytes], name, { type: "image/jpeg" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.querySelector("#drop").dispatchEvent(
      new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture
def page(world: World, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Page]:
    with served(shutil.copytree(audit_of(world, tmp_path_factory), tmp_path / "audit")) as page:
        yield page


@pytest.fixture
def tab() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 400, "height": 800})
        tab.set_default_timeout(60_000)
        yield tab
        browser.close()


def test_ask_with_a_dropped_file(page: Page, tab: Any, tmp_path: Path) -> None:
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda said: said.type == "error" and errors.append(said.text))
    tab.goto(f"{page.address}ask")
    assert tab.is_disabled("#send")
    name = "<img src=x onerror=alert(1)>.jpg"
    tab.evaluate(DROP, [base64.b64encode(jpeg(0, 700)).decode(), name])
    assert tab.inner_text("#chosen li") == name
    assert tab.url == f"{page.address}ask"

    tab.focus("#send")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#working:not([hidden])")
    tab.wait_for_selector("#answer:not([hidden])")
    assert tab.evaluate("document.activeElement.id") == "answer-title"
    assert "this person" in tab.inner_text("#sentence")
    frame = tab.frame_locator("#sheet")
    frame.locator("h1", has_text="Evidence sheet").wait_for()
    assert frame.locator("figure img").count() >= 1
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert tab.locator("#wall img[src]").count() == 0
    tab.click("#veil")
    assert tab.locator("#wall img[src]").count() == tab.locator("#wall img").count() > 0

    tab.click("#keep")
    tab.wait_for_selector("#kept:not(:empty)")
    assert tab.inner_text("#kept") == f"Kept in {tmp_path / 'audit' / 'asked' / 'sheet-0001'}"
    assert (tmp_path / "audit" / "asked" / "sheet-0001" / "sheet.html").is_file()

    tab.reload()
    tab.click(".earlier")
    tab.wait_for_selector("#answer:not([hidden])")
    assert tab.is_disabled("#keep")
    assert errors == []
