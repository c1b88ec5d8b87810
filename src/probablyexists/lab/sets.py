"""The lab's sets: photos of known people as aligned crops, cut where they are needed and kept."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.cache_folder import cache_folder
from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.progress import Progress
from probablyexists.basis.threads import mapper
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.faces.acquire import at_least
from probablyexists.faces.alignment import cut_chip
from probablyexists.faces.boxes import SMALLEST, detect, frame_box
from probablyexists.faces.landmarks import landmarks
from probablyexists.images.decode import decode_picture
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, open_source

CROPS_VERSION = 1
"""Raised whenever the same photo would give another crop, or the same drawn person another picture."""
CHIP = 128
"""Pixels of the aligned face that a crop is reduced from."""

AT_ONCE = 512
"""Photos in memory at a time."""

RESEARCH_SETS = ("lfw", "celeba", "orl")
_DRAWN = re.compile(r"people(?::(\d+)x(\d+))?")
_DRAWN_DEFAULT = (300, 24)
_Given: TypeAlias = bytes | tuple[int, int]
"""A photo's bytes, or the numbers of a drawn person and photo."""


@dataclass(frozen=True, order=True)
class Crop:
    """One aligned face of a known person."""

    person: str
    photo: str
    """Its path inside the set."""
    path: Path
    """The PNG file."""


def crops(
    name: str,
    size: int,
    faces: Path | None,
    cache: Path,
    progress: Progress,
    fewest_photos: int = 1,
    threads: int | None = None,
) -> list[Crop]:
    """Photos of a set that show a face, as (size, size) PNG files; sorted by person, then photo.

    People with fewer than `fewest_photos` in the set are left out, and their photos are not read. `threads`: None: as
    many as cores.

    `name`: `people` or `people:300x24` (300 drawn people, 24 photos each), a folder below `faces` (`lfw`, `celeba`,
    `orl`), `olivetti` or `lfw` through scikit-learn where `faces` has none, or the path of any folder, archive or
    manifest with people's names. The crop is the recogniser's own frame (dlib's chip, padding 0.25):
    what a generator learns at this size is then what the audit sees.

    Raises InputError for a set that cannot be found or has no names.
    """
    photos, total = _photos(name, faces, cache, fewest_photos)
    folder = cache_folder(cache, "lab", f"crops-{CROPS_VERSION}")

    def cut(job: tuple[Photo, _Given]) -> Crop | None:
        photo, given = job
        path = _kept(given, size, folder)
        return None if path is None or photo.person is None else Crop(photo.person, photo.path, path)

    found: list[Crop] = []
    with progress.stage(f"crops of {name}, {size} px", total) as bar, mapper(threads) as in_order:
        while block := list(islice(photos, AT_ONCE)):
            for crop in in_order(cut, block):
                bar.advance()
                if crop is not None:
                    found.append(crop)
    if total and not found:
        raise InputError(f"set {name}: no face in any of {total} photos")
    return sorted(found)


def read(chosen: list[Crop]) -> NDArray[np.uint8]:
    """(n, size, size, 3) RGB."""
    return read_files([crop.path for crop in chosen])


def read_files(paths: list[Path]) -> NDArray[np.uint8]:
    """(n, size, size, 3) RGB, of the PNG files of crops."""
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


def _photos(name: str, faces: Path | None, cache: Path, fewest: int) -> tuple[Iterator[tuple[Photo, _Given]], int]:
    """The photos of people who have at least `fewest`, and their number."""
    if drawn := _DRAWN.fullmatch(name):
        n_people, n_photos = (int(part) for part in drawn.groups()) if drawn.group(1) else _DRAWN_DEFAULT
        n_people = n_people if n_photos >= fewest else 0
        drawings = (
            (Photo(f"person-{p:05d}/{i:03d}.png", f"person-{p:05d}"), (p, i))
            for p in range(n_people)
            for i in range(n_photos)
        )
        return drawings, n_people * n_photos
    source = _open(name, faces, cache)
    if source.photos[0].person is None:
        raise InputError(f"set {name}: its photos have no people; give one folder a person, or a manifest")
    listed = Counter(photo.person for photo in source.photos)
    wanted = [photo for photo in source.photos if listed[photo.person] >= fewest]
    return ((photo, data) for photo, data in source.stream(wanted) if isinstance(data, bytes)), len(wanted)


def _open(name: str, faces: Path | None, cache: Path) -> Source:
    if name in RESEARCH_SETS and faces is not None and (faces / name).is_dir():
        return open_source(faces / name, named=True)
    if name in ("lfw", "olivetti"):
        from probablyexists.lab.fetched import fetch

        return open_source(fetch(name, cache), named=True)
    if name in RESEARCH_SETS:
        raise InputError(f"set {name}: not below --faces {faces}; name the folder that holds {name}/")
    return open_source(name, named=True)


def _kept(given: _Given, size: int, folder: Path) -> Path | None:
    """The crop's file, made if it is not there; None if the photo shows no face."""
    content = given if isinstance(given, bytes) else f"drawn {given}".encode()
    key = hashlib.sha256(content).hexdigest()
    path = folder / str(size) / key[:2] / f"{key}.png"
    nothing = folder / "no-face" / key[:2] / key
    if path.exists():
        return path
    if nothing.exists():
        return None
    chip = _chip(given)
    if chip is None:
        write_text(nothing, "")
        return None
    image = Image.fromarray(chip)
    with written_whole(path) as aside:
        (image if size == CHIP else image.resize((size, size), Image.Resampling.LANCZOS)).save(aside, format="PNG")
    return path


def _chip(given: _Given) -> NDArray[np.uint8] | None:
    try:
        picture = decode_picture(given) if isinstance(given, bytes) else _drawn(*given)
    except ImageError:
        return None
    image = np.asarray(at_least(picture, SMALLEST))
    box = detect(image).box if isinstance(given, bytes) else frame_box(image.shape[1::-1])
    if box is None:
        return None
    (points,) = landmarks([image], [box])
    return cut_chip(image, points, CHIP)


def _drawn(person: int, photo: int) -> Image.Image:
    return Image.fromarray(draw_photo(draw_person(0, person), photo, CHIP))
