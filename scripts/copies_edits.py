"""Edited photos among many others: how many are found as copies, and how many other photos are called copies.

    python scripts/copies_edits.py --photos path/to/lfw
    python scripts/copies_edits.py --photos path/to/lfw --beside path/to/an/older/src

20 edits each of 200 training photos, asked about 10,000 training photos; the threshold is set on half of the others,
the other half are asked too. The search is the one of the audit: exact from the threshold on. With `--beside`, an older
version answers the same questions in a process of its own, and the answers are compared pair by pair. Prints Markdown.
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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from probablyexists.copies.search import find, threshold
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
    """Search as the audit does: the held-out photos first, then everything from the threshold on."""
    given = np.load(asked)
    limit = threshold(find(given["heldout"], given["references"], 1).correlation, np.empty(0)).value
    exact_from: dict[str, Any] = {"at_least": limit} if "at_least" in inspect.signature(find).parameters else {}
    started = time.process_time()
    found = find(given["queries"], given["references"], 1, **exact_from)
    took = time.process_time() - started
    np.savez(answered, index=found.index, correlation=found.correlation, limit=limit, took=took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder, zip, tar or manifest")
    parser.add_argument("--beside", type=Path, help="the src folder of another version")
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
            ask(chosen.photos, asked)
        ways = {"this": Path(__file__).parents[1] / "src"} | ({"beside": chosen.beside} if chosen.beside else {})
        for way, source in ways.items():
            env = {**os.environ, "PYTHONPATH": str(source.resolve())}
            command = [sys.executable, __file__, "--answer", str(asked), str(folder / f"{way}.npz")]
            subprocess.run(command, env=env, check=True)
        show(np.load(asked), {way: np.load(folder / f"{way}.npz") for way in ways})


def ask(photos: Path, asked: Path) -> None:
    source = open_source(photos)
    order = np.random.default_rng(0).permutation(len(source.photos))
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
        heldout=others[::2],
        queries=np.concatenate([queries, others[1::2]]),
        source=np.concatenate([made // len(EDITS), np.full(len(others[1::2]), -1)]),
        edit=made % len(EDITS),
    )


def show(asked: Any, ways: dict[str, Any]) -> None:
    source, n_edits = asked["source"], len(asked["edit"])
    print(f"{n_edits:,} edited photos and {len(source) - n_edits:,} others asked about {len(asked['references']):,}.\n")
    print("| | " + " | ".join(ways) + " |\n|---|" + "---:|" * len(ways))
    right = {way: (found["correlation"] >= found["limit"]) & (found["index"] == source) for way, found in ways.items()}
    for number, edit in enumerate(EDITS):
        of = asked["edit"] == number
        print(f"| {edit} | " + " | ".join(f"{right[way][:n_edits][of].sum()} of {of.sum()}" for way in ways) + " |")
    wrong = {way: ((found["correlation"] >= found["limit"]) & ~right[way]).sum() for way, found in ways.items()}
    print("| **all edits** | " + " | ".join(f"**{right[way].sum():,}**" for way in ways) + " |")
    print("| other photos called copies, or copies of another photo | " + " | ".join(map(str, wrong.values())) + " |")
    print("| threshold | " + " | ".join(f"{found['limit']:.6f}" for found in ways.values()) + " |")
    cost = (f"{1e6 * found['took'] / len(source):.0f}" for found in ways.values())
    print("| µs of a core a picture, references included | " + " | ".join(cost) + " |")
    if len(ways) == 2:
        one, other = ways.values()
        high = (one["correlation"] >= one["limit"]) | (other["correlation"] >= other["limit"])
        apart = np.abs(one["correlation"] - other["correlation"])[high].max()
        differ = (one["index"] != other["index"])[high].sum()
        print(f"\nOf the {high.sum():,} called copies by either, {differ} differ in the photo; ", end="")
        print(f"the largest difference of a correlation is {apart:.1e}.")


if __name__ == "__main__":
    main()
