"""Who does the heavy work: this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from probablyexists.embeddings.embed import Look, in_threads
from probablyexists.intake.settings import Common
from probablyexists.matching.neighbours import nearest_here, searched_by


@contextmanager
def engine(settings: Common) -> Iterator[Look]:
    """How photos are looked at; inside, `nearest` is done by the same engine.

    Raises MissingExtraError, and InputError for an address at which no cluster answers.
    """
    memory = int(settings.memory * 2**30)
    if settings.engine == "ray":
        from probablyexists.engines.ray import RayEngine

        cluster = RayEngine(settings.ray_address, memory)
        with searched_by(cluster.search):
            yield cluster.look
    else:
        with searched_by(partial(nearest_here, memory=memory, threads=settings.threads)):
            yield in_threads(settings.threads)
