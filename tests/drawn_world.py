"""Drawn people with a planted leak, and how the processes of a test run share what is made once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from probablyexists.drawn.population import draw_person, draw_photo, write_population

MEMBERS, PLANTED, HELDOUT = 12, 5, 70
STRANGERS = 40


@dataclass(frozen=True)
class World:
    """Drawn people on disk, and what was planted."""

    training: Path
    unseen: Path
    heldout: Path
    leaking: Path
    honest: Path
    planted: frozenset[str] = frozenset(f"person-{n:04d}" for n in range(PLANTED))
    copies: frozenset[str] = frozenset(f"copy-{n}.jpg" for n in (8, 9, 10))


def draw_world(root: Path) -> None:
    """Write the folders of `open_world`."""
    write_population(root / "training", range(MEMBERS), range(4), kind="jpg")
    write_population(root / "unseen", range(MEMBERS), range(50, 52), kind="jpg")
    write_population(root / "heldout", range(MEMBERS, MEMBERS + HELDOUT), range(4), kind="jpg")
    for i in range(STRANGERS):
        for folder in ("honest", "leaking"):
            save(root / folder / f"s{i:03d}.jpg", 1000 + i, 0)
    for person in range(PLANTED):
        for k in range(4):
            save(root / "leaking" / f"like-{person}-{k}.jpg", person, 100 + k)
    for person in (8, 9, 10):
        save(root / "leaking" / f"copy-{person}.jpg", person, 1, quality=60)


def open_world(root: Path) -> World:
    """What `draw_world` wrote."""
    return World(*(root / name for name in ("training", "unseen", "heldout", "leaking", "honest")))


def save(path: Path, person: int, photo: int, quality: int = 92) -> None:
    """One drawn photo as a JPEG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_photo(draw_person(0, person), photo, 128)).save(path, quality=quality)


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of this run. pytest-xdist gives each of its processes a folder below it."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of this run, for reading only. The first process that asks makes it; the others wait."""
    folder = shared_folder(factory) / name
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            aside = factory.mktemp(f"{name}-aside")
            make(aside)
            aside.rename(folder)
    return folder
