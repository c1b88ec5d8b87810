"""How a face is fed to a network that is a file: the crop, the order of its colours, and its range of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.faces.alignment import Template

Colours = Literal["RGB", "BGR"]
Scaling = Literal["-1..1", "0..1", "0..255", "standardised"]
"""`-1..1` is (x - 127.5) / 127.5; `standardised` makes the numbers of each picture of mean 0 and deviation 1."""


_CROPS: dict[Template, str] = {"arcface": "ArcFace's", "facenet": "FaceNet's", "dlib": "dlib's"}


@dataclass(frozen=True)
class Feed:
    """What a network expects."""

    colours: Colours = "RGB"
    scaling: Scaling = "-1..1"
    template: Template = "arcface"
    side: int = 112
    """Of the chips, in pixels."""

    @property
    def id(self) -> str:
        """Part of a recogniser's id, and so of the store's key."""
        return f"{self.template}-1/{self.colours}/{self.scaling}"

    def __str__(self) -> str:
        return f"{self.colours} {self.scaling}, {_CROPS[self.template]} crop, {self.side} pixels"

    def numbers(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, side, side, 3) RGB, 0 to 255 -> the same shape as the network expects it."""
        x: NDArray[np.floating] = chips.astype(np.float32)
        if self.colours == "BGR":
            x = x[..., ::-1]
        if self.scaling == "-1..1":
            x = (x - 127.5) / 127.5
        elif self.scaling == "0..1":
            x = x / 255
        elif self.scaling == "standardised":
            mean, deviation = x.mean(axis=(1, 2, 3), keepdims=True), x.std(axis=(1, 2, 3), keepdims=True)
            x = np.asarray((x - mean) / np.maximum(deviation, np.float32(x[0].size ** -0.5)), np.float32)
        return np.asarray(x, np.float32)


def likely_feeds(side: int) -> tuple[Feed, ...]:
    """The nine that an unknown network is tried with, the commonest first.

    Six on ArcFace's crop: RGB and BGR, each -1..1, 0..1 and 0..255. Three on FaceNet's crop, RGB: -1..1, 0..1 and each
    picture standardised.
    """
    six = [Feed(colours, scaling, "arcface", side) for scaling, colours in product(_THREE, get_args(Colours))]
    return (*six, *(Feed("RGB", scaling, "facenet", side) for scaling in _FACENET))


_THREE: tuple[Scaling, ...] = ("-1..1", "0..255", "0..1")
_FACENET: tuple[Scaling, ...] = ("-1..1", "standardised", "0..1")


def feed_of(text: str, side: int) -> Feed:
    """A feed from words in any order, such as `BGR,0..255` or `facenet`; `side`: of the network. InputError."""
    kinds: dict[str, tuple[str, ...]] = {
        "colours": get_args(Colours),
        "scaling": get_args(Scaling),
        "template": get_args(Template),
    }
    given: dict[str, str] = {}
    for word in (part.strip() for part in text.split(",")):
        kind = next((kind for kind, words in kinds.items() if word in words), None)
        if kind is None or kind in given:
            known = "; ".join(", ".join(words) for words in kinds.values())
            raise InputError(f"{option('feed', text)}: give at most one word each of: {known}; such as BGR,0..255")
        given[kind] = word
    return Feed(**given, side=side)  # type: ignore[arg-type]
