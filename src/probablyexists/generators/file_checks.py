"""Model files: their largest size, their name in the signature, and the trust that some need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.files import sha256_file
from probablyexists.basis.progress import Progress
from probablyexists.basis.text import shown

MOST_MODEL = 2**33
"""Most bytes of a model's file."""


def content_id(kind: str, where: Path, files: Iterable[Path] | None = None) -> str:
    """`kind/name/hash` of the file `where`, or of `files` below the folder `where`, in any order."""
    if files is None:
        digest = sha256_file(where)
    else:
        lines = sorted(f"{file.relative_to(where).as_posix()}\x1f{sha256_file(file)}" for file in files)
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{kind}/{where.resolve().name}/{digest[:16]}"


def check_trust(where: Path, kind: str, trust_pickle: bool, progress: Progress) -> None:
    """Warn before a file is opened on trust; InputError if it is not trusted. To be called before any of it is read."""
    if not trust_pickle:
        raise InputError(
            f"{shown(where)}: {kind} can run any code on this machine when it is opened; if you made it or know who "
            f"did, add {option('trust_pickle', True)}; an ONNX export needs no trust"
        )
    progress.say(
        f"{shown(where)}: opening {kind} runs whatever code it holds, with your rights on this machine; "
        "it is opened because you said that you trust it"
    )
