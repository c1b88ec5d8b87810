"""Estimate the cost of an audit before it runs, from a short measurement on some of its own photos."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.copies.search import AT_LEAST, find
from probablyexists.embeddings.embed import Embedded, Some, embed, in_threads, open_store
from probablyexists.embeddings.recognisers import Recogniser, open_recognisers
from probablyexists.faces.placing import FacesMode
from probablyexists.intake.groups import find_groups
from probablyexists.intake.open_sources import open_sources
from probablyexists.intake.settings import AuditSettings
from probablyexists.matching.neighbours import nearest
from probablyexists.sources.open_source import Source

N_MEASURED = 128
"""Most photos of each role that are embedded for the measurement."""
A_PHOTO = 1500
"""Bytes of memory for a photo's names, hashes and row of the findings, without its embedding and pictures."""
A_PAIR = 4 * 1.1e-9
"""Seconds to compare the hashes of two pictures: two views, each plain and mirrored (decision 0015)."""


@dataclass(frozen=True)
class Plan:
    """An estimate for this machine, now, with an empty store of embeddings."""

    photos: dict[Role, int]
    rates: dict[Role, float]
    """Photos per second, from file to embedding."""
    seconds: dict[str, float]
    """Seconds of each stage: embed, copies, match."""
    memory: float
    """Bytes at most."""
    disk: float
    """Bytes added to the store of embeddings."""

    def __str__(self) -> str:
        lines = [f"{role:<12}{n:>14,} images {self.rates[role]:>9,.0f}/s" for role, n in self.photos.items()]
        lines += [f"{stage:<12}{_duration(seconds):>14}" for stage, seconds in self.seconds.items()]
        lines.append(f"{'total':<12}{_duration(sum(self.seconds.values())):>14}")
        lines.append(f"{'memory':<12}{self.memory / 2**30:>10,.1f} GiB")
        lines.append(f"{'disk':<12}{self.disk / 2**30:>10,.1f} GiB in the store of embeddings")
        return "\n".join([*lines, "measured on a few of these images, as if the store were empty"])


def plan(settings: AuditSettings, progress: Progress) -> Plan:
    """Embed a few photos of each source in a temporary store, and estimate. Raises the audit's early InputErrors."""
    sources = open_sources(settings, progress)
    find_groups(sources, settings, progress)
    recognisers = open_recognisers(
        (settings.recogniser, *settings.more_recognisers), settings.resources.cache, settings.feed
    )
    photos = {role: len(source.photos) for role, source in sources.items()}
    measured: dict[Role, _Measured] = {}
    seconds, disk = 0.0, 0.0
    with TemporaryDirectory() as folder:
        for number, recogniser in enumerate(recognisers):
            for role, source in sources.items():
                its = _measure(source, recogniser, settings.faces, settings, Path(folder) / f"{number}" / role)
                measured.setdefault(role, its)
                seconds += its.seconds * photos[role]
                disk += its.disk * photos[role]
    n_people = sum(n for role, n in photos.items() if role != "generated")
    a_row = max(its.memory for its in measured.values()) + A_PHOTO
    return Plan(
        photos,
        {role: 1 / its.seconds for role, its in measured.items()},
        {
            "embed": seconds,
            "copies": _copies_seconds(measured["training"].table, measured["generated"].table, photos),
            "match": _match_seconds(photos["generated"], n_people, recognisers[0].dim, settings.resources.threads),
        },
        sum(photos.values()) * a_row * len(recognisers) + settings.resources.memory * 2**30,
        disk,
    )


@dataclass(frozen=True)
class _Measured:
    """Some photos of a role; seconds, bytes on disk and bytes in memory for each photo."""

    table: Embedded
    seconds: float
    disk: float
    memory: float


def _measure(
    source: Source, recogniser: Recogniser, mode: FacesMode, settings: AuditSettings, cache: Path
) -> _Measured:
    chosen = np.sort(rng(settings.seed, "plan").permutation(len(source.photos))[:N_MEASURED])
    some = Some(source, tuple(source.photos[i] for i in chosen))
    store, look = open_store(cache, recogniser, mode), in_threads(settings.resources.threads)
    embed(replace(some, photos=some.photos[:2]), recogniser, store, mode, Silent(), "", look)  # loads the models
    started = time.perf_counter()
    table = embed(some, recogniser, store, mode, Silent(), "", look)
    seconds = time.perf_counter() - started
    n = len(some.photos)
    disk = sum(part.stat().st_size for part in store.folder.glob("part-*.parquet"))
    memory = (table.embeddings.nbytes + table.pictures.nbytes) / max(1, len(table))
    return _Measured(table, seconds / max(1, n - 2), disk / n, memory)


def _copies_seconds(training: Embedded, generated: Embedded, photos: dict[Role, int]) -> float:
    """Seconds to compare samples and held-out photos with training photos: a cost for each, a cost for each pair."""
    if not len(training) or not len(generated):
        return 0.0
    seconds = _timed(lambda: find(generated.pictures, training.pictures, at_least=AT_LEAST)) / len(generated)
    return (photos["generated"] + photos["heldout"]) * (seconds + A_PAIR * photos["training"])


def _match_seconds(n_samples: int, n_people: int, dim: int, threads: int | None) -> float:
    x = np.random.default_rng(0).normal(size=(8192, dim)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return _timed(lambda: nearest(x[:2048], x, threads=threads)) / (2048 * 8192) * n_samples * n_people


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
