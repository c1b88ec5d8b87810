"""Where the heavy work runs: on this machine or a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress
from probablyexists.basis.threads import limited_threads
from probablyexists.embeddings.embed import Look, in_threads
from probablyexists.engines.resources import Resources
from probablyexists.matching.matcher import Matcher


@dataclass(frozen=True)
class Engine:
    """How photos are embedded and matched."""

    look: Look
    matcher: Matcher


@contextmanager
def engine(resources: Resources, progress: Progress) -> Iterator[Engine]:
    """The engine; limits libraries' threads too. MissingExtraError without Ray; InputError if no cluster answers."""
    if os.path.exists(resources.cache) and not os.path.isdir(resources.cache):
        raise InputError(f"{option('cache', resources.cache)}: is a file; give a folder")
    memory = int(resources.memory * 2**30)
    matcher = Matcher(resources.threads, memory, progress=progress)
    with limited_threads(resources.threads):
        if resources.engine == "ray":
            from probablyexists.engines.ray import RayEngine

            cluster = RayEngine(resources.ray_address, memory)
            yield Engine(cluster.look, replace(matcher, search=cluster.search))
        else:
            yield Engine(in_threads(resources.threads), matcher)
