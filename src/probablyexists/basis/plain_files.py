"""Small files that strangers may have made: never a pipe, a device or gigabytes, and damage is one line."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import one_line, shown

MOST_JSON = 2**20
"""Most bytes of a JSON file beside a model, and of a TOML file."""
MOST_RESULT = 2**30
"""Most bytes of a result that is read back."""


COPY_AGAIN = "copy it again from where it was made"
_HALF_A_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
"""May be half a character, which no file can hold; two of them are a whole one."""
_JSON_NAMES: Mapping[type, str] = {list: "list", str: "text", int: "number", float: "number"}
_NEAR_THE_END = 12
"""Bytes from the end in which a text that was cut off goes wrong: a number, a word or a character may be half there."""


def plain_size(path: Path, most: int, instead: str = "it is not read") -> int:
    """Bytes of a regular file; InputError for a pipe or device, which may never end, and for a file over `most` bytes.

    `instead`: the end of the message. Raises OSError if there is none.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise InputError(f"{shown(path)}: is a pipe, a device or a folder, not a file; {instead}")
    if about.st_size > most:
        unit, name = (2**30, "GiB") if most >= 2**30 else (2**20, "MiB")
        raise InputError(
            f"{shown(path)}: has {about.st_size / unit:,.1f} {name}, over {most / unit:,.0f} {name}; {instead}"
        )
    return about.st_size


def read_plain(path: Path, most: int, instead: str = "it is not read") -> bytes:
    """The bytes of a regular file of at most `most`; OSError and InputError as `plain_size`."""
    plain_size(path, most, instead)
    return path.read_bytes()


def json_object(path: Path, most: int = MOST_JSON, instead: str = COPY_AGAIN) -> dict[str, Any]:
    """What a JSON file holds; InputError, which ends with `instead`, if it cannot be read, or holds no object."""
    try:
        text = read_plain(path, most, instead)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({error.strerror}); {instead}") from None
    return json_line(text, path, instead)


def json_line(text: bytes, path: Path, instead: str = COPY_AGAIN) -> dict[str, Any]:
    """What a JSON text of the file `path` holds; InputError, which ends with `instead`, if it is none, or no object."""
    try:
        found = json.loads(text)
        if _HALF_A_CHARACTER.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(path)}: {_fault(text, error)}; {instead}") from None
    if not isinstance(found, dict):
        kind = _JSON_NAMES.get(type(found), "value")
        raise InputError(f"{shown(path)}: holds a JSON {kind}, not an object; {instead}")
    return found


def _fault(text: bytes, error: ValueError | RecursionError) -> str:
    """What is wrong with a text that is not JSON."""
    if not text.strip():
        return "is empty"
    if text.endswith(b"\0"):
        lost = len(text) - len(text.rstrip(b"\0"))
        return f"{lost:,} of its {len(text):,} bytes, at its end, were never written (zeros)"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return "is no JSON"
    if isinstance(error, json.JSONDecodeError):
        cut = error.msg.startswith("Unterminated string") or error.pos >= len(error.doc.rstrip()) - _NEAR_THE_END
        where = f"at line {error.lineno:,}, column {error.colno:,}"
    elif isinstance(error, UnicodeDecodeError):
        cut, where = error.end >= len(text), f"at byte {error.start:,}"
    else:
        cut, where = False, f"({'half a character' if isinstance(error, UnicodeError) else 'a number is too long'})"
    return f"is cut off: it ends in the middle, after {len(text):,} bytes" if cut else f"is damaged {where}"


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
