"""Files that are either whole or absent: written to a temporary file, then moved into place.

They name people, show faces or hold templates: only the user who wrote them can read them (0600, new folders 0700).
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from probablyexists.basis.errors import WriteError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there if the block succeeds, delete it if not.

    WriteError for any OSError, also those of the block, which does nothing but write.
    """
    aside: Path | None = None
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "it is a folder or a device")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        aside = Path(name)
        yield aside
        os.replace(aside, path)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(path, error) from error
    finally:
        if aside is not None:
            with suppress(OSError):
                aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all. WriteError."""
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
