"""Try how a network is fed, on photos of people with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from probablyexists.embeddings.embed import Look
from probablyexists.embeddings.feed import Feed
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.faces.acquire import FacesMode
from probablyexists.sources.open_source import Source
from probablyexists.stats.estimate import Figure


@dataclass(frozen=True)
class Tried:
    """One feed, and how well the network tells people apart with it."""

    feed: Feed
    separation: float | None
    """d': the difference between the mean similarity of two photos of one person and that of two people's, in standard
    deviations. None if the network gave no usable numbers."""
    auroc: Figure
    """Probability that two photos of one person are more alike than photos of two people."""
    n_people: int
    """People it was tried on, two photos each."""


@dataclass(frozen=True)
class Trial:
    """What was tried, and what came of it."""

    tried: tuple[Tried, ...]
    """The best first; empty if there were too few people with two photos."""
    chosen: Feed | None
    """None if no feed tells people apart."""
    why: str
    """The reason in words, or why the network is refused."""


def try_feeds(
    recogniser: OnnxRecogniser,
    sources: Sequence[tuple[Source, FacesMode]],
    *,
    cache: Path,
    seed: int,
    look: Look | None = None,
) -> Trial:
    """Embed two photos each of some people with every likely feed, and choose the one that tells them apart best.

    People are drawn by the seed from all sources alike. Embeddings are kept in the store, each feed's under its own id.
    """
    raise NotImplementedError
