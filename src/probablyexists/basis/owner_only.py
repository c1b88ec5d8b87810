"""Folders and files that nobody but their owner can read, because they hold data of people.

A folder with the setgid bit is shared on purpose (`chgrp team folder; chmod 2770 folder`): its group may read and write
what is made in it, and others may not.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path, *, below: Path | None = None) -> None:
    """Create `folder` and what is missing above it, for the owner only; raises OSError.

    `below`: every existing folder under it, down to `folder`, is closed too, with the files in it, as far as it is
    ours: an earlier version left them open.
    """
    if not folder.is_dir():
        if folder != folder.parent and not folder.parent.is_dir():
            make_folder(folder.parent)
        with suppress(FileExistsError):  # made by another process meanwhile, or a file, which the caller will notice
            folder.mkdir(mode=0o700)
            with suppress(OSError):  # a disk without rights, such as a USB stick's
                folder.chmod(_folder_mode(folder))
        if not folder.is_dir():
            raise NotADirectoryError(20, "a file is in the way", str(folder))
    if below is not None:
        parts = folder.relative_to(below).parts
        for depth in range(1, len(parts) + 1):
            _close(below.joinpath(*parts[:depth]))


def share(file: Path) -> None:
    """Give a file that only its owner can read to the group of its folder, if the folder is shared."""
    with suppress(OSError):
        if file.parent.stat().st_mode & stat.S_ISGID:
            file.chmod(0o660)


def _folder_mode(folder: Path) -> int:
    shared = folder.stat().st_mode & stat.S_ISGID
    return 0o2770 if shared else 0o700


def _close(folder: Path) -> None:
    """Take away the rights of others, once; nothing happens if they have none, or if the folder is another user's."""
    with suppress(OSError):
        mode = _folder_mode(folder)
        if stat.S_IMODE(folder.stat().st_mode) & ~mode == 0:
            return
        folder.chmod(mode)
        for entry in os.scandir(folder):
            if entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    os.chmod(entry.path, mode & 0o660)
