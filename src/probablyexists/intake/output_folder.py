"""The folder a task writes to: checked before any work, so that no work is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.intake.settings import GeneratorSettings

RESULTS = {
    "findings.json": ("report.html", "withhold.txt"),
    "sheet.json": ("sheet.html",),
    "frequent.json": ("frequent.html",),
}
"""The file that marks a result -> the files beside it."""


def claim_folder(settings: GeneratorSettings) -> None:
    """Create the output folder, if one is asked for.

    InputError if it cannot be written, is one of the input folders, or, without `overwrite`, holds a task's result.
    """
    out = settings.out
    if out is None:
        return
    inputs = (value for name in type(settings).model_fields if isinstance(value := getattr(settings, name), Path))
    if str(out) == "." or any(
        value is not out and value.is_dir() and out.resolve() == value.resolve() for value in inputs
    ):
        raise InputError(f"{option('out', out)}: is the working folder, or holds the images; give a folder of its own")
    for mark, others in RESULTS.items():
        if any((out / name).is_dir() for name in (mark, *others)) or (not settings.overwrite and (out / mark).exists()):
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
