"""Public face sets for the lab, kept in the cache as one folder a person."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import cast

from probablyexists.basis.cache_folder import cache_folder
from probablyexists.basis.files import sha256_file, write_text, written_whole
from probablyexists.sources import public_sets


def fetch(name: str, cache: Path) -> Path:
    """The folder of `lfw` or `olivetti`, fetched now if it never was, or if it is damaged.

    Raises InputError where there is no network.
    """
    folder = cache_folder(cache, "lab", "fetched", name)
    if _digest(folder / "photos") == _read(folder / "whole"):
        return folder / "photos"
    shutil.rmtree(folder / "photos", ignore_errors=True)
    home = cache_folder(cache, "scikit-learn")
    source = public_sets.fetch(cast(public_sets.SetName, name), home, "give a folder that holds it with --faces")
    for photo, data in source.stream(source.photos):
        if isinstance(data, bytes):
            with written_whole(folder / "photos" / photo.path) as aside:
                aside.write_bytes(data)
    write_text(folder / "whole", _digest(folder / "photos"))
    return folder / "photos"


def _digest(photos: Path) -> str:
    """Of the names and contents of all photos."""
    files = sorted(path for path in photos.rglob("*") if path.suffix in (".png", ".jpg"))
    lines = [f"{path.relative_to(photos)} {sha256_file(path)}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
