"""What an audit needs to know of a guard: who looks, from which score it refuses, and on whom that was set."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probablyexists.basis.errors import InputError
from probablyexists.basis.plain_files import plain_size
from probablyexists.basis.text import shown

_PLAIN, _ENCRYPTED = b"probablyexists guard 1 plain\n", b"probablyexists guard 1 encrypted\n"
_MOST, _MOST_JSON = 2**34, 2**28


class GuardHeader(BaseModel):
    """The part of a guard's description that counts here."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    recogniser_id: str = Field(max_length=1000)
    """Name and version of its recogniser."""
    salt: str = Field(pattern="^[0-9a-f]{64}$")
    """What its halves of held-out people were drawn with."""
    half: bool
    """Whether half of the held-out people were left for verdicts."""
    threshold: float | None = None
    """The score above which it refuses a picture as a likeness."""


def guard_header(path: Path) -> GuardHeader:
    """A guard's description. InputError, one line, if the file is no guard or cannot be read."""
    try:
        plain_size(path, _MOST)
        with path.open("rb") as file:
            first = file.readline(64)
            if first == _ENCRYPTED:
                raise InputError(f"{shown(path)}: is encrypted; give the guard without a pass phrase")
            if first != _PLAIN:
                raise InputError(f"{shown(path)}: is not the file of a guard; make one: probablyexists guard")
            (length,) = struct.unpack("<Q", file.read(8))
            text = file.read(length) if length <= _MOST_JSON else b""
        return GuardHeader.model_validate(json.loads(text)["about"])
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({error.strerror}); give the file of a guard") from None
    except (ValidationError, ValueError, KeyError, TypeError, RecursionError, struct.error):
        raise InputError(f"{shown(path)}: is damaged; make the guard again") from None
