"""The scores of an experiment's runs: in the runs' folders, with names, or in one file without names, to publish."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.plain_files import MOST_RESULT, json_line, json_object, plain_size, read_plain
from probablyexists.basis.text import shown
from probablyexists.lab.pool import AUDIT, BLIND, NAMED, PHOTOS, SEEN, UNSEEN, Row, Scores, where

EITHER = "seen and unseen photos"
"""The population of rows that are the same in both: of held-out people, who are compared with either's members."""

_TEXTS = ("run", "attack", "population", "level", "side")
SCHEMA = pa.schema([*((name, pa.string()) for name in _TEXTS), ("person", pa.int32()), ("place", pa.int32())])
"""Of the published file, sorted by all columns.

`person` is a number: the same person in every run of a set, and of one set only. `place` is that of the score in the
order of all scores of its run, attack and level, where neighbours of one side share a place: it says which members are
above which held-out people, hence every AUROC and ROC curve, and no similarity. For `training photos` and `named` (0 or
1) it is the value itself."""


def in_folder(out: Path) -> Scores:
    """Scores in the folders of the runs; who is named comes from the audit beside them, if it is there."""

    return lambda row: of_run(out / row["id"], row)


def of_run(folder: Path, row: Row) -> pa.Table | None:
    """As `in_folder`, of the run in this folder."""
    path = folder / "scores.parquet"
    if not path.exists():
        return None
    scores = pq.read_table(path)
    audit = folder / "audit" / "findings.json"
    if not row["design"]["dose"] or not audit.exists():
        return scores
    people = json_object(audit, MOST_RESULT)["people"]
    parts = [
        pa.Table.from_pylist(
            [
                {"attack": what, "population": SEEN, "level": "person", "side": "member"}
                | {"person": member["person"], "score": float(member[key])}
                for member in people
            ],
            scores.schema,
        )
        for what, key in ((PHOTOS, "photos"), (NAMED, "exposed"))
    ]
    return pa.concat_tables([scores, *parts])


def in_file(path: Path) -> Scores:
    """Scores of a published file."""
    plain_size(path, MOST_RESULT)
    table = pq.read_table(path)
    if not table.schema.equals(SCHEMA):
        raise InputError(f"{shown(path)}: is not a file of scores that probablyexists lab table wrote; copy it again")
    table = table.rename_columns({"place": "score"})
    at = table.schema.get_field_index("population")

    def of(row: Row) -> pa.Table | None:
        here = where(table, run=row["id"])
        either = where(here, population=EITHER)
        both = [
            either.set_column(at, "population", pa.array([p] * either.num_rows, pa.string())) for p in (SEEN, UNSEEN)
        ]
        return pa.concat_tables([here, *both]) if here.num_rows else None

    return of


def scores_of(out: Path) -> Scores:
    """`out`: the folder of the runs, or a file of rows; its scores are beside it, or in the folders of the runs."""
    if not out.is_file():
        return in_folder(out)
    beside = out.with_suffix(".parquet")
    return in_file(beside) if beside.exists() else in_folder(out.parent)


def publish(rows: Sequence[Row], scores: Scores, to: Path) -> list[Path]:
    """Write `rows` to `to`, a .jsonl file, and their scores without names beside it; return the files.

    Rows in the file that `rows` lacks stay; their scores cannot, as numbers given before mean nobody now: InputError if
    the file beside it has some.

    What somebody who has the set can still work out: who was a member in which run, as the roles are drawn from the
    seeds in the rows; so also which number is whom, and how each person ranks and whether they are named. From the
    files alone, without the set, a number is nobody. The folder of the runs, with names and faces, stays private.
    """
    if to.suffix != ".jsonl":
        raise InputError(f"{shown(to)}: must end in .jsonl; the scores are written beside it, ending in .parquet")
    ours = {row["id"] for row in rows}
    lines = read_plain(to, MOST_RESULT).splitlines() if to.exists() else []
    others = [row for row in (json_line(line, to) for line in lines) if row.get("id") not in ours]
    beside = to.with_suffix(".parquet")
    if beside.exists() and (lost := [row["id"] for row in others if in_file(beside)(row) is not None]):
        raise InputError(
            f"{shown(beside)}: has scores of {lost[0]} ({len(lost)} such runs), whose folder is not there, and people "
            "cannot be matched without it; write to another file"
        )
    tables = {row["id"]: (row["set"], found) for row in rows if (found := scores(row)) is not None}
    with written_whole(beside) as aside:
        pq.write_table(
            without_names(tables),
            aside,
            compression="zstd",
            compression_level=19,
            use_dictionary=list(_TEXTS),
            column_encoding={"person": "DELTA_BINARY_PACKED", "place": "BYTE_STREAM_SPLIT"},
            write_statistics=False,
        )
    write_text(to, "".join(json.dumps(row) + "\n" for row in [*others, *rows]))
    return [to, beside]


def without_names(tables: Mapping[str, tuple[str, pa.Table]]) -> pa.Table:
    """What pooling reads of each run's scores; run -> (set, scores). See `SCHEMA`.

    People are numbered in the order of their places in all runs, so a number depends on nothing but what the file says:
    not on the name, and not on chance. People with the same places in all runs are interchangeable.
    """
    kinds = {(AUDIT, "photo"), *((attack, "person") for attack in (AUDIT, *BLIND, PHOTOS, NAMED))}
    of_person: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for run, (of_set, table) in tables.items():
        groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for score in table.to_pylist():
            if (kind := (score["attack"], score["level"])) in kinds:
                groups.setdefault(kind, []).append(score)
        for (attack, level), its in groups.items():
            values = np.array([score["score"] for score in its])
            is_member = np.array([score["side"] == "member" for score in its])
            order = values.astype(np.intp) if attack in (PHOTOS, NAMED) else places(values, is_member)
            of: dict[tuple[str, str], dict[str, list[int]]] = {}
            for score, place in zip(its, order.tolist(), strict=True):
                of.setdefault((score["side"], score["person"]), {}).setdefault(score["population"], []).append(place)
            for (side, name), found in of.items():
                ours = {population: sorted(places) for population, places in found.items()}
                if ours.get(SEEN) == ours.get(UNSEEN):
                    ours = {EITHER: ours[SEEN]}
                of_person.setdefault((of_set, name), []).extend(
                    (run, attack, population, level, side, place) for population, at in ours.items() for place in at
                )
    profiles = sorted((of_set, sorted(its)) for (of_set, _), its in of_person.items())
    numbered = sorted((*key, person, place) for person, (_, its) in enumerate(profiles) for *key, place in its)
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, line, strict=True)) for line in numbered], SCHEMA)


def places(scores: NDArray[np.floating], is_member: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Place of each score in the order of all, from 0; neighbours in the order that are of one side share a place.

    So a member's score is above, equal to or below a held-out person's exactly where its place is.

    >>> places(np.array([0.1, 0.2, 0.5, 0.6]), np.array([False, False, True, False])).tolist()
    [0, 0, 1, 2]
    """
    values, which = np.unique(scores, return_inverse=True)
    sides = np.zeros((2, values.size), dtype=bool)
    sides[is_member.astype(np.intp), which] = True
    is_new = (sides[:, 1:] != sides[:, :-1]).any(axis=0) | sides[:, 1:].all(axis=0)
    return np.concatenate([[0], np.cumsum(is_new)])[which]
