"""A task in a process of its own: the page stays quick, memory is given back, and a crash ends nothing but the task."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from probablyexists.showing.answering import main; main()"
)


@dataclass
class Doing:
    """What the task is at."""

    what: str = "starting"
    done: int = 0
    total: int | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float | None:
        """Seconds that the stage still takes at its rate so far; None if it cannot be said yet."""
        passed = time.monotonic() - self.since
        return passed * (self.total - self.done) / self.done if self.total and self.done and passed > 1 else None


class Apart:
    """One task; its process is started at once and waits for `begin`.

    `folder` is private to it, and is removed when the task is over in any way, also if this process is killed: the
    other one notices, removes it and ends.
    """

    def __init__(self, folder: Path | None = None) -> None:
        paths = json.dumps([str(path) for path in sys.path])
        self._process = subprocess.Popen(
            # -P: a module in the working folder must not hide an installed one.
            [sys.executable, "-P", "-W", "ignore", "-c", _START, paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle
        )
        self._folder = folder
        self.doing = Doing()
        self.facts: dict[str, Any] | None = None
        """What it found."""
        self.error: str | None = None
        """Why it ended without, in one line."""
        self._stopped = False
        self._send(str(folder or ""))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def over(self) -> bool:
        """Whether it has ended, and its folder is gone."""
        return not self._reader.is_alive()

    def begin(self, task: str, settings: dict[str, Any]) -> None:
        """Start the work: a task of `answering` with its settings."""
        self._send({"task": task, "settings": settings})

    def stop(self) -> None:
        """End it, and wait until its folder is gone."""
        self._stopped = True
        self._process.kill()
        self._reader.join()

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended, and the reader says so
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        facts, error = None, None
        with self._process.stdout as lines:
            for line in lines:
                message = json.loads(line)
                facts, error = message.get("facts", facts), message.get("error", error)
                self._note(message)
        code = self._process.wait()
        with suppress(OSError):
            self._process.stdin.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if facts is None:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            ended = "stopped" if self._stopped else f"its process ended before the answer ({how}); try again"
            self.error = error or ended
        self.facts = facts

    def _note(self, message: dict[str, Any]) -> None:
        if "stage" in message:
            self.doing = Doing(message["stage"], 0, message["total"])
        elif "done" in message:
            self.doing.done = message["done"]
