"""Commands in the README and the help can be typed as they are."""

from __future__ import annotations

import argparse
import ast
import doctest
import importlib
import json
import os
import pkgutil
import re
import runpy
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

import probablyexists
from page_blocks import blocks, compare_words, run_page
from probablyexists.cli.app import app
from probablyexists.results.comparison import Comparison
from probablyexists.results.findings import Findings
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet

ROOT = Path(__file__).parent.parent


def commands_below(command: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group of the program with its words: ("lab", "run")."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from commands_below(below, (*name, word))


def examples(text: str) -> set[str]:
    """Command lines of fenced and indented blocks and of `code spans`, continued lines joined, comments cut off."""
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"^    +.*$", text, re.MULTILINE)
    blocks += re.findall(r"`([^`]*)`", text)
    lines = re.findall(r"^ *((?:probablyexists |python scripts/|make ).*)$", "\n".join(blocks), re.MULTILINE)
    return {shlex.join(shlex.split(line, comments=True)) for line in lines}


def helped(command: Any) -> set[str]:
    """The examples of a command's help; every line of it may be one."""
    return examples(textwrap.indent(command.help or "", "    "))


COMMANDS = dict(commands_below(typer.main.get_command(app)))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
TEXTS = [page.read_text() for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))]
TEXTS += [ast.get_docstring(ast.parse(script.read_text())) or "" for script in SCRIPTS]
EXAMPLES = sorted(set[str]().union(*map(examples, TEXTS)))
HELP_EXAMPLES = sorted(set[str]().union(*map(helped, COMMANDS.values())))


@pytest.mark.parametrize(
    "line", [line for line in sorted({*EXAMPLES, *HELP_EXAMPLES}) if line.startswith("probablyexists ")]
)
def test_documented_commands_are_understood(line: str) -> None:
    """Command, options, and the type of each value; nothing is run. A command's bare name is prose."""
    arguments = shlex.split(line)[1:]
    name: tuple[str, ...] = ()
    while arguments and (*name, arguments[0]) in COMMANDS:
        name += (arguments.pop(0),)
    assert getattr(COMMANDS[name], "invoke_without_command", True), f"{line}: no such command"
    if arguments or line in HELP_EXAMPLES:
        COMMANDS[name].make_context(line, list(arguments))
    for ours in (argument for argument in arguments if argument.startswith("experiments/")):
        assert (ROOT / ours).is_file(), ours


class ParsedError(Exception):
    """Raised in place of a script's work."""


@pytest.mark.parametrize("line", [line for line in EXAMPLES if line.startswith("python scripts/")])
def test_documented_scripts_take_these_arguments(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is run up to its parsed arguments."""
    _, script, *arguments = shlex.split(line.partition(" '>' ")[0])
    if "parse_args" not in (ROOT / script).read_text():
        assert not arguments
        return
    parse = argparse.ArgumentParser.parse_args

    def parse_alone(parser: argparse.ArgumentParser) -> None:
        parse(parser)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_alone)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with pytest.raises(ParsedError):
        runpy.run_path(str(ROOT / script), run_name="__main__")


@pytest.mark.parametrize("line", [line for line in EXAMPLES if line.startswith("make ")])
def test_documented_targets_exist(line: str) -> None:
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(line.split()[1:]) <= targets


def test_there_are_documented_commands() -> None:
    """The examples are found where they are: a pattern that finds none would test nothing."""
    words = {shlex.split(line)[1] for line in EXAMPLES if line.startswith("probablyexists ")}
    assert words >= {"audit", "split", "ask", "blind", "embed", "match", "lab", "demo"}
    assert {script.name for script in SCRIPTS} == {
        Path(line.split()[1]).name for line in EXAMPLES if "scripts/" in line
    }
    shown = {name for name, command in COMMANDS.items() if helped(command)}
    assert shown >= {(word,) for word in ("audit", "split", "ask", "blind", "compare", "embed", "match")}
    assert shown >= {("lab", word) for word in ("run", "train", "table", "plot", "leaderboard", "judge")}
    assert {"make demo", "make test"} <= set(EXAMPLES)


@pytest.mark.parametrize(
    ("name", "written"),
    [("findings", Findings), ("sheet", Sheet), ("frequent", FrequentFaces), ("comparison", Comparison)],
)
def test_the_schemas_in_the_docs_are_those_we_write(name: str, written: type[BaseModel]) -> None:
    held = json.loads((ROOT / "docs" / f"{name}.schema.json").read_text())
    assert held == written.model_json_schema(mode="serialization")


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_public_names_exist() -> None:
    for name in probablyexists.__all__:
        assert getattr(probablyexists, name) is not None


MODULES = [
    m.name for m in pkgutil.walk_packages(probablyexists.__path__, "probablyexists.") if "__main__" not in m.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_test_that_robustness_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "robustness.md").read_text()))
    there = {
        name
        for path in (ROOT / "tests").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 100
    assert named <= there


# --- the site -------------------------------------------------------------------------------------------------------

DOCS = ROOT / "docs"
HOW_TO = sorted(path for path in (DOCS / "how-to").glob("*.md") if path.stem != "index")
NOT_RUN = {
    ("start", "installs the package"),
    ("start", "takes minutes"),
    ("own-generator", "needs your file"),
    ("own-generator", "needs packages of two extras"),
    ("audit-again", "needs the files of two other pages"),
    ("recognisers", "downloads a file"),
    ("recognisers", "needs a second recogniser"),
    ("ask-about-yourself", "downloads a file"),
    ("ask-about-yourself", "deletes from your home folder"),
    ("a-million-samples", "needs a million samples"),
    ("look-at-an-audit", "runs until you stop it"),
    ("lab", "trains for minutes"),
    ("lab", "needs a GPU, and trains for hours"),
    ("lab", "needs a second recogniser"),
    ("cluster", "starts a cluster"),
    ("cluster", "needs a cluster"),
}
"""Blocks of these pages that no test can run, and why."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a reader has after the page Start. For reading only."""
    folder = tmp_path_factory.mktemp("started")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_page(DOCS / "start.md")
    return folder


@pytest.fixture
def at_start(started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of that folder is the working folder."""
    shutil.copytree(started, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, ""])


@pytest.mark.usefixtures("at_start")
@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_every_block_of_a_how_to_page_runs_and_prints_what_the_page_shows(page: Path) -> None:
    run_page(page)


def test_the_first_ten_minutes_hold_what_the_page_says(started: Path) -> None:
    assert sum(path.is_file() for path in (started / "kept").rglob("*")) == 41


def test_blocks_that_are_not_run_are_few_and_say_why() -> None:
    pages = (DOCS / "start.md", *HOW_TO)
    assert {(page.stem, one.not_run) for page in pages for one in blocks(page) if one.not_run} == NOT_RUN


def test_what_a_page_shows_is_compared_by_its_words() -> None:
    compare_words("5 of 12 members\n...\nreport: a\n", "6 of 12 members\nmore\nreport: a\n")
    for shown in ("5 of 12 people", "5 of 12 members\nreport: a", "...\nreport: b", "report: a\n...\n6 of 12 members"):
        with pytest.raises(AssertionError, match="not printed"):
            compare_words(shown, "6 of 12 members\nmore\nreport: a\n")


def pages_in_nav(part: Any) -> Iterator[str]:
    """Files that the site's navigation names."""
    if isinstance(part, str):
        yield part
    for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from pages_in_nav(below)


def test_every_command_has_a_page() -> None:
    read = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    there = {Path(page).stem for page in pages_in_nav(read["nav"]) if page.startswith("reference/commands/")}
    assert there == {name[0] for name in COMMANDS if name}


def test_every_public_name_has_its_place_in_the_api_reference() -> None:
    written = "\n".join(page.read_text() for page in (DOCS / "reference" / "api").glob("*.md"))
    described = re.findall(r"^::: (\S+)$", written, re.MULTILINE)
    public = {f"probablyexists.{name}" for name in probablyexists.__all__ if name != "__version__"}
    assert public - set(described) == set()
    assert len(described) == len(set(described))


def test_a_built_page_that_asks_another_machine_or_shows_backticks_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text('<a href="https://example.org">there</a><script src="assets/own.js"></script>')
    bad = {
        "script.html": '<script src="https://example.org/a.js"></script>',
        "style.html": '<link rel="stylesheet" href="//example.org/a.css">',
        "font.css": "@font-face { src: url('https://example.org/a.woff2') }",
        "import.css": '@import "https://example.org/a.css";',
        "code.html": "<p>```sh made-up <br>",
    }
    for name, text in bad.items():
        (tmp_path / name).write_text(text)
    found = runpy.run_path(str(ROOT / "scripts" / "site" / "page_checks.py"))["faults"](tmp_path)
    assert {name for name, _ in found} == set(bad)
