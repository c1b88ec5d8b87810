"""The demo: draw people, plant a leak, audit it, and compare what the report names with the truth.

24 members with 3 to 8 training photos (one has 24), 800 held-out people, and a folder of "generated" samples:
300 photos of strangers, 4 unseen photos of each of 8 members (likenesses), and 6 training photos edited (copies).
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Progress
from probablyexists.basis.seeds import rng
from probablyexists.findings import Findings
from probablyexists.images.drawn import draw_person, draw_photo, write_population
from probablyexists.method import audit

N_MEMBERS = 24
N_HELDOUT = 800
N_STRANGERS = 300
N_LIKENESSES = 8
LIKENESSES_EACH = 4
N_COPIES = 6
LEVEL = 0.01
"""Stricter than the audit's usual 0.05, at which one wrong name in every second or third demo would be no mistake:
here chance names some 16 * 2 / 801 = 0.04 of the members who do not leak."""
PHOTOS_HELDOUT = 3
MOST_PHOTOS = 24
"""Training photos of the over-represented person, who is among the planted ones."""
PLANTED_FROM = 100
"""Number of the first photo that is generated; photos from 50 on are never trained on."""
UNSEEN_PHOTOS = range(50, 53)


@dataclass(frozen=True)
class Planted:
    """The truth."""

    people: frozenset[str]
    copies: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """What the audit made of it."""

    right: bool
    text: str


def demo(out: Path, seed: int, progress: Progress) -> Outcome:
    """Draw, plant, audit, compare. The photos and the report are left in `out`."""
    if out.exists() and any(out.iterdir()):
        if not (out / ".probablyexists-demo").is_file():
            raise InputError(f"--out {out}: is not empty and no demo of ours; give another folder")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / ".probablyexists-demo").touch()
    planted = draw_everybody(out, seed, progress)
    findings = audit(
        out / "training",
        out / "heldout",
        out / "generated",
        unseen=out / "unseen",
        out=out / "audit",
        seed=seed,
        level=LEVEL,
        show_names=True,
        show_faces=True,
        cache=out / "cache",
        progress=progress,
    )
    return compare(findings, planted, out)


def draw_everybody(out: Path, seed: int, progress: Progress) -> Planted:
    """Write training/, unseen/, heldout/ and generated/; return what was planted."""
    draw = rng(seed, "demo")
    photos = {n: int(draw.integers(3, 9)) for n in range(N_MEMBERS)}
    people = [int(n) for n in draw.permutation(N_MEMBERS)[:N_LIKENESSES]]
    photos[people[0]] = MOST_PHOTOS
    strangers = range(N_MEMBERS + N_HELDOUT, N_MEMBERS + N_HELDOUT + N_STRANGERS)
    generated = [(n, PLANTED_FROM) for n in strangers] + [
        (n, PLANTED_FROM + k) for n in people for k in range(LIKENESSES_EACH)
    ]
    copied = [int(n) for n in draw.permutation(N_MEMBERS) if int(n) not in people][:N_COPIES]
    names = [f"{number:06d}.jpg" for number in draw.permutation(10**6)[: len(generated) + N_COPIES]]

    (out / "generated").mkdir()
    jobs: list[Callable[[], None]] = [
        *(partial(_write, out / "training", n, range(photos[n]), seed) for n in range(N_MEMBERS)),
        *(partial(_write, out / "unseen", n, UNSEEN_PHOTOS, seed) for n in range(N_MEMBERS)),
        *(partial(_write, out / "heldout", N_MEMBERS + n, range(PHOTOS_HELDOUT), seed) for n in range(N_HELDOUT)),
        *(
            partial(_sample, out / "generated" / name, n, photo, seed)
            for (n, photo), name in zip(generated, names, strict=False)
        ),
        *(
            partial(_copy, out / "generated" / name, n, i, seed)
            for i, (n, name) in enumerate(zip(copied, names[len(generated) :], strict=True))
        ),
    ]
    with progress.stage("drawing people", len(jobs)) as bar, ThreadPoolExecutor() as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()
            bar.advance()
    return Planted(frozenset(f"person-{n:04d}" for n in people), frozenset(names[len(generated) :]))


def _write(folder: Path, person: int, photos: range, seed: int) -> None:
    write_population(folder, [person], photos, seed, kind="jpg")


def _sample(path: Path, person: int, photo: int, seed: int) -> None:
    Image.fromarray(draw_photo(draw_person(seed, person), photo)).save(path, quality=92)


def _copy(path: Path, person: int, which: int, seed: int) -> None:
    Image.fromarray(_edited(draw_photo(draw_person(seed, person), 0), which)).save(path, quality=92)


def _edited(picture: NDArray[np.uint8], which: int) -> NDArray[np.uint8]:
    """A training photo as a generator that copies might give it: compressed, mirrored, brighter, smaller, cropped."""
    image = Image.fromarray(picture)
    side = image.width
    if which % 5 == 1:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif which % 5 == 2:
        image = ImageEnhance.Brightness(image).enhance(1.1)
    elif which % 5 == 3:
        image = image.resize((side * 3 // 4, side * 3 // 4), Image.Resampling.LANCZOS)
    elif which % 5 == 4:
        cut = side // 32
        image = image.crop((cut, cut, side - cut, side - cut))
    squeezed = io.BytesIO()
    image.save(squeezed, "JPEG", quality=60)
    return np.asarray(Image.open(squeezed))


def compare(findings: Findings, planted: Planted, out: Path) -> Outcome:
    """The names in the findings beside the planted ones."""
    named = {row["person"] for row in findings.people.to_pylist() if row["exposed"]}
    copies = {row["sample"] for row in findings.samples.to_pylist() if row["kind"] == "copy"}
    lines = [
        f"verdict: {findings.verdict}. {findings.sentence}",
        "",
        "                     planted  found  missed  wrongly named",
        _row("people", named, planted.people),
        _row("copied photos", copies, planted.copies),
        "",
        f"report:   {out / 'audit' / 'report.html'}",
        f"findings: {out / 'audit' / 'findings.json'}",
        f"withhold: {out / 'audit' / 'withhold.txt'}",
    ]
    return Outcome(named == planted.people and copies == planted.copies, "\n".join(lines))


def _row(what: str, found: set[str], truth: frozenset[str]) -> str:
    return f"{what:<20} {len(truth):>8} {len(found & truth):>6} {len(truth - found):>7} {len(found - truth):>14}"
