"""What the damaged inputs are made from: made once, then only read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class World:
    """`base`: shared by all workers; `root`: the worker's own folders."""

    base: Path
    root: Path

    def made(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder `name` below `base`, made by the first who asks."""
        import fcntl

        folder = self.base / name
        self.base.mkdir(parents=True, exist_ok=True)
        with (self.base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                aside = self.base / f"{name}.part"
                shutil.rmtree(aside, ignore_errors=True)
                make(aside)
                aside.rename(folder)
        return folder
