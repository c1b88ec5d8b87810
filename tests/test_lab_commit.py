"""The commit that a row of the lab names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from probablyexists.lab.commit import commit


def git(checkout: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(
        ["git", "-C", str(checkout), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")
def test_the_commit_of_a_checkout_is_named_and_changes_are_told(tmp_path: Path) -> None:
    package = tmp_path / "src" / "package"
    package.mkdir(parents=True)
    (package / "a.py").write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "-a", "v1", "-m", "v1")
    named = commit(package)
    assert named is not None
    assert git(tmp_path, "rev-parse", "HEAD").startswith(named)
    (package / "a.py").write_text("2\n")
    assert commit(package) == f"{named}-dirty"


def test_an_installed_package_has_no_commit(tmp_path: Path) -> None:
    """Also inside somebody else's checkout."""
    package = tmp_path / "venv" / "lib" / "package"
    package.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert commit(package) is None
