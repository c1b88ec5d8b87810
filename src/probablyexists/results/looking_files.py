"""`nearest.parquet` and `photos.parquet`: who is nearest to each sample and where the pictures are, for `show`.

They hold the paths of people's photos, which may be their names, so only their owner may read them. Both say which
`samples.parquet` they belong to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import sha256_file, written_whole
from probablyexists.basis.plain_files import MOST_RESULT, read_plain
from probablyexists.basis.text import one_line, shown
from probablyexists.results.findings import SAMPLES, Findings
from probablyexists.results.rows_file import rows_of
from probablyexists.results.scale import LikenessScale

NEAREST: Final = "nearest.parquet"
PHOTOS: Final = "photos.parquet"

NEAREST_SCHEMA = pa.schema(
    [  # one row for each row of samples.parquet, in the same order
        ("person", pa.int32()),  # row in `people`: whose copy or likeness it is, else the most similar; null: no face
        ("similarity", pa.float32()),  # cosine of the sample and this person's template; null: no face
        ("picture", pa.int32()),  # row of the sample that stands for the same picture; null: no face
        ("photo", pa.int32()),  # of a copy: which of this person's training photos it is, from 0; null: none of theirs
        ("path", pa.binary()),  # as the file system spells it, where that differs from the sample's name
    ]
)
PHOTOS_SCHEMA = pa.schema(
    [  # one row for each photo used, in the order in which photos are compared
        ("role", pa.string()),  # training, unseen or heldout
        ("person", pa.string()),  # as in `people`; held-out people as in neighbours.parquet
        ("path", pa.binary()),  # in the source of this role, as the file system spells it
    ]
)
_MOST_ALIKE = 1.001
"""A cosine of vectors in float32."""
_SAMPLES, _SCALE = b"samples", b"scale"
"""In a file's schema: the SHA-256 of samples.parquet, and what cosines mean here."""


def write_looking(folder: Path, nearest: pa.Table, photos: pa.Table, scale: LikenessScale) -> None:
    """Write both files beside `samples.parquet`, readable only by their owner. WriteError."""
    about = {_SAMPLES: sha256_file(folder / SAMPLES), _SCALE: scale.model_dump_json()}
    for name, table in ((NEAREST, nearest), (PHOTOS, photos)):
        with written_whole(folder / name) as aside:
            pq.write_table(table.replace_schema_metadata(about), aside, compression="zstd")
        (folder / name).chmod(0o600)


def read_looking(folder: Path, findings: Findings) -> tuple[pa.Table, pa.Table, LikenessScale]:
    """(who is nearest, photos, what cosines mean). InputError if a file is missing, damaged, or of other samples."""
    near, listed = folder / NEAREST, folder / PHOTOS
    sha256 = sha256_file(folder / SAMPLES).encode()
    (nearest, about), (photos, _) = _read(near, NEAREST_SCHEMA, sha256), _read(listed, PHOTOS_SCHEMA, sha256)
    try:
        scale = LikenessScale.model_validate_json(about.get(_SCALE, b""))
    except ValueError as error:
        raise _other(near, one_line(error)) from None
    if nearest.num_rows != findings.samples.num_rows:
        raise _other(near, "not a row for each sample")
    for name, most in (("person", findings.people.num_rows), ("picture", nearest.num_rows)):
        ends = pc.min_max(nearest[name])
        if ends["min"].as_py() is not None and not 0 <= ends["min"].as_py() <= ends["max"].as_py() < most:
            raise _other(near, f"its column {name} points nowhere")
    with_face = pc.is_valid(nearest["person"])
    if any(pc.is_valid(nearest[name]) != with_face for name in ("similarity", "picture")):
        raise _other(near, "its columns do not say the same of who has a face")
    if not pc.all(pc.less_equal(pc.abs(nearest["similarity"]), _MOST_ALIKE), min_count=0).as_py():
        raise _other(near, "a similarity is no cosine")
    if any(photos[name].null_count for name in PHOTOS_SCHEMA.names):
        raise _other(listed, "a row lacks its role, person or path")
    return nearest, photos, scale


def _read(path: Path, schema: pa.Schema, samples: bytes) -> tuple[pa.Table, dict[bytes, bytes]]:
    """The rows, and what the file says beside them. InputError, also if it is of other samples."""
    try:
        data = read_plain(path, MOST_RESULT)
        held = pq.ParquetFile(pa.BufferReader(data))
        about = held.schema_arrow.metadata or {}
        n_rows = held.metadata.num_rows
    except FileNotFoundError:
        raise InputError(f"{shown(path)}: does not exist, and show needs it; audit again") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _other(path, one_line(error)) from None
    if about.get(_SAMPLES) != samples:
        raise _other(path, "of another audit than samples.parquet beside it")
    return rows_of(path, data, schema, n_rows), about


def _other(path: Path, why: str) -> InputError:
    return InputError(f"{shown(path)}: cannot be used ({why}); copy the whole folder of the audit, or audit again")
