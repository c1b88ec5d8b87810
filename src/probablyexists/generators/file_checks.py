"""Model files: their name in the signature, and the messages where opening one may run code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import sha256_file
from probablyexists.basis.text import shown


def content_id(kind: str, where: Path, files: Iterable[Path] | None = None) -> str:
    """`kind/name/hash` of the file `where`, or of `files` below the folder `where`, in any order."""
    if files is None:
        digest = sha256_file(where)
    else:
        lines = sorted(f"{file.relative_to(where).as_posix()}\x1f{sha256_file(file)}" for file in files)
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{kind}/{where.resolve().name}/{digest[:16]}"


def needs_trust(where: Path, kind: str) -> InputError:
    """The error for a file that can run Python code when opened; raised before any of it is read."""
    return InputError(
        f"{shown(where)}: {kind} can run any code on this machine when it is opened; if you made it or know who did, "
        "add --trust-pickle (trust_pickle=True in Python); an ONNX export needs no trust"
    )


def trusting(where: Path, kind: str) -> str:
    """The warning before a file is opened on trust."""
    return (
        f"{shown(where)}: opening {kind} runs whatever code it holds, with your rights on this machine; "
        "it is opened because of --trust-pickle"
    )


def one_line(error: BaseException) -> str:
    """The message of another library's error, on one line and shortened."""
    return shown(" ".join(f"{type(error).__name__}: {error}".split())[:200])
