"""`neighbours.parquet`: the samples most similar to each person, from which two audits are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import shown
from probablyexists.results.findings import NEIGHBOURS, Findings, NeighboursFile
from probablyexists.results.rows_file import read_rows, write_rows

N_NEAREST = 64
"""Samples in a row. Of two equally large sets of samples, dealt again at random, one holds none of the 64 nearest with
probability 2^-64."""

NEIGHBOURS_SCHEMA = pa.schema(
    [
        ("person", pa.string()),  # pseudonym, also where findings show names
        ("called", pa.string()),  # members only: as in `people`
        ("judges", pa.bool_()),  # false for held-out people on whom a guard of the samples was set
        ("group", pa.string()),  # of the comparison
        ("photos", pa.int32()),  # in the template
        ("template", pa.string()),  # fingerprint of these photos
        ("samples", pa.list_(pa.int32())),  # the nearest, best first: numbers from 0 among the samples with a face
        ("similarity", pa.list_(pa.float32())),
        ("copies", pa.list_(pa.int32())),  # those of `samples` that copy a photo of this person, beyond chance
        ("picture", pa.int32()),  # the sample that stands for the distinct picture of the nearest; null without any
        ("alike", pa.list_(pa.int32())),  # rows of this file: the people who look most like this one
        ("closeness", pa.float64()),  # mean similarity to them
        ("near_members", pa.float64()),  # mean cosine with the 3 other members most similar, what a guard takes off
    ]
)


def write_neighbours(folder: Path, table: pa.Table, recogniser: str, n_samples: int) -> NeighboursFile:
    """Write the file, readable only by its owner; what findings.json says of it. WriteError."""
    sha256 = write_rows(folder / NEIGHBOURS, table)
    (folder / NEIGHBOURS).chmod(0o600)
    return NeighboursFile(
        file=NEIGHBOURS,
        rows=table.num_rows,
        sha256=sha256,
        recogniser=recogniser,
        n_samples=n_samples,
        nearest=N_NEAREST,
    )


def read_neighbours(folder: Path, findings: Findings) -> pa.Table:
    """The rows beside the findings in this folder. InputError if there are none, or if they belong to others."""
    its = findings.neighbours
    if its is None:
        raise InputError(f"{shown(folder)}: findings.json names no {NEIGHBOURS}, which compare needs; audit again")
    table = read_rows(folder / its.file, NEIGHBOURS_SCHEMA, its.rows, its.sha256)
    if not _sound(table, its.n_samples):
        raise InputError(
            f"{shown(folder / its.file)}: not the rows of findings (they contradict themselves); audit again"
        )
    return table


def _sound(table: pa.Table, n_samples: int) -> bool:
    """Whether every number in the rows means something, so that a forged file is one line."""
    lists = {name: table[name].combine_chunks() for name in ("samples", "similarity", "copies", "alike")}
    needed = ("person", "judges", "photos", "template", "closeness", "near_members", *lists)
    flat = {name: values.flatten() for name, values in lists.items()}
    if any(table[name].null_count for name in needed) or any(values.null_count for values in flat.values()):
        return False
    samples, alike, cosines = (flat[name].to_numpy() for name in ("samples", "alike", "similarity"))
    lengths = np.asarray(pc.list_value_length(lists["samples"]))
    rank = np.arange(len(samples)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return bool(
        np.array_equal(lengths, np.asarray(pc.list_value_length(lists["similarity"])))
        and lengths.max(initial=0) <= N_NEAREST
        and ((samples >= 0) & (samples < n_samples)).all()
        and ((alike >= 0) & (alike < table.num_rows)).all()
        and (np.abs(cosines) <= 1.001).all()
        and (np.diff(cosines)[rank[1:] > 0] <= 0).all()
        and all(np.isfinite(table[name].to_numpy()).all() for name in ("closeness", "near_members"))
        and table["called"].null_count < table.num_rows
    )
