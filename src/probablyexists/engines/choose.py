"""Who does the heavy work, and how: this machine or a cluster, exactly or by an index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from probablyexists.basis.progress import Progress
from probablyexists.embeddings.embed import Look, in_threads
from probablyexists.intake.settings import Common
from probablyexists.matching.neighbours import nearest_here, searched_by


@dataclass(frozen=True)
class Engine:
    """What does the work."""

    look: Look
    """How photos are looked at."""


@contextmanager
def engine(settings: Common, progress: Progress) -> Iterator[Engine]:
    """Inside, `nearest` is done as the settings say.

    Raises MissingExtraError, and InputError for an address at which no cluster answers.
    """
    memory = int(settings.memory * 2**30)
    if settings.engine == "ray":
        from probablyexists.engines.ray import RayEngine

        cluster = RayEngine(settings.ray_address, memory)
        with searched_by(cluster.search):
            yield Engine(cluster.look)
    else:
        with searched_by(partial(nearest_here, memory=memory, threads=settings.threads, progress=progress)):
            yield Engine(in_threads(settings.threads))
