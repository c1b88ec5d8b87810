"""A whole audit of very many samples: seconds by stage, memory, and the size of what is written.

    python scripts/audit_scale.py                          # 20,000, 200,000 and a million samples
    python scripts/audit_scale.py 2000 --drawn 500         # a look at it
    python scripts/audit_scale.py 1000000 --drawn 10000 --beside path/to/other/src   # each size by both, in turns

300 drawn members and 300 drawn held-out people, 4 photos each. Samples are some thousand drawn photos of other people,
repeated as hard links under other names: each is read, hashed, checked for copies and matched, and each content is
embedded once, in the first row. So the larger audits have their embeddings in the store. Each size runs in a process of
its own. Memory is given twice: the most that was the process's own, and the most that was resident, which counts what
is mapped from disk too. `--beside`: the source folder of another version, measured on the same files. Prints Markdown.
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
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from probablyexists.basis.progress import Silent, Stage
from probablyexists.drawn.population import write_population
from probablyexists.engines.choose import engine
from probablyexists.intake.settings import AuditSettings, checked
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.neighbours import Nearest, Vectors
from probablyexists.tasks.audit import conclude
from probablyexists.tasks.gather import gather

N_PEOPLE, PHOTOS = 300, 4
BEGIN = {
    "opening": ("opening the sources",),
    "copy check": ("looking for the same picture", "pictures compared"),
    "statistics, report": ("scoring people",),
}
"""Stage -> how the titles of its steps begin; all others are reading."""
STAGES = ("opening", "reading", "copy check", "matching", "statistics, report")
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


def audit_once(folder: Path, samples: Path, cache: Path) -> dict[str, Any]:
    given = {"training": folder / "members", "heldout": folder / "heldout", "generated": samples}
    out = samples.with_name(f"{samples.name}-audit")
    settings = checked(AuditSettings, {**given, "out": out, "cache": cache, "faces": "aligned"})
    out.mkdir()
    watch, matching = Watch(), 0.0

    class Timed(Matcher):
        def nearest(self, queries: Vectors, references: Vectors, k: int = 1) -> Nearest:
            nonlocal matching
            started = time.perf_counter()
            found = super().nearest(queries, references, k)
            matching += time.perf_counter() - started
            return found

    started = time.monotonic()
    watch.say("opening the sources")
    with Memory() as memory, engine(settings.resources, watch) as work:
        timed = Timed(**{field.name: getattr(work.matcher, field.name) for field in fields(work.matcher)})
        conclude(gather(settings, replace(work, matcher=timed), watch), settings, watch, started)
        stages = watch.seconds()
    its = dict.fromkeys(STAGES, 0.0)
    for title, took in stages.items():
        its[next((stage for stage, begin in BEGIN.items() if title.startswith(begin)), "reading")] += took
    its["statistics, report"] -= matching
    return {
        "in all": time.monotonic() - started,
        **its,
        "matching": matching,
        "own memory": memory.most,
        "resident": status("VmHWM"),
        **{path.name: path.stat().st_size for path in out.iterdir()},
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
    parser.add_argument("--beside", type=Path, metavar="SRC", help="the source folder of another version")
    parser.add_argument("--one", nargs=3, type=Path, metavar=("FOLDER", "SAMPLES", "CACHE"), help=argparse.SUPPRESS)
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
            "| samples | s | opening the sources | read, hash and embed | copy check | matching | statistics, report "
            "(share) | own memory, MiB | resident, MiB | findings.json, kB | samples.parquet, kB | report, kB |"
        )
        print("|---:|" + "---:|" * 11)
        for n in (chosen.drawn, *chosen.samples):
            for which, tree in enumerate((None, chosen.beside) if chosen.beside else (None,)):
                samples = links(folder / "drawn", folder / f"samples-{n}-{time.monotonic_ns()}", n)
                env = os.environ if tree is None else {**os.environ, "PYTHONPATH": str(tree)}
                command = [sys.executable, __file__, "--one", *map(str, (folder, samples, folder / f"cache-{which}"))]
                said = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
                print(row(n, "" if tree is None else ", the other version", json.loads(said)), flush=True)


def row(n: int, note: str, its: dict[str, Any]) -> str:
    rest = its["statistics, report"]
    seconds = " | ".join(f"{its[stage]:.1f}" for stage in ("in all", *STAGES[:4]))
    sizes = (its.get(name) for name in ("findings.json", "samples.parquet", "report.html"))
    return (
        f"| {n:,}{note} | {seconds} | {rest:.1f} ({rest / its['in all']:.1%}) | {its['own memory']:,.0f} "
        f"| {its['resident']:,.0f} | {' | '.join('-' if size is None else f'{size / 1000:,.0f}' for size in sizes)} |"
    )


if __name__ == "__main__":
    main()
