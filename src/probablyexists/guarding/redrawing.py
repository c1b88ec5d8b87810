"""A generator behind a guard: what is refused is drawn again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.generators.generator import BrokenPictures, Generator
from probablyexists.generators.open_generator import open_generator
from probablyexists.guarding.checking import Guard

MOST = 20
"""Most pictures that are drawn for a seed."""
GIVEN_UP = "refused by the guard each time"


class Guarded:
    """A `Generator` whose pictures the guard has allowed.

    The picture of a seed is that of the seed itself, or, if the guard refuses it, of the next of a row of seeds that
    follows from it. So it never depends on other seeds. A seed whose every picture is refused has none: it is told as
    broken, with the reason.
    """

    def __init__(self, generator: Generator, guard: Guard, most: int = MOST) -> None:
        if most < 1:
            raise InputError(f"most={most}: draw each seed at least once")
        self.generator, self.guard, self.most = generator, guard, most
        self.id = f"{guard.id}/{most}/{generator.id}"
        self.batch = getattr(generator, "batch", 64)
        self._settled: dict[int, tuple[int | None, tuple[str, ...]]] = {}
        """Seed -> the seed of its picture, None if each was refused; and the kinds of refusals on the way."""

    @property
    def counts(self) -> dict[str, int]:
        """Over the seeds sampled until now, each once: `seeds`, pictures `drawn`, refused as `copy` or `likeness`, and
        seeds `given up`."""
        refused = Counter(kind for _, kinds in self._settled.values() for kind in kinds)
        given_up = sum(seed is None for seed, _ in self._settled.values())
        n = len(self._settled)
        return {
            "seeds": n,
            "drawn": n - given_up + refused.total(),
            "copy": refused["copy"],
            "likeness": refused["likeness"],
            "given up": given_up,
        }

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3); BrokenPictures if the guard refuses all pictures of a seed."""
        drawn: dict[int, NDArray[np.uint8]] = {}
        refused: dict[int, list[str]] = {}
        broken: dict[int, str] = {}
        waiting = {int(seed): self._settled.get(int(seed), (int(seed), ()))[0] for seed in seeds}
        last: NDArray[np.uint8] | None = None
        attempt = 0
        while open_seeds := [seed for seed, now in waiting.items() if now is not None and seed not in broken]:
            pictures, bad = self._drawn([waiting[seed] for seed in open_seeds])  # type: ignore[misc]
            last = np.zeros_like(pictures[0])
            attempt += 1
            fresh = [i for i, seed in enumerate(open_seeds) if seed not in self._settled and i not in bad]
            said = dict(zip(fresh, self.guard.check(pictures[fresh]), strict=True)) if fresh else {}
            for i, seed in enumerate(open_seeds):
                if i in bad:
                    broken[seed] = bad[i]
                elif i not in said or said[i].allowed:
                    drawn[seed] = pictures[i]
                    self._settled.setdefault(seed, (waiting[seed], tuple(refused.get(seed, ()))))
                    waiting[seed] = None
                else:
                    refused.setdefault(seed, []).append(said[i].kind)
                    waiting[seed] = next_seed(seed, attempt) if attempt < self.most else None
                    if attempt == self.most:
                        self._settled[seed] = (None, tuple(refused[seed]))
        missing = [seed for seed in map(int, seeds) if seed not in drawn]
        if last is None:  # every seed was given up before
            last = np.zeros_like(self._drawn([int(seeds[0])])[0][0]) if len(seeds) else np.zeros((16, 16, 3), np.uint8)
        pictures = np.array([drawn.get(int(seed), last) for seed in seeds], np.uint8).reshape(-1, *last.shape)
        if missing:
            why = {i: broken.get(int(seed), GIVEN_UP) for i, seed in enumerate(seeds) if int(seed) not in drawn}
            raise BrokenPictures(self.generator.id, pictures, why)
        return pictures

    def _drawn(self, seeds: Sequence[int]) -> tuple[NDArray[np.uint8], dict[int, str]]:
        try:
            return self.generator.sample(seeds), {}
        except BrokenPictures as error:
            return error.pictures, error.broken


def next_seed(seed: int, attempt: int) -> int:
    """The seed that is drawn after so many refusals: 2^31 to 2^32 - 1, away from seeds that people count up from 0."""
    digest = hashlib.sha256(f"probablyexists/guarded/{seed}/{attempt}".encode()).digest()
    return 2**31 + int.from_bytes(digest[:4], "big") % 2**31


def guarded(generator: str | Path | Generator | Callable[..., Any], guard: Guard, *, most: int = MOST) -> Guarded:
    """The generator behind the guard; give it to `audit` as `generated`.

    `generator`: as for `audit`. `most`: pictures drawn for a seed before it is given up. InputError if it is none.
    """
    found = open_generator(Path(generator) if isinstance(generator, str) and ":" not in generator else generator)
    if found is None:
        raise InputError(f"{generator}: is no generator; give a model file, a Generator, or a function of seeds")
    return Guarded(found, guard, most)
