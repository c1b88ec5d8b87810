"""Folders of images."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hostile_inputs.harm import JSON_TEXTS, name
from hostile_inputs.kind import Draw, Kind, Planted, pick
from hostile_inputs.members import PEOPLE, members, read, small


def plant_folder(draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / "people"
    for path, data in members().items():
        (at / path).parent.mkdir(parents=True, exist_ok=True)
        (at / path).write_bytes(data)
    notes = []
    for _again in range(int(draw.integers(1, 4))):
        how = pick(draw, tuple(_FOLDER))
        try:
            said = _FOLDER[how](draw, at)
            notes.append(said if isinstance(said, str) else how)
        except (OSError, ValueError) as error:
            notes.append(f"{how}: {type(error).__name__}")
    shown = "; ".join(notes).encode("ascii", "backslashreplace").decode()
    return Planted(shown, lambda: read(at), only_missing(at), follows_paths=True)


def only_missing(at: Path) -> Callable[[dict[str, str]], str | None]:
    ours = [f"{who}/{i}.png" for who in PEOPLE for i in range(3)]

    def check(found: dict[str, str]) -> str | None:
        gone = [path for path in ours if (at / path).is_file() and path not in found]
        return f"{len(gone)} pictures are missing, nothing said" if gone else None

    return check


def _odd_person(draw: Draw, at: Path) -> str:
    its = at / name(draw, on_disk=True)
    its.mkdir()
    (its / (name(draw, on_disk=True) + ".png")).write_bytes(small(0, 0))
    return f"person {its.name!r:.60}"


def _bytes_name(draw: Draw, at: Path) -> str:
    its = os.path.join(
        os.fsencode(at / "bo"), bytes(draw.integers(1, 256, 5).astype(np.uint8)).replace(b"/", b"_") + b".png"
    )
    Path(os.fsdecode(its)).write_bytes(small(1, 1))
    return "a name that is not UTF-8"


_FOLDER: dict[str, Callable[[Draw, Path], object]] = {
    "odd names": _odd_person,
    "bytes": _bytes_name,
    "fifo": lambda _, at: os.mkfifo(at / "anna" / "x.png"),
    "fifo person": lambda _, at: os.mkfifo(at / "zed"),
    "fifo json": lambda _, at: os.mkfifo(at / "dataset_dict.json"),
    "device": lambda _, at: (at / "anna" / "zero.png").symlink_to("/dev/zero"),
    "random device": lambda _, at: (at / "anna" / "random").symlink_to("/dev/random"),
    "broken link": lambda _, at: (at / "bo" / "gone.png").symlink_to("nowhere.png"),
    "loop": lambda _, at: (at / "bo" / "loop").symlink_to("."),
    "parent": lambda _, at: (at / "up").symlink_to(".."),
    "self": lambda _, at: (at / "bo" / "self.png").symlink_to("self.png"),
    "linked person": lambda _, at: (at / "zed").symlink_to("anna"),
    "empty file": lambda _, at: (at / "cy" / "empty.png").write_bytes(b""),
    "folder called png": lambda _, at: (at / "cy" / "x.png").mkdir(),
    "sparse": lambda _, at: _sparse(at / "cy" / "big.png"),
    "deep": lambda _, at: _deep(at),
    "loose": lambda _, at: (at / "loose.png").write_bytes(small(0, 0)),
    "proc": lambda _, at: (at / "anna" / "environ").symlink_to("/proc/self/environ"),
    "mem": lambda _, at: (at / "anna" / "mem").symlink_to("/proc/self/mem"),
    "many": lambda _, at: _many(at),
    "tar beside": lambda _, at: (at / "x.tar").write_bytes(b"no tar"),
    "info": lambda draw, at: (at / "dataset_info.json").write_text(str(pick(draw, JSON_TEXTS)), "utf-8"),
    "socket": lambda _, at: os.mknod(at / "anna" / "s.png", stat.S_IFSOCK | 0o600),
    "no permission": lambda _, at: (at / "bo").chmod(0),
    "case": lambda _, at: (at / "ANNA").mkdir(),
}


def _many(at: Path) -> None:
    for i in range(2000):
        (at / f"p{i}").mkdir()


def _sparse(at: Path) -> None:
    """20 GiB that take no place on the disk."""
    at.touch()
    os.truncate(at, 20 << 30)


def _deep(at: Path) -> None:
    for _ in range(150):
        at /= "dd"
        at.mkdir()
    (at / "x.png").write_bytes(small(0, 0))


KINDS = (Kind("source: folder", "sources", plant_folder, 1.2, "its own pictures, nothing missing"),)
