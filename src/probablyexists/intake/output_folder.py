"""The folder an audit writes to: claimed before any work, so that nothing is computed for nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from probablyexists.basis.errors import InputError


def claim_folder(out: Path) -> None:
    """Make the folder and check that it can be written and holds no other audit.

    Raises InputError if it is a file, cannot be written, or holds `findings.json` already.
    """
    if (out / "findings.json").exists():
        raise InputError(f"--out {out}: holds another audit; give another folder, or delete it first")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"--out {out}: is a file; give a folder") from None
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error.strerror}); give another folder") from None
