"""Files beside the code that others read: the citation, the Dockerfile, how to contribute."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from probablyexists.cli.app import app

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "Dockerfile"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments) of the Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word
    ]


def understood(words: list[str]) -> None:
    """The program takes these arguments; nothing is run."""
    COMMANDS[words[0]].make_context(words[0], words[1:])


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_is_whole_and_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)  # what the format asks for
    assert cited["cff-version"] == "1.2.0"
    assert str(cited["version"]) == project()["version"]
    assert cited["license"] == project()["license"]
    assert cited["authors"] == [{"name": "The probablyexists authors"}]
    (paper,) = cited["references"]
    assert {"type", "title", "authors"} <= set(paper)
    assert paper["url"] == "https://arxiv.org/abs/2107.06018"
    assert [author["family-names"] for author in paper["authors"]] == ["Webster", "Rabin", "Simon", "Jurie"]


def test_the_image_is_pinned_and_runs_as_nobody_in_particular() -> None:
    found = instructions()
    stages: set[str] = set()
    for argument in (rest for word, rest in found if word == "FROM"):
        image, _, name = argument.partition(" AS ")
        assert image in stages or re.fullmatch(r"[\w./-]+:\d[\w.-]+", image), f"{image}: no version"
        stages.add(name)
    last = len(found) - 1 - [word for word, _ in found][::-1].index("FROM")
    (user,) = (rest for word, rest in found[last:] if word == "USER")
    assert user.partition(":")[0] not in ("root", "0")
    after = [word for word, _ in found[last:]]
    assert "RUN" not in after[after.index("USER") :]
    assert not {"ADD", "EXPOSE", "VOLUME"} & {word for word, _ in found}
    assert "latest" not in DOCKERFILE.read_text()


def test_the_image_runs_the_demo_and_other_commands() -> None:
    found = dict(instructions())
    assert json.loads(found["ENTRYPOINT"]) == ["probablyexists"]
    understood(json.loads(found["CMD"]))
    comments = re.sub(r"\\\n#\s*", "", DOCKERFILE.read_text())
    shown = re.findall(r"^#\s+docker run .*? probablyexists( .+)?$", comments, re.MULTILINE)
    assert len(shown) == 3
    for words in filter(None, map(shlex.split, shown)):
        understood(words)
    assert all("--network none" in line for line in re.findall(r"docker run .*", comments))


def test_the_image_is_built_from_what_the_package_needs_and_nothing_else() -> None:
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from=")]
    names = {name for some in copied for name in some}
    needed = {
        "pyproject.toml",
        "hatch_build.py",
        "constraints.txt",
        "src",
        project()["readme"],
        *project()["license-files"],
    }
    assert names == needed
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == needed
    for secret in (".git", "audit", "photos", "probablyexists-demo"):
        assert not any(fnmatch(secret, rule[1:]) for rule in rules if rule.startswith("!"))


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_a_linter_finds_nothing_in_the_dockerfile() -> None:
    found = subprocess.run(["hadolint", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_how_to_contribute_names_files_and_commands_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([\w-]+)", text, re.MULTILINE)) <= targets
    found = re.findall(r"`(?:\.venv/bin/pytest )?((?:src|docs|embeddings|tests)/[\w/.]*)`", text)
    assert len(found) > 4
    for path in found:
        assert (ROOT / path).exists() or (ROOT / "src" / "probablyexists" / path).exists(), path


def test_no_address_is_invented() -> None:
    for name in ("SECURITY.md", "CONTRIBUTING.md", "CITATION.cff"):
        assert not re.search(r"[\w.]+@[\w-]+\.\w+", (ROOT / name).read_text()), name
