"""The first address that a browser is given: it lets in once, and only a process of our own user.

Every user of a machine can read the command line of a browser that was started with an address.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class Ticket:
    """Good once. `address`: what is written in the path in place of the token."""

    def __init__(self, port: int) -> None:
        self.address = secrets.token_urlsafe(24)
        self._port = port
        self._used = False

    def taken(self, given: str, client: int) -> bool:
        """Whether `given` lets the process in that came from the port `client`; then it is used up."""
        same = secrets.compare_digest(given.encode(), self.address.encode())
        if self._used or not same or not is_own(client, self._port):
            return False
        self._used = True
        return True


def is_own(client: int, port: int) -> bool:
    """Whether the other end of a connection from port `client` to `port`, both of 127.0.0.1, is a process of our user.

    Only Linux says so; macOS starts its browser without the address on a command line.
    """
    if sys.platform != "linux":
        return True
    here = f"{struct.unpack('=I', socket.inet_aton('127.0.0.1'))[0]:08X}"
    for table in _TABLES:
        with suppress(OSError):
            for line in table.read_text("ascii").splitlines()[1:]:
                _, local, remote = line.split()[:3]
                if local.endswith(f"{here}:{client:04X}") and remote.endswith(f"{here}:{port:04X}"):
                    return int(line.split()[7]) == os.getuid()
    return False
