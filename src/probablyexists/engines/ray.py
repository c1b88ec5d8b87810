"""Embedding and matching on many machines, through Ray Data.

The work is split into items. Each item is one task on one core of any machine, and runs again elsewhere if its machine
dies. An item's result does not depend on where it is computed, so neither does the whole.

All machines need this package, the same paths to the images, and the recogniser's weights. Only the machine that runs
the command reads and writes the store of embeddings.
"""

from __future__ import annotations

import logging
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from probablyexists.basis.errors import InputError, ProbablyExistsError, option, required
from probablyexists.embeddings.embed import Looked, look_at
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.embeddings.store import Store
from probablyexists.engines.own_cluster import start_own_cluster
from probablyexists.faces.placing import FacesMode
from probablyexists.matching.neighbours import MEMORY, Nearest, Vectors, nearest
from probablyexists.sources.open_source import Source

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

KNOCK = 5.0
"""Seconds to wait for an address to answer."""
PHOTOS = 512
"""Photos in an item."""
QUERIES = 16384
"""Most queries in an item."""
ITEMS_A_CORE = 4
"""Fewest items for each core, if there are enough queries, so that cores finish at about the same time."""


class RayEngine:
    """A cluster; a local one if no address is given."""

    def __init__(self, address: str | None = None, memory: int = MEMORY) -> None:
        self._memory = memory
        required("ray", "ray")
        import ray

        if not ray.is_initialized():
            if address is None:
                start_own_cluster()
            else:
                _join(address)
        required("ray.data", "ray")
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self.n_cores = max(1, int(resources.get("CPU", 1)))

    def each(
        self, work: Callable[[Shared, Item], Result], shared: Shared, items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result]]:
        """Yield `work(shared, item)` of each item as it finishes, or raise what it raises; `work`: at module level."""
        import ray

        reference = ray.put(shared)

        def run(batch: dict[str, Any]) -> dict[str, Any]:
            done = [pickle.dumps(work(_fetched(reference), items[int(i)])) for i in batch["id"]]
            return {"id": batch["id"], "result": np.array(done, dtype=object)}

        data = ray.data.range(len(items), override_num_blocks=len(items)).map_batches(run, batch_size=1, num_cpus=1)
        try:
            for row in data.iter_rows():
                yield items[row["id"]], pickle.loads(row["result"])
        except Exception as error:
            raise _own(error) from None

    def look(self, source: Source, store: Store, mode: FacesMode, recogniser: Recogniser) -> Iterator[Looked]:
        """Read, acquire and embed photos on the cluster."""
        items = [(start, start + PHOTOS) for start in range(0, len(source.photos), PHOTOS)]
        try:
            pickle.dumps(source)
        except Exception:  # a generator holds a network, of whatever kind
            raise InputError(
                f"{option('engine', 'ray')}: {source.name} is not a set of images that every machine can read; write "
                "its samples to a folder first"
            ) from None
        for _, parts in self.each(_look, (source, store.known, mode, recogniser), items):
            yield from parts

    def search(self, queries: Vectors, references: Vectors, k: int) -> Nearest:
        """The same result as `neighbours.nearest`, bit for bit."""
        step = min(QUERIES, max(512, -(-len(queries) // (ITEMS_A_CORE * self.n_cores))))
        items = [(start, start + step) for start in range(0, len(queries), step)]
        found = Nearest.nothing(len(queries), k)
        for (start, stop), part in self.each(_search, (queries, references, k, self._memory), items):
            found.similarity[start:stop], found.index[start:stop] = part.similarity, part.index
        return found


def _join(address: str) -> None:
    import ray

    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{option('ray_address', address)}: no cluster answers there ({error})") from None


def _knock(address: str) -> None:
    """Raise OSError at once if nothing listens; Ray would keep trying for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in host:
        if int(port) > 65_535:
            raise ValueError(f"there is no port {port}")
        socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()


def _look(shared: tuple[Source, frozenset[bytes], FacesMode, Recogniser], item: tuple[int, int]) -> list[Looked]:
    source, known, mode, recogniser = shared
    return list(look_at(source, source.photos[slice(*item)], known.__contains__, mode, recogniser))


def _search(shared: tuple[Vectors, Vectors, int, int], item: tuple[int, int]) -> Nearest:
    queries, references, k, memory = shared
    return nearest(queries[slice(*item)], references, k, memory=memory, threads=1)


@lru_cache(maxsize=1)
def _fetched(reference: Any) -> Any:
    """The data that all items share, unpacked once in each process."""
    import ray

    return ray.get(reference)


def _own(error: BaseException | None) -> BaseException:
    """Our own error inside Ray's wrapper; if there is none, the outermost error."""
    at = error
    while at is not None:
        if isinstance(at, ProbablyExistsError):
            return InputError(getattr(at, "cause", at).raw)
        at = getattr(at, "cause", None) or at.__cause__
    assert error is not None
    return error
