"""Run by `test_ray.py` in a process of its own: a cluster of two nodes on this machine, one of which is killed at work.

    python tests/ray_cluster.py PHOTOS CACHE

Prints one line of JSON: whether what the cluster says is, bit for bit, what this process says alone.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

from probablyexists.basis.progress import Silent
from probablyexists.embeddings.embed import embed, in_threads, open_store
from probablyexists.embeddings.parquet_vectors import ParquetVectors, table_folder
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.engines import ray as engine_module
from probablyexists.engines.ray import RayEngine
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.neighbours import nearest
from probablyexists.sources.open_source import open_source


def vectors(n: int, seed: int) -> Any:
    x = np.random.default_rng(seed).normal(size=(n, 128))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


class Workers:
    """Which nodes have worked, told by the items themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def of(self, node: str) -> int:
        return len(list(self.folder.glob(f"{node}-*")))


def slow_search(shared: tuple[Any, ...], item: tuple[int, int]) -> Any:
    """An item that takes a while and leaves a mark of where it ran."""
    folder, queries, references, k = shared
    node = ray.get_runtime_context().get_node_id()
    time.sleep(0.15)
    found = nearest(queries[slice(*item)], references, k, threads=1)
    (folder / f"{node}-{item[0]}-{time.time_ns()}").touch()
    return found


def main() -> None:
    photos, cache = map(Path, sys.argv[1:])
    # By default a dead node is noticed after 20 seconds.
    noticed = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_timeout_ms": 4000}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": noticed})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    engine = RayEngine(cluster.address)
    says: dict[str, object] = {"cores": engine.n_cores}

    queries, references = vectors(12_000, 1), vectors(20_000, 2)
    references[5_000:6_000] = references[:1_000]  # ties
    alone = nearest(queries, references, 3)
    matcher = Matcher(search=engine.search)
    together = matcher.nearest(queries, references, 3)
    says["same matches"] = same(alone, together)

    table_folder(str(cache / "table")).write("a.parquet", {}, {}, embedding=references)
    from_disk = matcher.nearest(queries, ParquetVectors(str(cache / "table")), 3)
    says["same matches from disk"] = same(alone, from_disk)

    workers = Workers(cache / "marks")
    victim = second.node_id
    killed_after: list[tuple[int, int]] = []

    def kill() -> None:
        while not workers.of(victim):
            time.sleep(0.02)
        killed_after.append((workers.of(victim), workers.of("*")))
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    items = [(start, start + 500) for start in range(0, len(queries), 500)]
    found = dict(engine.each(slow_search, (workers.folder, queries, references, 3), items))
    killer.join()
    says["items"] = len(items)
    says["of the killed node before it died"], says["done by then"] = killed_after[0]
    until = time.monotonic() + 60
    while sum(node["Alive"] for node in ray.nodes()) > 1 and time.monotonic() < until:
        time.sleep(0.2)  # the cluster notices after a while
    says["nodes left"] = sum(node["Alive"] for node in ray.nodes())
    says["same matches though a node was killed"] = bool(
        np.array_equal(np.concatenate([found[item].index for item in items]), alone.index)
        and np.array_equal(np.concatenate([found[item].similarity for item in items]), alone.similarity)
    )

    engine_module.PHOTOS = 7
    source, recogniser = open_source(photos), DlibRecogniser(cache)
    tables = [
        embed(source, recogniser, open_store(cache / name, recogniser, "aligned"), "aligned", Silent(), "", look)
        for name, look in (("alone", in_threads(1)), ("together", engine.look))
    ]
    one, other = tables
    says["same table"] = (
        one.photos == other.photos
        and one.sha256 == other.sha256
        and one.set_aside == other.set_aside
        and np.array_equal(one.embeddings, other.embeddings)
        and np.array_equal(one.pictures, other.pictures)
    )
    says["photos"], says["set aside"] = len(one), len(one.set_aside)
    sys.stdout.write(json.dumps(says) + "\n")


def same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one.index, other.index) and np.array_equal(one.similarity, other.similarity))


if __name__ == "__main__":
    main()
