"""docs/page.png: the page of the demo, as a browser shows it. Drawn people alone.

    probablyexists demo
    python scripts/page_picture.py probablyexists-demo

Needs the system's package chromium. The samples are drawn again.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from probablyexists import show
from probablyexists.demo import drawn_samples

PICTURE = Path(__file__).parent.parent / "docs" / "page.png"
SIZE: ViewportSize = {"width": 1280, "height": 770}
TOLD = "document.querySelector('#who.told') && document.querySelectorAll('#photos img').length"
LOADED = "[...document.querySelectorAll('img[src]')].every((one) => one.complete && one.naturalWidth)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="folder of a finished demo")
    parser.add_argument("--out", type=Path, default=PICTURE)
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium here: install the system's package chromium")
    addresses: SimpleQueue[str] = SimpleQueue()
    with drawn_samples(0) as samples:
        shown = {"generated": samples, "browse": False, "said": addresses.put}
        threading.Thread(target=show, args=(given.demo / "audit",), kwargs=shown, daemon=True).start()
        photograph(addresses.get(timeout=60), chromium, given.out)


def photograph(address: str, chromium: str, out: Path) -> None:
    """The front of a page that is served at `address`: the sample most alike, faces shown, light."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_context(viewport=SIZE, color_scheme="light").new_page()
        tab.goto(f"{address}?order=likeness")
        tab.click("#veil")
        for holds in (TOLD, LOADED):
            wait(tab, holds)
        tab.wait_for_timeout(1000)  # what appears slowly has appeared
        picture = Image.open(io.BytesIO(tab.screenshot()))
        browser.close()
    picture.convert("RGB").quantize(256).save(out, optimize=True)  # a third of the bytes


def wait(tab: Page, holds: str) -> None:
    """Until an expression holds: Playwright's own waiting evaluates text, which the page's policy forbids."""
    for _ in range(800):
        if tab.evaluate(holds):
            return
        tab.wait_for_timeout(25)
    sys.exit(f"never: {holds}")


if __name__ == "__main__":
    main()
