"""Many machines: what a cluster says is what this machine says, also when one of its nodes dies at work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
