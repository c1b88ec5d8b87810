"""The pass phrase of a guard: from a file, the environment or the terminal, never from the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from probablyexists.basis.errors import InputError, option

VARIABLE = "PROBABLYEXISTS_PASS_PHRASE"
PassPhraseFile = Annotated[
    Path | None,
    typer.Option(help=f"File with the pass phrase, in its first line; default: ${VARIABLE}, or the terminal asks."),
]


def _given(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(VARIABLE) or None
    from probablyexists.basis.plain_files import read_plain

    try:
        first = read_plain(file, 2**16).decode().partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{option('pass_phrase_file', file)}: cannot be read ({error}); check it") from None
    if not first:
        raise InputError(f"{option('pass_phrase_file', file)}: its first line is empty; write the pass phrase there")
    return first


def known_pass_phrase(file: Path | None, guard: Path) -> str | None:
    """That of a guard's file; None if it is not encrypted."""
    from probablyexists.guarding.guard_file import is_encrypted

    if not is_encrypted(guard):
        return None
    given = _given(file)
    return given if given is not None else _asked(confirm=False)


def new_pass_phrase(file: Path | None, encrypt: bool) -> str | None:
    """For a new guard; None if it is not to be encrypted."""
    given = _given(file)
    return _asked(confirm=True) if given is None and encrypt else given


def _asked(*, confirm: bool) -> str:
    if not sys.stdin.isatty():
        raise InputError(f"the guard's pass phrase is needed; give {option('pass_phrase_file')}, or set {VARIABLE}")
    return str(typer.prompt("Pass phrase", hide_input=True, confirmation_prompt=confirm, err=True))
