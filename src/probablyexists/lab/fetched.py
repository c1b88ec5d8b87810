"""Public face sets through scikit-learn's own fetchers, unpacked to one folder a person."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from probablyexists.basis.cache_folder import cache_folder
from probablyexists.basis.errors import InputError
from probablyexists.basis.files import sha256_file, write_text, written_whole


def fetch(name: str, cache: Path) -> Path:
    """The folder of `lfw` or `olivetti`, fetched now if it never was, or if it is damaged.

    The only data that is ever fetched, and only where its name is given. scikit-learn keeps a copy of its own, whose
    hash it checks. Raises InputError where there is no network.
    """
    folder = cache_folder(cache, "lab", "fetched", name)
    if _digest(folder / "photos") == _read(folder / "whole"):
        return folder / "photos"
    shutil.rmtree(folder / "photos", ignore_errors=True)
    from sklearn.datasets import fetch_lfw_people, fetch_olivetti_faces

    try:
        if name == "olivetti":
            bunch = fetch_olivetti_faces(data_home=str(cache / "scikit-learn"))
            names = [f"person-{number:02d}" for number in bunch.target]
        else:
            bunch = fetch_lfw_people(
                data_home=str(cache / "scikit-learn"), funneled=True, color=True, resize=1.0, slice_=None
            )
            names = [str(bunch.target_names[number]).replace(" ", "_") for number in bunch.target]
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise InputError(f"set {name}: cannot be fetched ({said}); give a folder that holds it with --faces") from None
    for number, (person, picture) in enumerate(zip(names, bunch.images, strict=True)):
        with written_whole(folder / "photos" / person / f"{number:05d}.png") as aside:
            Image.fromarray(np.round(picture * 255).clip(0, 255).astype(np.uint8)).save(aside, format="PNG")
    write_text(folder / "whole", _digest(folder / "photos"))
    return folder / "photos"


def _digest(photos: Path) -> str:
    """Of the names and contents of all photos."""
    lines = [f"{path.relative_to(photos)} {sha256_file(path)}" for path in sorted(photos.rglob("*.png"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
