"""The page of an audit of drawn people, served by a process of its own, for the tests of `show`."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import probablyexists
from drawn_world import World, made_once


@dataclass(frozen=True)
class Page:
    """A server of `probablyexists show`."""

    address: str
    pid: int

    @property
    def port(self) -> int:
        port = urlsplit(self.address).port
        assert port is not None
        return port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return urlsplit(self.address).path.strip("/")

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", token: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers in lower case, body). `path`: after the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        where = f"/{self.token if token is None else token}/{path}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, where, skip_host="Host" in sent)
        for name, value in (({"Content-Length": str(len(body))} if method == "POST" else {}) | sent).items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found


@contextmanager
def served(audit: Path, *options: str) -> Iterator[Page]:
    """The page of an audit while the block runs."""
    command = [sys.executable, "-m", "probablyexists", "show", str(audit), "--no-browser", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield Page(server.stdout.readline().strip(), server.pid)
        finally:
            server.terminate()
            server.wait(30)


def audit_of(world: World, factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit, the one of `test_show`. For reading only."""

    def make(folder: Path) -> None:
        probablyexists.audit(world.training, world.heldout, world.leaking, unseen=world.unseen, out=folder)

    return made_once(factory, "looked-at", make)


def form_of(*files: tuple[str, bytes], boundary: str = "x-between-x") -> tuple[bytes, str]:
    """(body, content type) of a form with files (name, content)."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="photos"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
