"""A kind of hostile input: how the n-th is made, how it is read, and what would be a wrong result."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

Draw = np.random.Generator
Room = Literal["images", "sources", "generators", "answers", "writing", "store"]
"""Part of the package that reads the kind."""

OUTSIDE = "outside"
"""Folder beside the input: nothing that is read may open a file in it, and planted code would leave its mark there."""
SECRET = "CANARY-5f1d0c7e-not-for-any-output"
MARK = "executed"


@dataclass
class Planted:
    """An input on disk, and how the code under test reads it."""

    note: str
    """How it was made, on one line."""
    read: Callable[[], Any]
    """Reads it, as a user's command would. Raises the package's own errors to refuse it."""
    check: Callable[[Any], str | None] = field(default=lambda _: None)
    """What is wrong with the value that `read` returned; None: nothing, or the kind has no oracle."""
    never: Literal["executed", "escaped"] | None = None
    """The column for an input that must not be read at all."""
    follows_paths: bool = False
    """The user's own paths or links lead outside, and following them is right."""
    starts_programs: bool = False
    """It is read by a command in a process of its own."""


@dataclass(frozen=True)
class Kind:
    """One row of the table. `plant(draw, folder, world)` writes an input into `folder`, which is empty."""

    name: str
    room: Room
    plant: Callable[[Draw, Path, Any], Planted]
    share: float = 1.0
    """Weight among the inputs of a run."""
    oracle: str = ""
    """What a damaged input must give if it is read; empty: nothing to compare with."""
    whole: bool = False
    """A whole command in a process of its own."""
    heavy: Callable[[Any], object] | None = None
    """Imports and files that the kind needs, made before time and memory are measured."""
    suite: bool = True
    """Also in the test suite's smaller form."""


def draw_of(seed: int, kind: str, number: int) -> Draw:
    """The random numbers of one input; the same for the same seed, kind and number."""
    return np.random.default_rng([seed, zlib.crc32(kind.encode()), number])


def pick(draw: Draw, options: Any) -> Any:
    """One of a sequence."""
    return options[int(draw.integers(len(options)))]


def chance(draw: Draw, p: float) -> bool:
    return bool(draw.random() < p)
