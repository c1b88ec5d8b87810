"""Which code carried out a run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def commit(package: Path = PACKAGE) -> str | None:
    """The commit of the checkout that the package runs from, with `-dirty` if files differ from it.

    None where the package is installed, not run from a checkout, or git is missing.
    """
    checkout, git = package.parents[1], shutil.which("git")
    if git is None or not (checkout / ".git").exists():
        return None
    asked = [git, "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() or None
