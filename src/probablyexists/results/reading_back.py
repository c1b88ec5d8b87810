"""A result read back: what is wrong with a file or folder that is none, in one line that says what to give."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from probablyexists.basis.errors import InputError
from probablyexists.basis.plain_files import COPY_AGAIN, MOST_RESULT, json_object
from probablyexists.basis.text import shown

FINDINGS: Final = "findings.json"
KINDS: Final[Mapping[str, str]] = {
    FINDINGS: "an audit",
    "sheet.json": "a sheet about one person",
    "frequent.json": "frequent faces",
    "comparison.json": "a comparison of two audits",
}
"""The file that marks a result as complete -> what it is."""
_GIVE = f"give the folder of an audit, or its {FINDINGS}"


def findings_file(given: Path) -> Path:
    """The `findings.json` of an audit, given itself or by its folder; InputError for another result or its folder."""
    here = given if os.path.isdir(given) else given.parent
    path = given / FINDINGS if here == given else given
    other = next((name for name in KINDS if name != FINDINGS and os.path.isfile(here / name)), None)
    if other is not None and (path.name == other or (here == given and not os.path.exists(path))):
        raise InputError(f"{shown(given)}: is {KINDS[other]}, not an audit; {_GIVE}")
    if path.suffix != ".json" and os.path.isfile(path.with_name(FINDINGS)):
        raise InputError(f"{shown(path)}: is not the findings of an audit; {_instead(path)}")
    return path


def held_in(path: Path, version: int) -> dict[str, Any]:
    """What a `findings.json` of this version holds, not yet checked; InputError if it is none."""
    held = json_object(path, MOST_RESULT, _instead(path))
    has = held.get("schema_version")
    if type(has) is int and has != version:
        when, do = ("an earlier", "audit again") if has < version else ("a later", "update probablyexists")
        raise InputError(f"{shown(path)}: written by {when} version (format {has}, this one reads {version}); {do}")
    return held


def no_findings(path: Path, error: ValidationError) -> InputError:
    """That a file is JSON, and not what an audit writes."""
    first, *more = error.errors(include_url=False, include_context=False, include_input=False)
    where = "/".join(map(str, first["loc"])) or "all of it"
    said = shown(f"{where[:60]}: {' '.join(first['msg'].split())[:100]}")
    others = f", and {len(more):,} more" if more else ""
    return InputError(f"{shown(path)}: not the findings of an audit ({said}{others}); {_instead(path)}")


def _instead(path: Path) -> str:
    """What to give instead of a file that cannot be read."""
    if path.name != FINDINGS and os.path.isfile(path.with_name(FINDINGS)):
        return f"give the folder that it is in, {shown(path.parent)}"
    return f"{COPY_AGAIN}, or audit again" if path.name == FINDINGS and os.path.exists(path) else _GIVE
