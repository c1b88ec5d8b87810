"""The columns of tables in Arrow and Parquet: which hold images, texts and names, and how much is read at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import shown
from probablyexists.sources.archives import MOST_TIMES

IMAGE = ("image", "img")
"""Names of the column of images."""
_MOST_IN_MEMORY = 2**28
LONGEST_NAME = 2**16
"""Bytes of a path or a person's name in a table."""


def rows_at_once(group: Any, most: int, path: str) -> int:
    """At most `most` rows of a Parquet file's row group that fit into memory.

    ArrowInvalid for a group that unpacks to many times the size of its file. The metadata of its columns is not looked
    at: pyarrow ends the program if that is damaged.
    """
    size = int(group.total_byte_size)
    refuse_bomb(size, path)
    return max(1, min(most, most * _MOST_IN_MEMORY // max(1, size)))


def refuse_bomb(size: int, path: str) -> None:
    """ArrowInvalid if a part of the file at `path` unpacks to many times the file's size, and to more than 256 MiB."""
    if size > _MOST_IN_MEMORY and size > MOST_TIMES * os.path.getsize(path):
        raise pa.ArrowInvalid(f"it unpacks to {size / 2**30:.1f} GiB, many times its size")


def texts(values: Any) -> list[Any]:
    """The values of a column. ArrowInvalid for a text that is too long to be a name, since it may be in every row."""
    words = values.dictionary if pa.types.is_dictionary(values.type) else values
    if is_text(words.type) and (pc.max(pc.binary_length(words)).as_py() or 0) > LONGEST_NAME:
        raise pa.ArrowInvalid(f"a name of over {LONGEST_NAME // 1024} KiB")
    found: list[Any] = values.to_pylist()
    return found


def has_images(file: Path) -> bool:
    """Whether a Parquet file holds images; False for a manifest, and for a file that is not Parquet."""
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError):
        return False  # the manifest's reader says what is wrong
    holding = [field.name for field in schema if _holds_bytes(field.type)]
    return any(name in IMAGE for name in holding) or (bool(holding) and "path" not in schema.names)


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _is_bytes(field.type) for field in kind)
    return bool(_is_bytes(kind))


def _is_bytes(kind: Any) -> bool:
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def places(column: Any) -> list[str]:
    """The places in a Parquet file of a column's bytes and texts."""
    fields = [(column.name, column.type)]
    if pa.types.is_struct(column.type):
        fields = [(f"{column.name}.{field.name}", field.type) for field in column.type]
    plain = (pa.types.is_binary, pa.types.is_string)
    return [name for name, kind in fields if any(is_kind(kind) for is_kind in plain)]


def is_text(kind: Any) -> bool:
    """Whether a column of this type holds text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def image_column(schema: Any, where: str) -> str:
    holding = [field.name for field in schema if _holds_bytes(field.type)]
    for name in IMAGE:
        if name in holding:
            return name
    if len(holding) == 1:
        return str(holding[0])
    raise InputError(
        f"{where}: needs one column of images (bytes, or a struct of bytes and path), called image; has "
        f"{', '.join(map(shown, schema.names))}"
    )


def class_names(schema: Any, column: str | None) -> list[str]:
    """Names of a column's integers, as `datasets` keeps them in the schema; empty without names."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"] if features[column].get("_type") == "ClassLabel" else []
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return []
    return names if all(isinstance(name, str) for name in names) else []
