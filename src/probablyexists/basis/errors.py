"""The exceptions of probablyexists. Each message says what, where, and what to do.

ProbablyExistsError
├── InputError        the input cannot be audited (exit code 2)
│   └── WriteError    a file cannot be written: the disk is full, or only readable (exit code 2); an OSError too
├── ImageError        one image cannot be decoded; it is set aside with this reason, the audit goes on
├── TrainingError     a generator in the lab cannot be trained further (exit code 2)
└── MissingExtraError an optional dependency is not installed (exit code 2)
"""

from __future__ import annotations

import errno
import importlib
import os
import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from probablyexists.basis.text import shown

_OPEN, _VALUE, _CLOSE = "\ue000", "\ue001", "\ue002"
"""Mark an option in a message. Private characters, which `basis.text.shown` never lets through."""
_QUOTES = "'\""
_OPTION = re.compile(f"{_OPEN}(\\w+)(?:{_VALUE}(.*?))?{_CLOSE}", re.DOTALL)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POSITIONAL = ("photos", "images", "queries", "references", "before")
"""Settings that are arguments on the command line, not options."""
_SETTING_OF = {"asked": "photos"}
"""The setting of a role that is called otherwise."""


def option(name: str, value: object = None) -> str:
    """The name of a setting in a message: `heldout=...` in Python, `--heldout ...` on the command line."""
    name = _SETTING_OF.get(name, name)
    if value is None:
        return f"{_OPEN}{name}{_CLOSE}"
    text = repr(str(value)) if isinstance(value, str | Path) else ascii(value)  # repr escapes what is not printable
    return f"{_OPEN}{name}{_VALUE}{text}{_CLOSE}"


def _on_command_line(found: re.Match[str]) -> str:
    name, value = found.groups()
    front = name.upper() if name in POSITIONAL else "--" + name.replace("_", "-")
    if value is None or value == "True":
        return front
    return f"{front} {value[1:-1] if value[0] in _QUOTES else value}"


class ProbablyExistsError(Exception):
    """Base class of all exceptions that this package raises on purpose."""

    @property
    def raw(self) -> str:
        """The message with its options unrendered, for use in another message."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return _OPTION.sub(lambda found: f"{found[1]}={found[2] or '...'}", self.raw)

    @property
    def options(self) -> list[str]:
        """The names of the settings that the message names."""
        return [found[1] for found in _OPTION.finditer(self.raw)]

    @property
    def on_command_line(self) -> str:
        """The message with options as on the command line."""
        return _OPTION.sub(_on_command_line, self.raw)


class InputError(ProbablyExistsError):
    """The input cannot be audited as it is; the message is one line and says what to do."""


class WriteError(InputError, OSError):
    """A file cannot be written. `errno` and `strerror` as the system gave them."""

    def __init__(self, place: object, error: OSError, instead: str = "choose another place") -> None:
        """`place`: what could not be written, in words or as a path. `instead`: the cure, besides more space."""
        said = os.strerror(error.errno) if error.errno in FULL else error.strerror or shown(error)
        cure = f"free some space, or {instead}" if error.errno in FULL else instead
        super().__init__(f"{shown(place)}: cannot be written ({said}); {cure}")
        self.errno, self.strerror, self.filename, self.instead = error.errno, said, str(place), instead

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors of other processes arrive whole."""
        return WriteError, (self.filename, OSError(self.errno, self.strerror), self.instead)


class ImageError(ProbablyExistsError):
    """One image cannot be decoded. `reason`: a constant for counting, such as "truncated"; the message has details."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class TrainingError(ProbablyExistsError):
    """A number in training is not finite; the message names the step and the last checkpoint."""


class MissingExtraError(ProbablyExistsError):
    """An optional dependency is missing; the message has a command that installs it.

    The command names the extra's own packages, because the name `probablyexists` on a package index is not ours.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install {' '.join(_packages_of(extra))}")


def _packages_of(extra: str) -> list[str]:
    try:
        listed = requires("probablyexists") or []
    except PackageNotFoundError:
        listed = []
    wanted = [line.partition(";")[0].strip() for line in listed if f"extra == '{extra}'" in line.replace('"', "'")]
    return [f"'{package}'" for package in wanted] or [extra]


def required(module: str, extra: str) -> Any:
    """An optional module; MissingExtraError if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(module.partition(".")[0], extra) from None
