"""Model files: their size, their name in the signature, their JSON, and the trust that some need."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.files import sha256_file
from probablyexists.basis.progress import Progress
from probablyexists.basis.text import one_line, shown

MOST_JSON = 2**20
"""Most bytes of a JSON file beside a model."""
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


def plain_size(path: Path, most: int) -> int:
    """Bytes of a regular file; InputError for a pipe or device, which may never end, and for a file over `most` bytes.

    Raises OSError if there is none.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise InputError(f"{shown(path)}: is a pipe, a device or a folder, not a file; it is not read")
    if about.st_size > most:
        unit, name = (2**30, "GiB") if most >= 2**30 else (2**20, "MiB")
        raise InputError(
            f"{shown(path)}: has {about.st_size / unit:,.1f} {name}, over {most / unit:,.0f} {name}; it is not read"
        )
    return about.st_size


def json_text(path: Path) -> bytes:
    """The bytes of a JSON file of at most `MOST_JSON`; OSError and InputError as `plain_size`."""
    plain_size(path, MOST_JSON)
    return path.read_bytes()


def json_object(path: Path) -> dict[str, Any]:
    """What a JSON file holds; InputError if it cannot be read, or holds no object."""
    try:
        found = json.loads(json_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{shown(path)}: cannot be read as JSON ({one_line(error)})") from None
    if not isinstance(found, dict):
        raise InputError(f"{shown(path)}: holds no JSON object")
    return found
