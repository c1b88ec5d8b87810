"""Watches this process: whoever asks the network for anything gets an error, and so does the test that runs then."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

asked: list[str] = []
"""What was asked of another machine."""

_ADDRESSED = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.bind": 1}
_NAMED = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


class NetworkError(Exception):
    """Something in this process turned to another machine."""


def watch() -> None:
    """From now on, until the process ends: an audit hook cannot be removed."""
    sys.addaudithook(_hook)


def _hook(event: str, given: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in _ADDRESSED:
        address = given[_ADDRESSED[event]]
        host = address[0] if isinstance(address, tuple) else None  # a path is an AF_UNIX socket; None: connected before
    elif event in _NAMED:
        host = given[0]
    else:
        return
    if host is not None and not _is_here(host):
        asked.append(f"{event} {host}")
        raise NetworkError(asked[-1])


def _is_here(host: str | bytes | int) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
