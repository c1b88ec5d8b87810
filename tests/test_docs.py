"""What the README and the help say can be typed as it stands."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

import probablyexists
from probablyexists.cli.app import app
from probablyexists.results.findings import Findings
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet

ROOT = Path(__file__).parent.parent


def documented_commands() -> list[str]:
    texts = [(ROOT / "README.md").read_text()]
    commands = [["audit"], ["split"], *(["lab", name] for name in ("run", "train", "table", "plot"))]
    texts += [CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "200"}).output for name in commands]
    found = (
        re.findall(r"^\W*(probablyexists (?:audit|split|demo|schema|lab)[^│`\n]*)", text, re.MULTILINE)
        for text in texts
    )
    return sorted({command.strip(" \\") for commands in found for command in commands})


@pytest.mark.parametrize("command", documented_commands())
def test_documented_commands_have_these_options(command: str) -> None:
    _, *arguments = shlex.split(command)
    known_as: Any = typer.main.get_command(app)
    while hasattr(known_as, "commands"):
        known_as = known_as.commands[arguments.pop(0)]
    known = {option for parameter in known_as.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("-")} <= known


def test_there_are_documented_commands() -> None:
    assert len(documented_commands()) >= 3


@pytest.mark.parametrize(("name", "written"), [("findings", Findings), ("sheet", Sheet), ("frequent", FrequentFaces)])
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
