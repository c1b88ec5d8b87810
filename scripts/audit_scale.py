"""A whole audit of very many samples: seconds of each stage, memory, and the size of the report.

    python scripts/audit_scale.py                          # 20,000, 200,000 and a million samples: half an hour
    python scripts/audit_scale.py 2000 --drawn 500         # a look at it

300 drawn members and 300 drawn held-out people, 4 photos each. Samples are some thousand drawn photos of other people,
repeated as hard links under other names: each is read, hashed, checked for copies and matched, and each content is
embedded once, before the clock runs. So the audit that is measured has its embeddings in the store; embedding
the drawn ones is timed separately. Each size runs in its own process. Memory is given twice: the most that was
the process's own, and the most that was resident, which counts what is mapped from disk too. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from probablyexists.basis.progress import Silent, Stage
from probablyexists.drawn.population import write_population
from probablyexists.engines.choose import engine
from probablyexists.intake.settings import AuditSettings, checked
from probablyexists.matching.neighbours import Nearest, Vectors, nearest
from probablyexists.tasks.audit import conclude, gather

N_PEOPLE, PHOTOS = 300, 4
SCORING = "scoring people against the samples"
"""The stage that matches, estimates and writes the report."""
OTHERS = 1000
"""Number of the first person who is neither member nor held out."""


class Watch(Silent):
    """Notes when each stage begins."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, float]] = []

    def say(self, text: str) -> None:
        self.begun.append((text, time.perf_counter()))

    def stage(self, title: str, total: int | None) -> Stage:
        self.say(title)
        return super().stage(title, total)

    def seconds(self) -> dict[str, float]:
        """From each to the next."""
        ends = [at for _, at in self.begun[1:]] + [time.perf_counter()]
        found: dict[str, float] = {}
        for (title, start), end in zip(self.begun, ends, strict=True):
            found[title] = found.get(title, 0.0) + end - start
        return found


class Memory:
    """The most memory of its own that this process held while it was watched, in MiB."""

    def __init__(self) -> None:
        self.most, self._stop = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.most = max(self.most, status("RssAnon"))


def status(line: str) -> float:
    """A line of /proc/self/status, in MiB."""
    found = next(at for at in Path("/proc/self/status").read_text().splitlines() if at.startswith(line))
    return int(found.split()[1]) / 1024


def audit_once(folder: Path, samples: Path) -> dict[str, Any]:
    given = {"training": folder / "members", "heldout": folder / "heldout", "generated": samples}
    out = samples.with_name(f"{samples.name}-audit")
    settings = checked(AuditSettings, {**given, "out": out, "cache": folder / "cache", "faces": "aligned"})
    out.mkdir()
    watch, matching = Watch(), 0.0

    def timed(queries: Vectors, references: Vectors, k: int) -> Nearest:
        nonlocal matching
        started = time.perf_counter()
        found = nearest(queries, references, k)
        matching += time.perf_counter() - started
        return found

    started = time.monotonic()
    watch.say("opening the sources")
    with Memory() as memory, engine(settings.resources, watch) as work:
        timed_work = replace(work, matcher=replace(work.matcher, search=timed))
        conclude(gather(settings, timed_work, watch), settings, watch, started)
        stages = watch.seconds()
    files = {path.name: path.stat().st_size for path in out.iterdir()}
    return {
        "in all": time.monotonic() - started,
        "stages": stages,
        "matching": matching,
        "own memory": memory.most,
        "resident": status("VmHWM"),
        "report": files["report.html"],
        "findings": files["findings.json"],
    }


def draw(folder: Path, people: range) -> None:
    write_population(folder, people, range(PHOTOS), size=192, kind="jpg")


def links(drawn: Path, folder: Path, n: int) -> Path:
    """A folder of `n` names for the drawn photos, 10,000 in a folder."""
    photos = sorted(drawn.rglob("*.jpg"))
    for number in range(n):
        path = folder / f"{number // 10_000:03d}" / f"{number:07d}.jpg"
        if number % 10_000 == 0:
            path.parent.mkdir(parents=True)
        os.link(photos[number % len(photos)], path)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", nargs="*", type=int, default=[20_000, 200_000, 1_000_000])
    parser.add_argument("--drawn", type=int, default=20_000, help="samples that are drawn; the others repeat them")
    parser.add_argument("--one", nargs=2, type=Path, metavar=("FOLDER", "SAMPLES"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(audit_once(*chosen.one)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_others = -(-chosen.drawn // PHOTOS)
        parts = [range(start, min(start + 50, OTHERS + n_others)) for start in range(OTHERS, OTHERS + n_others, 50)]
        with ProcessPoolExecutor() as pool:
            list(pool.map(partial(draw, folder / "drawn"), parts))
        draw(folder / "members", range(N_PEOPLE))
        draw(folder / "heldout", range(N_PEOPLE, 2 * N_PEOPLE))
        print(
            "| samples | s | largest stages, s | of which matching, s | statistics, report, s (share) "
            "| own memory, MiB | resident, MiB | report, kB |"
        )
        print("|---:|---:|---|---:|---:|---:|---:|---:|")
        for n in (chosen.drawn, *chosen.samples):
            samples = links(folder / "drawn", folder / f"samples-{n}-{time.monotonic_ns()}", n)
            said = subprocess.run(
                [sys.executable, __file__, "--one", folder, samples], capture_output=True, text=True, check=True
            ).stdout
            its = json.loads(said)
            print(json.dumps(its), file=sys.stderr, flush=True)
            rest = its["stages"][SCORING] - its["matching"]
            stages = sorted(its["stages"].items(), key=lambda item: -item[1])[:5]
            print(
                f"| {n:,} | {its['in all']:.1f} | {'; '.join(f'{title} {took:.1f}' for title, took in stages)} "
                f"| {its['matching']:.1f} | {rest:.1f} ({rest / its['in all']:.1%}) "
                f"| {its['own memory']:,.0f} | {its['resident']:,.0f} "
                f"| {its['report'] / 1000:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
