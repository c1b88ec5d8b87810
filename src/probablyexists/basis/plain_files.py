"""Small files that strangers may have made: never a pipe, a device or gigabytes, and damage is one line."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import one_line, shown

MOST_JSON = 2**20
"""Most bytes of a JSON file beside a model, and of a TOML file."""
MOST_RESULT = 2**30
"""Most bytes of a result that is read back."""


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


def read_plain(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most `most`; OSError and InputError as `plain_size`."""
    plain_size(path, most)
    return path.read_bytes()


def json_object(path: Path, most: int = MOST_JSON) -> dict[str, Any]:
    """What a JSON file holds; InputError if it cannot be read, or holds no object."""
    try:
        return json_line(read_plain(path, most), path)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read as JSON ({one_line(error)})") from None


def json_line(text: bytes, path: Path) -> dict[str, Any]:
    """What a JSON text of the file `path` holds; InputError if it is none, or no object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(path)}: cannot be read as JSON ({one_line(error)})") from None
    if not isinstance(found, dict):
        raise InputError(f"{shown(path)}: holds no JSON object")
    return found


def toml_table(path: Path, where: str) -> dict[str, Any]:
    """What a TOML file holds; InputError, which begins with `where`."""
    try:
        return tomllib.loads(read_plain(path, MOST_JSON).decode())
    except InputError as error:
        raise InputError(f"{where}: {error.raw.removeprefix(shown(path)).removeprefix(': ')}") from None
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror}); check the path") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is not valid TOML ({one_line(error)}); correct it") from None
