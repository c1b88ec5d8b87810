"""Nothing leaves this machine: no socket to another one, and no usage reports of the libraries below."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import no_network
from drawn_world import World
from probablyexists.basis import telemetry

SCRIPT = Path(__file__).parent.parent / "scripts" / "network.py"


def _strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not _strace_works(), reason="needs strace, and the right to trace a process")


@pytest.fixture(scope="module")
def network() -> ModuleType:
    """scripts/network.py as a module."""
    spec = importlib.util.spec_from_file_location("network_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@needs_strace
def test_an_audit_asks_nothing_of_the_network(network: ModuleType, world: World, cache: Path, tmp_path: Path) -> None:
    """No address but those of this machine, in any library; nothing is left in the home or among temporary files."""
    where = ["--training", world.training, "--heldout", world.heldout, "--generated", world.leaking]
    command = [sys.executable, "-m", "probablyexists", "audit", *where, "--out", tmp_path / "audit", "--cache", cache]
    found = network.traced([str(word) for word in command], tmp_path)
    assert found.rc == 0, found.said
    assert found.outside == []
    assert found.left == []


@pytest.mark.slow
@needs_strace
def test_a_cluster_of_ones_own_stays_on_this_machine(network: ModuleType, population: Path, tmp_path: Path) -> None:
    """Ray's own processes and its workers, which embed."""
    where = [str(population), "--engine", "ray", "--out", str(tmp_path / "t"), "--cache", str(tmp_path / "cache")]
    found = network.traced([sys.executable, "-m", "probablyexists", "embed", *where], tmp_path)
    assert found.rc == 0, found.said
    assert found.local > 50
    assert found.outside == []
    assert found.left == ["home/.ray/auth_token"]


@needs_strace
def test_the_trace_sees_a_library_that_asks(network: ModuleType, tmp_path: Path) -> None:
    """Connecting a datagram socket sends nothing, and 192.0.2.1 is nobody's address."""
    code = """
import contextlib, socket, tempfile
its = socket.socket(type=socket.SOCK_DGRAM)
its.connect(("127.0.0.1", 9))
with contextlib.suppress(OSError):  # there may be no network at all
    its.connect(("192.0.2.1", 9))
tempfile.mkstemp(prefix="left")
"""
    found = network.traced([sys.executable, "-c", code], tmp_path)
    assert (found.rc, found.outside, found.local) == (0, ["connect 192.0.2.1:9"], 1)
    assert [name[: len("tmp/left")] for name in found.left] == ["tmp/left"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('9 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = 0', None),
        ("9 bind(3, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0", None),
        ('9 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0', None),
        (
            '9 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0',
            "connect 127.0.0.53:53",
        ),
        (
            "9 connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "
            '"2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>',
            "connect 2001:db8::1:443",
        ),
        (
            "9 bind(3, {sa_family=AF_INET6, sin6_port=htons(0), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "
            '"::ffff:127.0.0.1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
            None,
        ),
        (
            '9 bind(3, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
            "bind 0.0.0.0:0",
        ),
        (
            '9 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.1")}, 16) = 1',
            "sendto 192.0.2.1:9",
        ),
        (
            '9 recvfrom(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}) = 1',
            None,
        ),
    ],
)
def test_addresses_of_a_trace(network: ModuleType, line: str, found: str | None) -> None:
    assert network.outside(line) == found


def reports(tmp_path: Path, code: str) -> list[str]:
    """Run Python with an empty home: what ONNX Runtime keeps there for its usage reports."""
    kept = {name: value for name, value in os.environ.items() if name not in (*telemetry.OFF, "XDG_CACHE_HOME")}
    subprocess.run([sys.executable, "-c", code], env={**kept, "HOME": str(tmp_path)}, check=True, cwd=tmp_path)
    return [path.name for path in tmp_path.rglob("*") if ".onnxruntime" in str(path)]


def test_usage_reports_are_off_in_every_way_in(tmp_path: Path) -> None:
    """In Python, in a module of the user's that imports ONNX Runtime itself, in a thread and in a child process."""
    (tmp_path / "mine.py").write_text("import onnxruntime\n")
    code = """
import subprocess, sys, threading
from probablyexists import Recogniser
thread = threading.Thread(target=lambda: __import__("mine"))
thread.start()
thread.join()
subprocess.run([sys.executable, "-c", "import onnxruntime"], check=True)
"""
    assert reports(tmp_path, code) == []


def test_without_the_variable_the_reports_would_be_on(tmp_path: Path) -> None:
    """So that the test above can fail."""
    if not reports(tmp_path, "import onnxruntime"):
        pytest.skip("this version of ONNX Runtime keeps nothing for usage reports")


def test_onnxruntime_imported_before_us_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read the variable by then."""
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with pytest.warns(RuntimeWarning, match="onnxruntime was imported before probablyexists"):
        telemetry.turn_off()
    telemetry.turn_off()  # off by now: nothing is said


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.create_connection(("192.0.2.1", 443), 0.1),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 9)),
        lambda: socket.socket().bind(("0.0.0.0", 0)),
    ],
    ids=["name", "connect", "datagram", "listen"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_suite_sees_who_turns_to_another_machine(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(no_network.NetworkError):
        ask()
    assert len(no_network.asked) == 1
    no_network.asked.clear()  # or this test would fail, as it should
