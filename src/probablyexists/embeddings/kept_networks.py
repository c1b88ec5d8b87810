"""Known recognisers that are on this machine already: fetched into the cache, or put in place by InsightFace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from probablyexists.basis.files import sha256_file
from probablyexists.embeddings.known_networks import KNOWN, Known, known_as

FOLDER = "recognisers"
"""In the cache."""


@dataclass(frozen=True)
class Kept:
    """An ONNX file in one of the places where recognisers lie."""

    path: Path
    known: Known | None
    """What it is, by its hash; None if it is not in the table, or cannot be read."""


def named(name: str) -> Known | None:
    """The known network of this name, in any case; None if there is none."""
    return next((one for one in KNOWN if one.name.lower() == name.lower()), None)


def fetched_to(one: Known, cache: Path) -> Path:
    """Where `recognisers fetch` puts it."""
    return cache / FOLDER / f"{one.name}.onnx"


def kept_at(one: Known, cache: Path) -> Path | None:
    """Where the network is; None if it is nowhere. Files are hashed only if none has its name where it belongs."""
    places = [fetched_to(one, cache)]
    if one.file is not None:
        places += [_insightface() / one.name / one.file, _insightface() / one.name / one.name / one.file]
    there = (place for place in places if place.is_file())
    return next(there, None) or next((file.path for file in kept(cache) if file.known == one), None)


def kept(cache: Path) -> Iterator[Kept]:
    """Every ONNX file in the cache's folder of recognisers and in ~/.insightface, known by its hash."""
    for folder in (cache / FOLDER, _insightface()):
        for path in sorted(folder.rglob("*.onnx")):
            if path.is_file():
                known = None
                with suppress(OSError):  # that may not be read
                    known = known_as(sha256_file(path))
                yield Kept(path, known)


def _insightface() -> Path:
    return Path("~/.insightface/models").expanduser()
