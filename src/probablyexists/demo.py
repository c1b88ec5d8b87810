"""The demo: audit a real GAN trained on drawn people, one of them over-represented, and compare with the truth.

The generator is an ONNX file in the package (`assets/`, made by scripts/demo_generator.py) and needs no torch.
It was trained on 20 drawn people: 10 photos of each, and 400 of one person.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.resources import as_file, files
from multiprocessing import get_context
from pathlib import Path

from probablyexists.basis.errors import InputError, WriteError, option
from probablyexists.basis.files import sha256_file
from probablyexists.basis.processes import end_with_parent, without_stops
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.seeds import rng
from probablyexists.drawn.population import write_population
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.generator import Given
from probablyexists.generators.open_generator import open_generator
from probablyexists.generators.own_process import Limits
from probablyexists.results.findings import Findings
from probablyexists.sources.open_source import Source
from probablyexists.stats.estimate import Estimate
from probablyexists.tasks.audit import audit

POPULATION = 0
"""Seed of the drawn people that the generator was trained on."""
N_MEMBERS = 20
N_HELDOUT = 700
PHOTOS = 10
MOST_PHOTOS = 400
MOST = int(rng(POPULATION, "demo", "most").integers(N_MEMBERS))
"""Number of the over-represented person."""
PHOTOS_HELDOUT = 4
UNSEEN_PHOTOS = range(1000, 1004)
"""Numbers of the photos that are never trained on."""
SAMPLES = 2000

GENERATOR = "demo-generator.onnx"
GENERATOR_SHA256 = "e5e4879c4e9b2c0e9b60b02822c213e755241421138806fdf8c341ba3f1f0d71"


@dataclass(frozen=True)
class Outcome:
    """Whether the audit was right, and what to print."""

    right: bool
    text: str


def member_photos(number: int) -> range:
    """Numbers of a member's training photos."""
    return range(MOST_PHOTOS if number == MOST else PHOTOS)


def demo(out: Path, seed: int, progress: Progress, overwrite: bool = False) -> Outcome:
    """Draw, sample, audit, compare. Photos and report stay in `out`. `seed`: of the samples.

    Raises InputError if `out` holds anything but a demo that was stopped or, with `overwrite`, a finished one.
    """
    _claim(out, overwrite)
    draw_everybody(out, progress)
    with as_file(files("probablyexists") / "assets" / GENERATOR) as generator:
        if sha256_file(generator) != GENERATOR_SHA256:
            raise InputError(f"{generator}: not the file of this version; reinstall probablyexists")
        findings = audit(
            out / "training",
            out / "heldout",
            generator,
            unseen=out / "unseen",
            out=out / "audit",
            samples=SAMPLES,
            seed=seed,
            faces="aligned",
            show_names=True,
            show_faces=True,
            title="The demo: a GAN of drawn people",
            model=GENERATOR,
            cache=out / "cache",
            progress=progress,
        )
    return compare(findings, out)


@contextmanager
def drawn_samples(seed: int) -> Iterator[Source]:
    """The demo's samples, each drawn again when it is looked at."""
    with as_file(files("probablyexists") / "assets" / GENERATOR) as path:
        limits = Limits(picture_seconds=25.0, memory=2.0)
        generator = open_generator(path, Given(False, None, None, None, SAMPLES), limits, Silent())
        assert generator is not None
        yield GeneratedSource(generator, GENERATOR, SAMPLES, seed)


def _claim(out: Path, overwrite: bool) -> None:
    mark, findings = out / ".probablyexists-demo", out / "audit" / "findings.json"
    try:
        if out.exists() and any(out.iterdir()) and not mark.is_file():
            raise InputError(f"{option('out', out)}: is not empty and not an earlier demo; give another folder")
        if findings.exists() and not overwrite:
            when = f"{datetime.fromtimestamp(findings.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"
            raise InputError(
                f"{option('out', out)}: already holds a demo of {when}; give another folder, or "
                f"{option('overwrite', True)} to replace it"
            )
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch()
        for path in out.iterdir():
            if path.is_dir():  # the mark stays: a demo that is stopped here is still known as one
                shutil.rmtree(path)
    except NotADirectoryError:
        raise InputError(f"{option('out', out)}: is a file; give a folder") from None
    except OSError as error:
        raise WriteError(error.filename or out, error, "give another folder") from error


def draw_everybody(out: Path, progress: Progress) -> None:
    """Write training/, unseen/ and heldout/: one folder a person."""
    everybody = range(N_MEMBERS + N_HELDOUT)
    jobs = [
        *((out / "training", [n], member_photos(n)) for n in everybody[:N_MEMBERS]),
        *((out / "unseen", [n], UNSEEN_PHOTOS) for n in everybody[:N_MEMBERS]),
        *((out / "heldout", [n], range(PHOTOS_HELDOUT)) for n in everybody[N_MEMBERS:]),
    ]
    # Processes: drawing is many short numpy calls, and threads would wait for one another. Spawned, not forked: a
    # process that has threads must not be forked.
    pool = ProcessPoolExecutor(min(os.cpu_count() or 1, 8), get_context("spawn"), end_with_parent)
    write = partial(write_population, seed=POPULATION, kind="jpg")
    with progress.stage("drawing people", len(jobs)) as bar:
        try:
            with without_stops():
                written = pool.map(write, *zip(*jobs, strict=True))
            for _ in written:
                bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)


def compare(findings: Findings, out: Path) -> Outcome:
    """What the audit found beside the truth. Right if the over-represented person is named."""
    most = f"person-{MOST:04d}"
    rows = {row["person"]: row for row in findings.people.to_pylist()}
    affected = {person: row["reason"] for person, row in sorted(rows.items()) if row["reason"]}
    rank = sorted(rows, key=lambda person: -rows[person]["exposure"]).index(most) + 1
    copied = Counter(row["person"] for row in findings.samples.to_pylist() if row["kind"] == "copy")
    unseen = next(m.auroc for m in findings.membership if (m.population, m.level) == ("unseen photos", "person"))
    auroc = f"{unseen.value:.2f} ({unseen.low:.2f} to {unseen.high:.2f})" if isinstance(unseen, Estimate) else "-"
    lines = [
        f"verdict: {findings.verdict}. {findings.sentence}",
        "",
        f"the truth           trained on {N_MEMBERS} people, {PHOTOS} photos each, and {MOST_PHOTOS} of {most}",
        f"copies              {copied.total()} of {SAMPLES:,} samples, {copied[most]} of {most}",
        f"{most}         number {rank} in exposure, {rows[most]['exposure']:.1f} standard deviations above strangers, "
        f"p = {rows[most]['p']:.3f}",
        f"affected            {', '.join(f'{who} ({why})' for who, why in affected.items()) or 'nobody'}",
        f"membership          AUROC of unseen photos, by person: {auroc}",
        "",
        f"report:   {out / 'audit' / 'report.html'}",
        f"findings: {out / 'audit' / 'findings.json'}",
        f"withhold: {out / 'audit' / 'withhold.txt'}",
        "look at it in the browser: probablyexists demo --show --overwrite",
    ]
    return Outcome(rows[most]["exposed"], "\n".join(lines))
