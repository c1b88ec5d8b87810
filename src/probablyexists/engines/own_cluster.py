"""A Ray cluster of this machine alone: it listens on the loopback address only and asks nobody anything."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ONE_MACHINE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""0: a cluster of one machine, on 127.0.0.1, as on Windows and macOS. Ray's processes read it when they start."""
LONGEST = 40
"""Characters of a folder in which Ray's sockets can be made: their paths are 60 longer, and 103 is the limit."""


def start_own_cluster() -> None:
    """Start it; it ends with this process, and so does its folder, which nobody else can read."""
    import ray

    folder = tempfile.mkdtemp(prefix="ray-")
    if len(folder) > LONGEST and os.path.isdir("/tmp"):
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    atexit.register(_end, folder)
    with _on_loopback(), _without_usage_reports():
        # "local": without it Ray would join any cluster that it finds on this machine or in RAY_ADDRESS.
        ray.init(
            address="local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=False,
            _temp_dir=folder,
        )


def _end(folder: str) -> None:
    import ray

    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _on_loopback() -> Iterator[None]:
    from ray._private import ray_constants

    constants: Any = ray_constants
    before = os.environ.get(_ONE_MACHINE)
    os.environ[_ONE_MACHINE] = "0"
    was, constants.ENABLE_RAY_CLUSTER = constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = was
        if before is None:
            del os.environ[_ONE_MACHINE]
        else:
            os.environ[_ONE_MACHINE] = before


@contextmanager
def _without_usage_reports() -> Iterator[None]:
    """Without a dashboard, Ray's dashboard process does one thing: usage reports.

    Even where these are off, it asks for the cloud that it runs in (169.254.169.254, metadata.google.internal).
    """
    from ray._private.node import Node

    node: Any = Node
    start = node.start_api_server

    def nothing(its: Any, **_: object) -> None:
        its._webui_url = ""

    node.start_api_server = nothing
    try:
        yield
    finally:
        node.start_api_server = start
