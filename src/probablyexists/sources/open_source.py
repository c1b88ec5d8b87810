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
from probablyexists.sources.packed import TABLES, expanded, packed
from probablyexists.sources.persons import GroupColumn


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


def groups_of(source: Source) -> dict[str, str]:
    """Person -> group, where the source is a table with a column group; InputError if something is wrong with it."""
    groups: GroupColumn | None = getattr(source, "groups", None)
    return {} if groups is None else groups.of_people()


def open_source(where: str | Path, *, role: Role | None = None, named: bool | None = None) -> Source:
    """List the images at `where`:

    - a folder of images, or of one sub-folder a person
    - a .zip, a .tar (also .gz, .bz2, .xz)
    - a .csv, .tsv or .parquet manifest
    - a folder of tars (WebDataset), or a pattern of them: `shards/*.tar`, `shards/{000..099}.tar`
    - a .parquet or .arrow with an image column, a folder or a pattern of them, or a folder that `datasets` wrote with
      `save_to_disk`
    - an .npz with one uint8 array of images (samples, height, width, 3)
    - a .rec of InsightFace (MXNet's RecordIO), or the folder that holds it
    - an LMDB: its folder, or its file .mdb or .lmdb

    `role`: of a table with a role column only the rows of this role (training, unseen, heldout or generated);
    other sources have no roles and are used whole. `named`: None = folders are people if there are any; False ignores
    folders (and a table's people); True refuses a flat source.

    Raises InputError, one line beginning with `where`.
    """
    from probablyexists.sources.folder import FolderSource

    path, name = Path(where), shown(where)
    try:
        files = expanded(where) or (packed(path, name) if path.is_dir() else [])
        if files:
            return _of_file(where, files, role, named)
        mode = os.stat(where).st_mode
        if stat.S_ISDIR(mode):
            return FolderSource(where, named)
        if stat.S_ISREG(mode):
            return _of_file(where, [path], role, named)
    except FileNotFoundError:
        raise InputError(f"{name}: does not exist; check the path") from None
    except PermissionError as error:
        at = shown(error.filename or where)
        raise InputError(f"{name}: no permission to read {at}; change its permissions") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read ({shown(error)[:200]}); check the path") from error
    raise InputError(f"{name}: neither a file nor a folder; give a folder, a zip, a tar or a table")


def _of_file(where: str | Path, files: list[Path], role: Role | None, named: bool | None) -> Source:
    """The source in a file, or in several of one kind."""
    import zipfile

    from probablyexists.sources.tars import looks_like_tar

    path = files[0]
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", *TABLES):
        return _of_table(where, files, role, named)
    if suffix == ".npz":
        from probablyexists.sources.arrays import ArraySource

        return ArraySource(where, path, named)
    if suffix in (".mdb", ".lmdb"):
        from probablyexists.sources.lmdb_file import LmdbSource

        return LmdbSource(where, path, named)
    if suffix == ".rec":
        from probablyexists.sources.records import RecordsSource

        return RecordsSource(where, path, named)
    if suffix != ".zip" and looks_like_tar(path):  # before a zip, which a tar may end with
        from probablyexists.sources.shards import ShardsSource

        return ShardsSource(where, files, named)
    if suffix == ".zip" or zipfile.is_zipfile(path):
        from probablyexists.sources.archives import ZipSource

        return ZipSource(where, named)
    raise InputError(f"{shown(where)}: {_OTHERS.get(suffix, _UNKNOWN)}")


def _of_table(where: str | Path, files: list[Path], role: Role | None, named: bool | None) -> Source:
    """A table of images, or of paths to images."""
    from probablyexists.sources.columns import has_images
    from probablyexists.sources.manifest import ManifestSource
    from probablyexists.sources.tables import ColumnsSource

    suffix = files[0].suffix.lower()
    if suffix in (".csv", ".tsv") or (suffix == ".parquet" and files == [Path(where)] and not has_images(files[0])):
        return ManifestSource(where, role, named)
    return ColumnsSource(where, files, role, named)


_UNKNOWN = "not a folder, zip, tar, .csv, .parquet, .arrow, .npz, .rec or LMDB; give one of these"
_WRITE_IMAGES = "write its images as files (one folder a person), as WebDataset tars or as Parquet"
_OTHERS = {
    ".tfrecord": f"TFRecord is not read; {_WRITE_IMAGES}",
    ".tfrecords": f"TFRecord is not read; {_WRITE_IMAGES}",
    ".h5": f"HDF5 is not read; {_WRITE_IMAGES}",
    ".hdf5": f"HDF5 is not read; {_WRITE_IMAGES}",
    ".mat": f"MATLAB files are not read; {_WRITE_IMAGES}",
    ".npy": "an array alone is not read; save it with numpy.savez, as .npz",
    ".pkl": f"a pickle can run code, so that none is opened here; {_WRITE_IMAGES}",
    ".rar": "RAR is not read; unpack it and give the folder",
    ".7z": "7z is not read; unpack it and give the folder",
    ".zst": "Zstandard is not read; unpack it and give the tar or the folder",
    ".idx": "an index; give the .rec beside it",
    ".lst": "a list; give the .rec beside it",
    ".txt": "a text; write a .csv with the columns path[, person][, role]",
    ".json": "a text; write a .csv with the columns path[, person][, role]",
    ".jsonl": "a text; write a .csv with the columns path[, person][, role]",
}
