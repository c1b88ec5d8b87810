"""Blocks of code of a page in docs/, and running them as a reader would, one after the other, in one folder.

A block with a title is a file to save. After a block that runs, a `text` block is what it prints: the words must be
there, in this order; numbers and pseudonyms may differ; a line of three dots stands for any lines. `data-not-run` in a
block's first line says why it cannot run here.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from probablyexists.cli.app import app

_FENCE = re.compile(r"^```(\w+)(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
_NUMBER = re.compile(r"P-[0-9a-f]{8}|photo:[0-9a-f]{16}|[-+]?\d[\d,]*\.?\d*(?:e-?\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    title: str | None
    not_run: str | None


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in order."""
    for language, options, text in _FENCE.findall(page.read_text("utf-8")):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', options))
        yield Block(language, text, given.get("title"), given.get("data-not-run"))


def run_page(page: Path) -> None:
    """Run a page's blocks in the working folder. AssertionError at the first that fails or prints other words."""
    names: dict[str, object] = {"__name__": "__main__"}
    printed: str | None = None
    for block in blocks(page):
        if block.not_run is not None:
            printed = None
        elif block.title is not None:
            Path(block.title).write_text(block.text, "utf-8")
        elif block.language == "text":
            if printed is not None:
                compare_words(block.text, printed)
        else:
            printed = _run(block, names)


def compare_words(shown: str, printed: str) -> None:
    """AssertionError if lines that are shown were not printed, in their order."""
    left = iter(_words(printed))
    skips = True
    for line in _words(shown):
        if line == "...":
            skips = True
            continue
        there = next((other for other in left if not skips or other == line), None)
        assert there == line, f"shown: {line}\nnot printed there:\n{printed}"
        skips = False


def _words(text: str) -> list[str]:
    return [_NUMBER.sub("#", " ".join(line.split())) for line in text.splitlines() if line.strip()]


def _run(block: Block, names: dict[str, object]) -> str:
    if block.language == "python":
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block.text, "page", "exec"), names)
        return out.getvalue()
    assert block.language == "sh", f"a block of {block.language} without a title is neither a file nor run"
    lines = block.text.replace("\\\n", " ").splitlines()
    return "".join(_command(line) for line in lines if line.strip())


def _command(line: str) -> str:
    """What a command prints; our own and Python's run in this process, for speed."""
    program, *arguments = shlex.split(line, comments=True)
    if program == "probablyexists":
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{line}\n{done.output}{done.exception!r}"
        return done.stdout
    if program == "python":
        with contextlib.redirect_stdout(io.StringIO()) as out:
            runpy.run_path(arguments[0], run_name="__main__")
        return out.getvalue()
    return subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True).stdout
