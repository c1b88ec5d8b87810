"""Many machines: what a cluster says is what this machine says, also when one of its nodes dies at work."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from probablyexists.basis.errors import InputError
from probablyexists.engines.own_cluster import start_own_cluster
from probablyexists.engines.ray import RayEngine

pytest.importorskip("ray", reason="the extra `ray` is not installed")


def test_a_cluster_says_the_same_though_a_node_is_killed(population: Path, tmp_path: Path) -> None:
    """Two nodes, each of one core. The second is killed once it has done some of 24 items."""
    script = Path(__file__).parent / "ray_cluster.py"
    done = subprocess.run(
        [sys.executable, str(script), str(population), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert said, done.stderr[-2000:]
    says = json.loads(said[-1])
    assert (says["cores"], says["items"], says["photos"], says["nodes left"]) == (2, 24, 50, 1)
    assert 0 < says["of the killed node before it died"] <= says["done by then"] < 24
    assert says["same matches"]
    assert says["same matches from disk"]
    assert says["same matches though a node was killed"]
    assert says["same table"]


@pytest.mark.parametrize("address", ["127.0.0.1:{closed}", "[::1]:{closed}", "127.0.0.1:65536"])
def test_an_address_where_nothing_listens_is_one_line_at_once(address: str) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else's, and closed
        taken.bind(("127.0.0.1", 0))
        address = address.format(closed=taken.getsockname()[1])
        start = time.perf_counter()
        with pytest.raises(InputError, match=r"ray_address=.*: no cluster answers there"):
            RayEngine(address)
    assert time.perf_counter() - start < 30


def test_without_an_address_no_other_cluster_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray by itself would send the photos to RAY_ADDRESS, or to any cluster that somebody runs on this machine."""
    import ray
    from ray._private import ray_constants
    from ray._private.node import Node

    given: dict[str, object] = {}
    start, environment = Node.start_api_server, dict(os.environ)

    def init(**options: object) -> None:
        given.update(options, loopback=not ray_constants.ENABLE_RAY_CLUSTER, usage=Node.start_api_server is not start)
        given["processes"] = os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"]

    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:6379")
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr("atexit.register", lambda *_: None)
    start_own_cluster()
    folder = Path(str(given["_temp_dir"]))
    assert (given["address"], given["include_dashboard"], given["loopback"], given["usage"]) == (
        "local",
        False,
        True,
        True,
    )
    assert given["processes"] == "0"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Node.start_api_server is start
    assert ray_constants.ENABLE_RAY_CLUSTER
    monkeypatch.undo()
    assert dict(os.environ) == environment
    folder.rmdir()
