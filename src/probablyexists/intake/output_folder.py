"""The folder a task writes to: checked before any work, so that no work is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from probablyexists.basis.errors import InputError, option

RESULTS = {
    "findings.json": ("report.html", "withhold.txt"),
    "sheet.json": ("sheet.html",),
    "frequent.json": ("frequent.html",),
}
"""The file that marks a result -> the files beside it."""


def claim_folder(out: Path | None, *, overwrite: bool = False) -> None:
    """Create the folder, if any. InputError if it cannot be written or, without `overwrite`, holds a task's result."""
    if out is None:
        return
    for mark in RESULTS:
        if not overwrite and (out / mark).exists():
            raise InputError(
                f"{option('out', out)}: already holds {mark}; give another folder, or {option('overwrite', True)}"
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{option('out', out)}: is a file; give a folder") from None
    except OSError as error:
        raise InputError(f"{option('out', out)}: cannot be written ({error.strerror}); give another folder") from None


def clear_results(out: Path) -> None:
    """Delete the result that the folder holds, if any; called when the new one is ready to be written."""
    for mark, others in RESULTS.items():
        for name in (mark, *others):
            (out / name).unlink(missing_ok=True)
