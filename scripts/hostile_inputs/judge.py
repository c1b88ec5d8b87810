"""One input, read in this process, and what went wrong.

| column | what counts |
|---|---|
| crashed | an exception that is not the package's own; a process that dies; a message of several lines |
| executed | planted code left a mark, or another program was started |
| escaped | a file outside the input's folder, cache and output was opened, written or shown; a socket; live markup |
| wrong success | read without a word, and the result is not the right one |

`hung` and `over 2 GiB` are measured by the parent, `watch.py`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
import sys
import tempfile
import traceback
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import probablyexists
from hostile_inputs.kind import MARK, OUTSIDE, SECRET, Kind, Planted, draw_of
from probablyexists.basis.errors import ProbablyExistsError

_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile")
_CHANGES = tuple(
    f"os.{what}" for what in ["remove", "rename", "mkdir", "rmdir", "link", "symlink", "chmod", "truncate"]
)
COLUMNS = ("crashed", "hung > 30 s", "over 2 GiB", "executed", "escaped", "wrong success")
PACKAGE = "/probablyexists/"
READABLE = tuple(
    os.path.realpath(path)
    for path in (
        *(sys.prefix, sys.base_prefix, Path(probablyexists.__file__).parent, Path(__file__).parents[1]),
        *("/usr", "/lib", "/proc", "/sys", "/etc/ld.so.cache", "/dev/zero", "/dev/random"),
    )
)
"""Where a program may read: itself and the system."""


@dataclass(frozen=True)
class Fault:
    """Something that must not happen."""

    column: str
    where: str
    """The line of the package that did it, for telling faults apart; or what was seen."""
    text: str


@dataclass
class Outcome:
    """What became of one input."""

    kind: str
    number: int
    note: str = ""
    result: str = "refused"
    """refused, read, or failed."""
    said: str = ""
    """The message of a refusal."""
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0
    """Bytes of memory, at most."""

    def add(self, column: str, where: str, text: str) -> None:
        self.faults.append(Fault(column, where, text[:600]))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class NotOurs(Exception):
    """What a whole command or page did wrong: the column and the text."""

    def __init__(self, column: str, where: str, text: str) -> None:
        super().__init__(text)
        self.column, self.where = column, where


@dataclass
class Jail:
    """The folders of one worker: `in` (the input), `out`, `cache`, `tmp`; and `outside` and `home`, not to be used."""

    root: Path

    def __post_init__(self) -> None:
        for name in ("in", "out", "cache", "tmp", OUTSIDE, "home"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in ("secret.png", "secret.txt", "secret.bin"):
            (self.root / OUTSIDE / name).write_text(SECRET * 400)
        self.before = self._seen()

    @property
    def input(self) -> Path:
        return self.root / "in"

    def emptied(self) -> Path:
        """The folder for the input. It stays the working folder, so only what is in it goes."""
        for name in ("in", "out"):
            for path in [self.root / name, *(self.root / name).glob("**/*")]:
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o700)
            for path in (self.root / name).iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        return self.input

    def _seen(self) -> dict[str, int]:
        return {
            str(path.relative_to(self.root)): path.lstat().st_mtime_ns
            for name in (OUTSIDE, "home")
            for path in (self.root / name).rglob("*")
        }

    def changed(self) -> list[str]:
        """What appeared or changed outside since the last call; it is put back."""
        now = self._seen()
        found = sorted(name for name in now.keys() | self.before.keys() if now.get(name) != self.before.get(name))
        if found:
            for name in (OUTSIDE, "home"):
                shutil.rmtree(self.root / name)
            self.__post_init__()
        return found


@cache
def _inotify() -> tuple[Any, int]:
    """Linux's own, one a process: a user may have 128. -1 elsewhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        return libc, -1
    handle = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if handle < 0:  # blind, it would find nothing
        raise OSError(ctypes.get_errno(), "no file can be watched: other programs have all inotify instances")
    return libc, handle


class Watch:
    """Files opened below a folder, by any code in any process, from Linux's inotify; nothing elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._libc, self._handle = _inotify()
        self._folder = os.fsencode(folder)

    def __enter__(self) -> Watch:
        self.seen()
        opened_or_changed = 0x20 | 0x2 | 0x100 | 0x200
        self._watch = self._libc.inotify_add_watch(self._handle, self._folder, opened_or_changed)
        return self

    def __exit__(self, *_: object) -> None:
        self._libc.inotify_rm_watch(self._handle, self._watch)

    def seen(self) -> list[str]:
        found = []
        try:
            data = os.read(self._handle, 1 << 16)
        except OSError:
            return []
        while len(data) >= 16:
            _, mask, _, length = struct.unpack("iIII", data[:16])
            if not mask & 0x40000000:  # the folder itself was listed, by ourselves too
                found.append(data[16 : 16 + length].rstrip(b"\0").decode(errors="replace"))
            data = data[16 + length :]
        return [name for name in found if name]


class Auditor:
    """What Python code opens, starts and connects to while an input is read (`sys.addaudithook`)."""

    def __init__(self, jail: Jail) -> None:
        self._on = False
        self.events: list[tuple[str, str, str]] = []
        root = os.path.realpath(jail.root)
        self._ours = tuple(f"{root}/{name}/" for name in ("in", "out", "cache", "tmp", "base"))
        self._base = os.path.realpath(jail.root.parent / "base")
        sys.addaudithook(self._hook)

    @contextmanager
    def listening(self) -> Iterator[None]:
        self.events.clear()
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on:
            return
        self._on = False
        try:
            self._look(event, args)
        finally:
            self._on = True

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(args[0], str | bytes):
            flags = args[2] if isinstance(args[2], int) else 0
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or any(c in str(args[1]) for c in "wax+")
            self._path("write" if writes else "read", args[0])
        elif event == "os.mkdir" and os.path.lexists(args[0]):
            return  # nothing is made
        elif event in _CHANGES and isinstance(args[0], str | bytes):
            made = args[1] if event in ("os.link", "os.symlink") else args[0]
            self._path("write", made, follows=event in ("os.chmod", "os.truncate"))
        elif event in _STARTS and args[0] != sys.executable:  # the package starts itself, for models of strangers
            self.events.append(("executed", event, f"{event} {args[0]!r} {args[1] if len(args) > 1 else ''!r}"[:300]))
        elif event in _NETWORK and getattr(args[0], "family", None) != socket.AF_UNIX:
            self.events.append(("escaped", event, f"{event} {args[1:]!r}"[:300]))

    def _path(self, how: str, path: str | bytes, *, follows: bool = True) -> None:
        """`follows`: what is done is done to the target of a link, not to the link."""
        text = os.fsdecode(path)
        folder, name = os.path.split(text)
        text = os.path.realpath(text) if follows else os.path.join(os.path.realpath(folder), name)
        if (
            f"{text}/".startswith(self._ours)
            or text in ("/dev/null", "/dev/urandom", "/dev/zero")
            or "__pycache__" in text
        ):
            return
        if how == "read" and text.startswith((*READABLE, self._base)):
            return
        self.events.append((how, raised_at(sys._getframe()), f"{how}: {text}"))


def raised_at(frame: Any) -> str:
    """The innermost line of the package on this stack of frames."""
    while frame is not None:
        name = frame.f_code.co_filename
        if PACKAGE in name and "hostile_inputs" not in name:
            return f"{name.rpartition(PACKAGE)[2]}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
    return "?"


def raised_in(error: BaseException) -> str:
    """The innermost line of the package that an exception passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if PACKAGE in f.filename and "hostile_inputs" not in f.filename]
    at = ours[-1] if ours else frames[-1]
    last = frames[-1]
    tail = "" if last is at else f" <- {Path(last.filename).name} {last.name}"
    return f"{at.filename.rpartition(PACKAGE)[2] or Path(at.filename).name}:{at.lineno} {at.name}{tail}"


def raw(text: str) -> list[str]:
    """Characters that a terminal would act on, or that would reorder a line."""
    bad = {
        c
        for c in text
        if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")
        or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    }
    return sorted(ascii(c) for c in bad)


def plant(kind: Kind, seed: int, number: int, jail: Jail, world: Any) -> Planted:
    """Write the input into the jail's empty folder."""
    if kind.heavy is not None:
        kind.heavy(world)
    return kind.plant(draw_of(seed, kind.name, number), jail.emptied(), world)


def judge(planted: Planted, kind: str, number: int, jail: Jail, auditor: Auditor) -> Outcome:
    """Read the input and say what went wrong."""
    outcome = Outcome(kind, number, planted.note)
    tempfile.tempdir = str(jail.root / "tmp")
    jail.changed()
    value: Any = None
    failed: Exception | None = None
    with Watch(jail.root / OUTSIDE) as watch, auditor.listening():
        try:
            value = planted.read()
            outcome.result = "read"
        except ProbablyExistsError as error:
            outcome.said = error.on_command_line
        except Exception as error:
            outcome.result, failed = "failed", error
    if isinstance(failed, NotOurs):
        outcome.add(failed.column, failed.where, str(failed))
    elif failed is not None:
        text = " ".join(f"{type(failed).__name__}: {failed}".split())
        outcome.add("crashed", f"{type(failed).__name__} {raised_in(failed)}", text)
    opened = watch.seen()
    if outcome.said:
        _judge_message(outcome)
    if outcome.result == "read":
        _judge_value(outcome, planted, value)
    _judge_surroundings(outcome, planted, opened, auditor, jail)
    return outcome


def _judge_message(outcome: Outcome) -> None:
    if "\n" in outcome.said.strip():
        outcome.add("crashed", "a message of several lines", outcome.said)
    elif odd := raw(outcome.said):
        outcome.add(
            "escaped",
            f"control characters in a message: {' '.join(outcome.said.split()[-9:])!a:.80}",
            f"{odd}: {outcome.said!a}",
        )


def _judge_value(outcome: Outcome, planted: Planted, value: Any) -> None:
    if planted.never is not None:
        outcome.add(planted.never, "it must be refused", f"was read: {planted.note}")
    wrong = planted.check(value)
    if wrong is not None:
        outcome.add("wrong success", wrong.partition("(")[0][:80], f"{wrong} [{planted.note}]")


def _judge_surroundings(outcome: Outcome, planted: Planted, opened: list[str], auditor: Auditor, jail: Jail) -> None:
    changed = jail.changed()
    if any(MARK in Path(path).name for path in changed):
        outcome.add("executed", "planted code ran", f"{changed} [{planted.note}]")
    elif changed:
        outcome.add(
            "escaped", f"written outside: {changed[0].partition('/')[0]}/{Path(changed[0]).name}", f"{changed[:5]}"
        )
    if opened and not changed and not planted.follows_paths:
        outcome.add("escaped", "a file outside was opened", f"{sorted(set(opened))} [{planted.note}]")
    for column, where, text in dict.fromkeys(auditor.events):
        if (column == "read" and planted.follows_paths) or (column == "executed" and planted.starts_programs):
            continue
        outcome.add("escaped" if column in ("read", "write") else column, where, text)
