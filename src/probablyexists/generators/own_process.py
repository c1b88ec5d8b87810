"""A process of its own for code that may be a stranger's, with limits on time and memory.

A model can loop for ever or ask for all memory, by accident or on purpose. It runs in another process, which is ended
when it breaks a limit, when nobody needs it any more, or when this process ends in any way. This is no sandbox: the
other process has the user's rights.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.text import shown
from probablyexists.generators.framing import read_message, write_message

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {} import main; main()"
_LOOK = 0.05
"""Seconds between two looks at the process."""
SAID = 4096
"""Last bytes that are kept of what the process prints."""


@dataclass(frozen=True)
class Limits:
    """Of a generator that is read from a file."""

    picture_seconds: float = 25.0
    """Longest time to open it, and to wait for the first picture."""
    memory: float = 2.0
    """GiB it may use in addition to its libraries and its weights."""


class OwnProcess:
    """`module`'s `main` in another process, which answers messages: see `framing`. `where` begins every message."""

    def __init__(self, module: str, where: str, limits: Limits) -> None:
        self._where, self._limits = where, limits
        self._most_payload = [0]
        self._most_resident: int | None = None
        # -P: a module in the working folder must not hide an installed one.
        paths = json.dumps([str(path) for path in sys.path])
        command = [sys.executable, "-P", "-W", "ignore", "-c", _START.format(module), paths]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self._answers: queue.Queue[tuple[dict[str, Any], bytes] | None] = queue.Queue(2)
        self._printed = bytearray()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        readers = [
            threading.Thread(target=_read, args=(self._process.stdout, self._answers, self._most_payload), daemon=True),
            threading.Thread(target=_drain, args=(self._process.stderr, self._printed), daemon=True),
        ]
        for reader in readers:
            reader.start()
        self.end = weakref.finalize(self, _end, self._process, readers, self._answers)
        """End the process; done by itself when this object or this process ends."""

    def send(self, message: dict[str, Any]) -> None:
        """Ask something. InputError if the process was ended."""
        if not self.end.alive:
            raise InputError(f"{self._where}: its process was ended; open it again")
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended, and `answer` says why
            write_message(self._process.stdin, message)

    def expect(self, payload: int) -> None:
        """From now on an answer may have this many bytes beside its header."""
        self._most_payload[0] = payload

    def allow(self, weights: int) -> None:
        """Limit memory from now on: what it has now, five times its weights' bytes (read, unpacked, rearranged), and
        `Limits.memory`. Not where the system does not tell what a process uses."""
        now = resident(self._process.pid)
        if now is not None:
            self._most_resident = now + 5 * weights + int(self._limits.memory * 2**30)

    def answer(self, seconds: float, doing: str, waiting: Callable[[float], None]) -> tuple[dict[str, Any], bytes]:
        """The next answer; `waiting` is called with the seconds waited so far.

        InputError, which names the setting to raise, after `seconds`, for too much memory, for an answer that is an
        error, and if the process ends. `doing`: in words, for this message.
        """
        waited, before = 0.0, time.monotonic()
        while True:
            try:
                found = self._answers.get(timeout=_LOOK)
                break
            except queue.Empty:
                now = time.monotonic()
                waited += min(now - before, 1.0)  # more: both processes were stopped, by Ctrl-Z
                before = now
                self._refuse_over(waited, seconds, doing)
                waiting(waited)
        if found is None:
            raise self._ended(doing)
        header, payload = found
        if header.get("unreadable"):
            raise self.broken()
        if header.get("memory"):
            raise self._failed(self._too_large(doing))
        if "error" in header:
            raise self._failed(_harmless(str(header["error"])))
        return header, payload

    def broken(self) -> InputError:
        """For an answer that is not what was asked for."""
        return self._failed(f"{self._where}: its process gave an answer that cannot be read; it is not used")

    def _refuse_over(self, waited: float, seconds: float, doing: str) -> None:
        now = resident(self._process.pid)
        if now is not None and self._most_resident is not None and now > self._most_resident:
            raise self._failed(self._too_large(doing))
        if waited > seconds:
            limit = option("picture_seconds", self._limits.picture_seconds)
            raise self._failed(
                f"{self._where}: {doing} took over {seconds:.3g} seconds, and was ended; if it is only slow, raise "
                f"{limit}"
            )

    def _too_large(self, doing: str) -> str:
        size = "" if self._most_resident is None else f" over {self._most_resident / 2**30:.1f} GiB of"
        return (
            f"{self._where}: {doing} took{size or ' too much'} memory, and was ended; if it needs that much, raise "
            f"{option('memory', self._limits.memory)}"
        )

    def _ended(self, doing: str) -> InputError:
        try:
            code = self._process.wait(2)
        except subprocess.TimeoutExpired:
            return self.broken()
        lines = bytes(self._printed).decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        said = f": {shown(last[:200])}" if last else ""
        return self._failed(f"{self._where}: its process ended while {doing} ({how}{said}); it is not used")

    def _failed(self, said: str) -> InputError:
        self.end()
        return InputError(said)


def _harmless(text: str) -> str:
    """One line; the marks of settings, U+E000 to U+E002, stay."""
    return "".join(c if c.isprintable() or "\ue000" <= c <= "\ue002" else "?" for c in text)[:1000]


def resident(pid: int) -> int | None:
    """Bytes of memory that a process uses; None where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _read(source: BinaryIO, answers: queue.Queue[tuple[dict[str, Any], bytes] | None], most: list[int]) -> None:
    with source:
        try:
            while (found := read_message(source, lambda: most[0])) is not None:
                answers.put(found)
            answers.put(None)
        except (ValueError, RecursionError):
            answers.put(({"unreadable": True}, b""))


def _drain(source: BinaryIO, last: bytearray) -> None:
    with source:
        while data := os.read(source.fileno(), 65536):
            last += data
            del last[:-SAID]


def _end(
    process: subprocess.Popen[bytes],
    readers: list[threading.Thread],
    answers: queue.Queue[tuple[dict[str, Any], bytes] | None],
) -> None:
    process.kill()
    process.wait()
    deadline = time.monotonic() + 2  # a process that it started may keep the pipes open
    for reader in readers:
        while reader.is_alive() and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                answers.get_nowait()  # it may wait for a place
            reader.join(0.05)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
