"""Where images come from: a folder, a zip, a tar or a manifest, all read the same way.

A source is either wholly named (every photo has a person) or wholly flat. Listing reads names only; bytes come
from `stream`, and an image that cannot be read comes out as an `ImageError` in its place.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import Role
from probablyexists.basis.text import shown
from probablyexists.sources.listing import Left, Photo


class Source(Protocol):
    """Photos by name, and their bytes on demand."""

    @property
    def name(self) -> str:
        """The source as the user gave it."""

    @property
    def photos(self) -> tuple[Photo, ...]:
        """Sorted by path (code points, which is UTF-8 byte order); each path once; never empty."""

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the source's order. `wanted`: members of `photos`.

        Call it once with all photos: every call opens an archive again. A photo that cannot be read comes with
        ImageError("unreadable") or ImageError("too large") instead of bytes.
        """


def left_of(source: Source) -> Left:
    """What a source holds beside its photos, and did not read."""
    left: Left = getattr(source, "left", Left())
    return left


def open_source(where: str | Path, *, role: Role | None = None, named: bool | None = None) -> Source:
    """List the images at `where`:

    - a folder of images, or of one sub-folder a person
    - a .zip, a .tar (also .gz, .bz2, .xz)
    - a .csv or .parquet manifest
    - a folder of tars (WebDataset), or a pattern of them: `shards/*.tar`, `shards/{000..099}.tar`
    - a .parquet or .arrow with an image column, a folder or a pattern of them, or a folder that `datasets` wrote with
      `save_to_disk`

    `role`: of a table with a role column only the rows of this role (training, unseen, heldout or generated);
    other sources have no roles and are used whole. `named`: None = folders are people if there are any; False ignores
    folders (and a table's people); True refuses a flat source.

    Raises InputError, one line beginning with `where`.
    """
    import zipfile

    from probablyexists.sources.archives import ZipSource
    from probablyexists.sources.folder import FolderSource
    from probablyexists.sources.manifest import ManifestSource
    from probablyexists.sources.packed import TABLES, expanded, packed
    from probablyexists.sources.shards import ShardsSource
    from probablyexists.sources.tars import looks_like_tar

    path, name = Path(where), shown(where)
    suffix = path.suffix.lower()
    try:
        files = expanded(where) or (packed(path, name) if path.is_dir() else [])
        if not files:
            mode = os.stat(where).st_mode
            if stat.S_ISDIR(mode):
                return FolderSource(where, named)
            if not stat.S_ISREG(mode):
                raise InputError(f"{name}: neither a file nor a folder; give a folder, a zip, a tar or a table")
            if suffix == ".csv":
                return ManifestSource(where, role, named)
            if suffix == ".zip" or (suffix not in TABLES and zipfile.is_zipfile(path)):
                return ZipSource(where, named)
            files = [path]
        if files[0].suffix.lower() in TABLES:
            from probablyexists.sources.tables import ColumnsSource, has_images

            if suffix == ".parquet" and files == [path] and not has_images(path):
                return ManifestSource(where, role, named)
            return ColumnsSource(where, files, role, named)
        if looks_like_tar(files[0]):
            return ShardsSource(where, files, named)
    except FileNotFoundError:
        raise InputError(f"{name}: does not exist; check the path") from None
    except PermissionError as error:
        at = shown(error.filename or where)
        raise InputError(f"{name}: no permission to read {at}; change its permissions") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read ({shown(error)}); check the path") from error
    raise InputError(f"{name}: not a folder, zip, tar, .csv, .parquet or .arrow; give one of these")
