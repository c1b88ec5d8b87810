"""A generator that is read from a file, in a process of its own: see `own_process`."""

from __future__ import annotations

import importlib.util
import math
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import MissingExtraError
from probablyexists.basis.plain_files import plain_size
from probablyexists.basis.progress import Progress
from probablyexists.basis.text import shown
from probablyexists.generators.file_checks import MOST_MODEL
from probablyexists.generators.generator import BrokenPictures, Given
from probablyexists.generators.latents import MOST_AT_ONCE, MOST_FIXED
from probablyexists.generators.open_file import LIBRARIES, Found
from probablyexists.generators.own_process import Limits, OwnProcess
from probablyexists.generators.picture_range import NOT_FINITE, Range
from probablyexists.images.sizes import MAX_PIXELS

LOADING = 300.0
"""Seconds for Python and its libraries to load; nothing of the file is read meanwhile."""
A_GIB = 20.0
"""Further seconds to open a file, for each GiB of it."""
SLACK = 10.0
"""How many times the longest of the first runs a picture of a later batch may take, beside a first picture's time."""
MOST_TRIALS = 32
"""Most runs of a network before its range is known."""
QUIET = 3.0
"""Seconds without an answer after which it is said what is waited for."""


class FileGenerator:
    """See `Generator`. The process ends with this object."""

    def __init__(self, found: Found, given: Given, limits: Limits, progress: Progress) -> None:
        self._where, self._limits, self._progress = shown(found.path), limits, progress
        self._lock = threading.Lock()
        self._said: set[str] = set()
        _refuse_missing(found)
        size, on_disk = _bytes_of(found.path)
        self._process = OwnProcess("probablyexists.generators.child", self._where, limits)
        try:
            self._open(found, given, size, on_disk)
        except BaseException:
            self._process.end()
            raise

    def _open(self, found: Found, given: Given, size: int, on_disk: int) -> None:
        self._process.send({"kind": found.kind, "path": str(found.path), **asdict(given)})
        self._answer(LOADING, "loading its libraries")
        self._process.allow(on_disk)
        self._answer(self._limits.picture_seconds + A_GIB * size / 2**30, "opening it")
        begun, self._longest = time.monotonic(), 0.0
        about, _ = self._answer(self._limits.picture_seconds, "its first picture")
        for _trial in range(MOST_TRIALS):
            self._longest, begun = max(self._longest, time.monotonic() - begun), time.monotonic()
            if "id" in about:
                break
            about, _ = self._answer(2 * self._limits.picture_seconds, "its first two pictures")
        try:
            self.id = shown(about["id"])[:300]
            self.size = height, width = int(about["height"]), int(about["width"])
            self.batch = int(about["batch"])
            """Pictures at once."""
            self.range = Range(*(float(value) for value in about["range"]))
            sound = 0 < height * width <= MAX_PIXELS and 0 < self.batch <= MOST_FIXED
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound:
            raise self._process.broken()
        self.libraries = {name.partition(".")[0] for name in LIBRARIES[found.kind]}
        """Packages that make its pictures."""
        self._process.expect(self.batch * height * width * 3)

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3)."""
        pictures = np.empty((len(seeds), *self.size, 3), np.uint8)
        broken: dict[int, str] = {}
        with self._lock:
            for start in range(0, len(seeds), self.batch):
                some = [int(seed) for seed in seeds[start : start + self.batch]]
                try:
                    pictures[start : start + len(some)], failed = self._batch(some)
                except BaseException:  # also when stopped: a late answer must not be taken for the next
                    self._process.end()
                    raise
                broken |= {start + i: why for i, why in failed.items()}
        if broken:
            raise BrokenPictures(self._where, pictures, broken)
        return pictures

    def _batch(self, seeds: list[int]) -> tuple[NDArray[np.uint8], dict[int, str]]:
        self._process.send({"seeds": seeds})
        seconds = self._limits.picture_seconds + SLACK * self._longest * min(self.batch, MOST_AT_ONCE)
        header, payload = self._answer(seconds, f"a batch of {self.batch}")
        if len(payload) != len(seeds) * math.prod(self.size) * 3:
            raise self._process.broken()
        pictures = np.frombuffer(payload, np.uint8).reshape(len(seeds), *self.size, 3)
        return pictures, _reasons(header.get("broken"), len(seeds), self.range)

    def _answer(self, seconds: float, doing: str) -> tuple[dict[str, Any], bytes]:
        def waiting(waited: float) -> None:
            if waited > QUIET and doing not in self._said:
                self._said.add(doing)
                self._progress.say(f"{self._where}: waiting ({doing}; at most {seconds:,.0f} seconds)")

        return self._process.answer(seconds, doing, waiting)


def _reasons(given: object, n: int, within: Range) -> dict[int, str]:
    """Why pictures are none, by their place; in our words, whoever sent them."""
    places = given if isinstance(given, dict) else {}
    said = {i: places[str(i)] for i in range(n) if str(i) in places}
    return {i: NOT_FINITE if why == NOT_FINITE else f"outside {within}" for i, why in said.items()}


def _refuse_missing(found: Found) -> None:
    for name in LIBRARIES[found.kind]:
        top = name.partition(".")[0]
        there = sys.modules[top] if top in sys.modules else importlib.util.find_spec(top)
        if there is None:
            raise MissingExtraError(top, "lab")


def _bytes_of(path: Path) -> tuple[int, int]:
    """Bytes of a model's weights, and those that are really on the disk: a sparse file has fewer."""
    if path.is_dir():
        inside = (*path.glob("*"), *path.glob("*/*"))
        files = [file for file in inside if file.suffix in (".safetensors", ".bin") and file.is_file()]
    else:
        plain_size(path, MOST_MODEL)
        files = [path]
    about = [file.stat() for file in files]
    sizes = [(one.st_size, min(one.st_size, 512 * getattr(one, "st_blocks", one.st_size))) for one in about]
    return sum(size for size, _ in sizes), sum(on_disk for _, on_disk in sizes)
