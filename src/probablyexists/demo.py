"""The demo: draw people, plant a leak, audit it, and compare what the report names with the truth.

20 members with 4 to 9 training photos (one has 24), 700 held-out people, and a folder of "generated" samples:
200 photos of strangers, 8 unseen photos of each of 6 members (likenesses), and 6 training photos edited (copies).
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

N_MEMBERS = 20
N_HELDOUT = 700
N_STRANGERS = 200
N_LIKENESSES = 6
LIKENESSES_EACH = 8
N_COPIES = 6
PHOTOS_HELDOUT = 4
LEVEL = 0.01
"""Stricter than the audit's usual 0.05, at which one wrong name in every fourth demo would be no mistake. Here a name
needs p <= 6 / 20 * 0.01, which chance gives to 14 * 2 / 701 = 0.04 of the members who do not leak."""
MOST_PHOTOS = 24
"""Training photos of the over-represented person, who is among the planted ones."""
PLANTED_FROM = 100
"""Number of the first photo that is generated; photos from 50 on are never trained on."""
UNSEEN_PHOTOS = range(50, 53)


@dataclass(frozen=True)
class Planted:
    """The truth."""

    people: frozenset[str]
    likenesses: frozenset[str]
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
        faces="aligned",
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
    photos = {n: int(draw.integers(4, 10)) for n in range(N_MEMBERS)}
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
    return Planted(
        frozenset(f"person-{n:04d}" for n in people),
        frozenset(names[N_STRANGERS : len(generated)]),
        frozenset(names[len(generated) :]),
    )


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
    """The names in the findings beside the planted ones.

    Two photos of a drawn person can be nearly the same picture, so that a planted likeness may be called a copy: it is
    withheld all the same and its person is the right one, and it counts as no mistake.
    """
    named = {row["person"] for row in findings.people.to_pylist() if row["exposed"]}
    copies = {row["sample"] for row in findings.samples.to_pylist() if row["kind"] == "copy"}
    wrong = copies - planted.copies - planted.likenesses
    lines = [
        f"verdict: {findings.verdict}. {findings.sentence}",
        "",
        "                 planted  found  missed  wrong",
        _row("people named", len(planted.people), len(named & planted.people), len(named - planted.people)),
        _row("photos copied", len(planted.copies), len(copies & planted.copies), len(wrong)),
        "",
        f"report:   {out / 'audit' / 'report.html'}",
        f"findings: {out / 'audit' / 'findings.json'}",
        f"withhold: {out / 'audit' / 'withhold.txt'}",
    ]
    right = named == planted.people and planted.copies <= copies and not wrong
    return Outcome(right, "\n".join(lines))


def _row(what: str, planted: int, found: int, wrong: int) -> str:
    return f"{what:<16} {planted:>7} {found:>6} {planted - found:>7} {wrong:>6}"
