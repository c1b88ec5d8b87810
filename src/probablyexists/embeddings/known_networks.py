"""Recognisers that people have as files: what they are, how they are fed, what they were trained on, their licence.

A file is known by its SHA-256, never by its name: two different networks are called `glintr100.onnx`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from probablyexists.embeddings.feed import Feed


@dataclass(frozen=True)
class Known:
    """A network of which something is known."""

    name: str
    file: str | None
    """What the file is called where people get it."""
    sha256: str | None
    """How the file's hash begins, in hexadecimal; None if not known: listed for the reader, never recognised."""
    feed: Feed
    dim: int
    trained_on: str | None
    """In words; None if not known."""
    knows: tuple[str, ...]
    """Sets that share people with its training data, as parts of their names in lower case."""
    licence: str
    """Of the weights, in words."""
    sure: Literal["checked", "listed", "told"]
    """`checked`: the feed was read in the network's own repository, or measured. `listed`: hash and feed are from lists
    of other projects, so the feed is tried on photos first. `told`: no hash is known."""
    accuracy: str | None
    """As published."""
    page: str
    """Where it comes from."""
    repo: str | None = None
    """Of Hugging Face, if it lies there and may be fetched."""


KNOWN: tuple[Known, ...] = ()


def known_as(sha256: str) -> Known | None:
    """The network whose hash begins as that of the file; None if it is not in the table."""
    return next((one for one in KNOWN if one.sha256 is not None and sha256.startswith(one.sha256)), None)
