"""Edited photos among many others: how many are found as copies, and how many other photos are called copies.

    python scripts/copies_edits.py --photos path/to/lfw
    python scripts/copies_edits.py --photos path/to/lfw --beside path/to/an/older/src

20 edits each of 200 training photos, and all other photos, asked about 10,000 training photos, at the lowest threshold
that an audit sets. With `--beside`, an older version answers the same questions in a process of its own, and the
answers are compared pair by pair. The screens of the search were set on seed 0. Prints Markdown.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import inspect
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from probablyexists.copies.search import AT_LEAST, find
from probablyexists.faces.acquire import Face, acquire
from probablyexists.sources.open_source import open_source

Pictures = NDArray[np.uint8]
N_EDITED = 200
N_REFERENCES = 10_000


def cropped(photo: Image.Image, share: float, x: float = 0.5, y: float = 0.5) -> Image.Image:
    """`share` of the width and height kept, at a place from 0 (left, top) to 1."""
    width, height = round(share * photo.width), round(share * photo.height)
    left, top = round(x * (photo.width - width)), round(y * (photo.height - height))
    return photo.crop((left, top, left + width, top + height))


def noisy(photo: Image.Image, deviation: float) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, deviation, (photo.height, photo.width, 3))
    return Image.fromarray((np.asarray(photo) + noise).clip(0, 255).astype(np.uint8))


def with_text(photo: Image.Image) -> Image.Image:
    shown = photo.copy()
    draw = ImageDraw.Draw(shown)
    for y in (0.1, 0.6):
        draw.text((photo.width * 0.1, photo.height * y), "PREVIEW", fill="white", font_size=photo.height // 8)
    return shown


def shifted(photo: Image.Image, share: float) -> Image.Image:
    """Moved right and down; the edge is repeated."""
    by = round(share * photo.width)
    padded = np.pad(np.asarray(photo), ((by, 0), (by, 0), (0, 0)), mode="edge")
    return Image.fromarray(padded[: photo.height, : photo.width])


def resized(photo: Image.Image, share: float) -> Image.Image:
    return photo.resize((round(share * photo.width), round(share * photo.height)), Image.Resampling.LANCZOS)


def turned(photo: Image.Image, degrees: float) -> Image.Image:
    """About the middle, what is left without pixels cropped away."""
    return cropped(photo.rotate(degrees, Image.Resampling.BICUBIC), 1 - 2 * abs(np.sin(np.radians(degrees))))


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 30": lambda photo: as_jpeg(photo, 30),
    "JPEG 10": lambda photo: as_jpeg(photo, 10),
    "half the size": lambda photo: resized(photo, 0.5),
    "a third larger": lambda photo: resized(photo, 4 / 3),
    "5 % cropped": lambda photo: cropped(photo, 0.95),
    "10 % cropped": lambda photo: cropped(photo, 0.9),
    "10 % cropped at a corner": lambda photo: cropped(photo, 0.9, 0, 0),
    "mirrored": ImageOps.mirror,
    "mirrored, 5 % cropped, JPEG 50": lambda photo: as_jpeg(cropped(ImageOps.mirror(photo), 0.95), 50),
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.3),
    "darker": lambda photo: ImageEnhance.Brightness(photo).enhance(0.6),
    "more contrast": lambda photo: ImageEnhance.Contrast(photo).enhance(1.4),
    "less contrast": lambda photo: ImageEnhance.Contrast(photo).enhance(0.6),
    "blurred": lambda photo: photo.filter(ImageFilter.GaussianBlur(2)),
    "noise of 15": lambda photo: noisy(photo, 15),
    "turned by 2 degrees": lambda photo: turned(photo, 2),
    "turned by -4 degrees": lambda photo: turned(photo, -4),
    "shifted by 4 %": lambda photo: shifted(photo, 0.04),
    "grey": lambda photo: photo.convert("L").convert("RGB"),
    "text over it": with_text,
}


def as_jpeg(photo: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def encoded(photo: Image.Image) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    return buffer.getvalue()


def pictures_of(images: list[bytes]) -> tuple[Pictures, NDArray[np.intp]]:
    """(n, 2, 48, 48) pictures of the images that have a face, and their places."""
    faces = [face for start in range(0, len(images), 64) for face in acquire(images[start : start + 64], "aligned")]
    kept = [i for i, face in enumerate(faces) if isinstance(face, Face)]
    return np.stack([face.picture for face in faces if isinstance(face, Face)]), np.array(kept)


def answer(asked: Path, answered: Path) -> None:
    """Search as the audit does for samples: from the threshold on."""
    given = np.load(asked)
    screened: dict[str, Any] = {"at_least": AT_LEAST} if "at_least" in inspect.signature(find).parameters else {}
    found = find(given["queries"], given["references"], 1, **screened)
    np.savez(answered, index=found.index, correlation=found.correlation)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder, zip, tar or manifest")
    parser.add_argument("--beside", type=Path, help="the src folder of another version")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of photos")
    parser.add_argument("--keep", type=Path, help="folder for questions and answers, which it may have already")
    parser.add_argument("--answer", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.answer:
        answer(*chosen.answer)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.keep or Path(name)
        asked = folder / "asked.npz"
        if not asked.exists():
            ask(chosen.photos, asked, chosen.seed)
        ways = {"this": Path(__file__).parents[1] / "src"} | ({"beside": chosen.beside} if chosen.beside else {})
        for way, source in ways.items():
            env = {**os.environ, "PYTHONPATH": str(source.resolve())}
            command = [sys.executable, __file__, "--answer", str(asked), str(folder / f"{way}.npz")]
            subprocess.run(command, env=env, check=True)
        show(np.load(asked), {way: np.load(folder / f"{way}.npz") for way in ways})


def ask(photos: Path, asked: Path, seed: int) -> None:
    source = open_source(photos)
    order = np.random.default_rng(seed).permutation(len(source.photos))
    wanted = [source.photos[i] for i in order]
    bytes_of = {photo.path: data for photo, data in source.stream(wanted) if isinstance(data, bytes)}
    images = [bytes_of[photo.path] for photo in wanted if photo.path in bytes_of]
    pictures, kept = pictures_of(images)
    edited = []
    for place in kept[:N_EDITED]:
        photo = Image.open(io.BytesIO(images[place])).convert("RGB")
        edited += [encoded(edit(photo)) for edit in EDITS.values()]
    queries, made = pictures_of(edited)
    others = pictures[N_REFERENCES:]
    np.savez(
        asked,
        references=pictures[:N_REFERENCES],
        queries=np.concatenate([queries, others]),
        source=np.concatenate([made // len(EDITS), np.full(len(others), -1)]),
        edit=made % len(EDITS),
    )


def show(asked: Any, ways: dict[str, Any]) -> None:
    source, edit, n = asked["source"], asked["edit"], len(asked["edit"])
    print(f"{n:,} edited photos and {len(source) - n:,} others asked about {len(asked['references']):,}.\n")
    print("| found as copies of their photo | " + " | ".join(ways) + " |\n|---|" + "---:|" * len(ways))
    called = {way: found["correlation"] >= AT_LEAST for way, found in ways.items()}
    right = {way: called[way] & (found["index"] == source) for way, found in ways.items()}
    for number, name in enumerate(EDITS):
        of = np.append(edit, np.full(len(source) - n, -1)) == number
        print(f"| {name} | " + " | ".join(f"{right[way][of].sum()} of {of.sum()}" for way in ways) + " |")
    print("| **all edits** | " + " | ".join(f"**{right[way].sum():,}**" for way in ways) + " |")
    print("| edits called copies of another photo | " + counted(called[w][:n] & ~right[w][:n] for w in ways) + " |")
    print("| other photos called copies | " + counted(called[w][n:] for w in ways) + " |")
    if len(ways) == 2:
        one, other = ways.values()
        high = (one["correlation"] >= AT_LEAST) | (other["correlation"] >= AT_LEAST)
        apart = np.abs(one["correlation"] - other["correlation"])[high]
        differ = (one["index"] != other["index"])[high].sum()
        print(f"\nOf the {high.sum():,} called copies by either, {differ} differ in the photo; ", end="")
        print(f"{(apart > 0).sum()} correlations differ, at most by {apart.max():.1e}.")


def counted(called: Iterable[NDArray[np.bool_]]) -> str:
    return " | ".join(str(each.sum()) for each in called)


if __name__ == "__main__":
    main()
