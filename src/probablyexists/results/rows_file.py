"""The rows of a result in a Parquet file beside its JSON, which says their number and the file's checksum."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import written_whole
from probablyexists.basis.plain_files import MOST_RESULT, read_plain
from probablyexists.basis.text import one_line, shown

MOST_ROWS = 100_000_000


def write_rows(path: Path, table: pa.Table) -> str:
    """Write a table, whole or not at all; the SHA-256 of the file, which the same rows always have. WriteError."""
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=1 << 17)
    with written_whole(path) as aside:
        aside.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_rows(path: Path, schema: pa.Schema, n_rows: int, sha256: str) -> pa.Table:
    """Read the table that was written with this schema, so many rows and this SHA-256.

    InputError if the file is missing, is another one, or unpacks to more than a result may have.
    """
    try:
        data = read_plain(path, MOST_RESULT)
    except OSError as error:
        said = f"cannot be read ({error.strerror}); it belongs beside findings.json: copy both"
        raise InputError(f"{shown(path)}: {said}") from None
    # Checked before Arrow sees it: Arrow may hang on a damaged file.
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputError(f"{shown(path)}: is damaged, or of another audit than findings.json beside it; copy both")
    return rows_of(path, data, schema, n_rows)


def rows_of(path: Path, data: bytes, schema: pa.Schema, n_rows: int) -> pa.Table:
    """The table of this schema in the bytes of the file at `path`. InputError if it is another one, or unpacks to more
    than a result may have."""
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data))
        if parquet.schema_arrow.names != schema.names or parquet.metadata.num_rows != n_rows:
            raise _refused(path, f"not {n_rows:,} rows of {', '.join(schema.names)}")
        if n_rows > MOST_ROWS:
            raise _refused(path, f"over {MOST_ROWS:,} rows")
        # As dictionaries: a text that is in every row is unpacked once.
        table = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts).read()
        if sum(_text_bytes(table[name]) for name in texts) > MOST_RESULT:
            raise _refused(path, f"its texts have over {MOST_RESULT >> 30} GiB")
        rows = pa.table([table[field.name].cast(field.type) for field in schema], schema=schema)
        rows.validate(full=True)  # texts that are no UTF-8 would fail later, wherever they are read
        return rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _refused(path, one_line(error)) from None


def _refused(path: Path, why: str) -> InputError:
    return InputError(f"{shown(path)}: not the rows of findings ({why}); audit again")


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes of a column's texts, each as often as it occurs."""
    return sum(
        pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
        if pa.types.is_dictionary(chunk.type)
        else chunk.nbytes
        for chunk in column.chunks
    )
