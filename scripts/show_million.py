"""How fast the page of an audit of many samples opens and turns, in a real browser: Markdown on stdout.

    python scripts/show_million.py WORK_FOLDER [--samples 1000000] [--chromium /usr/bin/chromium]

Drawn people are audited once; their samples are then linked until there are as many as asked, so that every sample is a
file of its own name on disk. Measured: seconds until the address is printed, the page's first paint and its first
picture, the next face, a wall page, and the server's memory. Each figure is the median and the worst of several.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from probablyexists import audit
from probablyexists.drawn.population import write_population
from probablyexists.results.findings import SAMPLES_SCHEMA
from probablyexists.results.looking_files import NEAREST_SCHEMA, read_looking, write_looking

MEMBERS, HELDOUT, FEW = 40, 80, 1000
ROUNDS = 20


def make(work: Path, n: int) -> Path:
    """The folder of an audit of `n` samples on disk."""
    out = work / f"audit-{n}"
    if (out / "nearest.parquet").exists():
        return out
    write_population(work / "training", range(MEMBERS), range(6), seed=0, kind="jpg")
    write_population(work / "heldout", range(MEMBERS, MEMBERS + HELDOUT), range(4), seed=0, kind="jpg")
    write_population(work / "few", range(200, 200 + FEW // 5), range(5), seed=0, kind="jpg")
    findings = audit(
        work / "training",
        work / "heldout",
        work / "few",
        out=out,
        faces="aligned",
        overwrite=True,
        cache=work / "cache",
    )
    nearest, photos, scale = read_looking(out, findings)
    few = sorted(path for path in (work / "few").rglob("*.jpg"))
    names = [f"{i // 1000:04d}/{i:08d}.jpg" for i in range(n)]
    for start in range(0, n, 1000):
        (work / "many" / f"{start // 1000:04d}").mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        os.link(few[i % len(few)], work / "many" / name)
    rows = np.arange(n) % findings.samples.num_rows
    columns = {name: findings.samples[name].take(rows) for name in SAMPLES_SCHEMA.names} | {"sample": pa.array(names)}
    settings = findings.signature.settings | {"generated": str(work / "many")}
    signature = findings.signature.model_copy(update={"settings": settings})
    many = pa.table(columns, schema=SAMPLES_SCHEMA)
    changed = {"samples": many, "signature": signature, "samples_numbered": False}
    findings.model_copy(update=changed).write(out)
    columns = {name: nearest[name].take(rows) for name in NEAREST_SCHEMA.names}
    columns |= {"picture": pa.array(np.arange(n, dtype=np.int32)), "path": pa.nulls(n, pa.string())}
    write_looking(out, pa.table(columns, schema=NEAREST_SCHEMA), photos, scale)
    return out


def resident(pid: int) -> int:
    """MiB of a process's memory: now, and at most so far."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


def measure(out: Path, chromium: str) -> list[tuple[str, list[float], str]]:
    """(what, values, unit)."""
    from playwright.sync_api import sync_playwright

    begun = time.monotonic()
    command = [sys.executable, "-m", "probablyexists", "show", str(out), "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        found = [("until the address is printed", [time.monotonic() - begun], "s")]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            paints = []
            for _ in range(5):
                page.goto(address)
                until(page, "performance.getEntriesByName('first-contentful-paint').length > 0")
                paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            found.append(("first paint of the front, first time", paints[:1], "ms"))
            found.append(("first paint of the front, again", paints[1:], "ms"))
            page.click("#veil")
            until(page, "document.getElementById('made').complete && document.getElementById('made').src")
            turns = [page.evaluate(_TURN) for _ in range(ROUNDS)]
            found.append(("next face", turns, "ms"))
            walls = []
            for at in range(10):
                begun = time.monotonic()
                page.goto(f"{address}samples?order=likeness&page={at * 1000}")
                until(page, "[...document.images].every((one) => one.complete && one.naturalWidth)")
                walls.append(1000 * (time.monotonic() - begun))
            found.append(("a page of the wall, with its pictures", walls, "ms"))
            browser.close()
        found.append(("memory of the server, at most", [resident(server.pid)], "MiB"))
        return found
    finally:
        server.terminate()
        server.wait()


def until(page: Any, holds: str) -> None:
    """Wait until an expression holds: Playwright's own waiting evaluates text, which the page's policy forbids."""
    while not page.evaluate(holds):
        page.wait_for_timeout(10)


_TURN = """() => new Promise((done) => {
  const image = document.getElementById("made"), begun = performance.now(), before = image.src;
  document.getElementById("next").click();
  const look = () => image.src !== before && image.complete && image.naturalWidth
    ? requestAnimationFrame(() => done(performance.now() - begun)) : requestAnimationFrame(look);
  look();
})"""


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    out = make(given.work.resolve(), given.samples)
    print(f"| {given.samples:,} samples | median | worst | n |\n|---|---|---|---|")
    for what, values, unit in measure(out, given.chromium):
        print(f"| {what} | {statistics.median(values):.3g} {unit} | {max(values):.3g} {unit} | {len(values)} |")


if __name__ == "__main__":
    main()
