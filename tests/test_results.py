"""What is written down: every field is described, a result is one line when shown, and other formats are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import BaseModel

from probablyexists.basis.errors import InputError
from probablyexists.embeddings.embed import Embedded, SetAside
from probablyexists.results.comparison import Comparison
from probablyexists.results.findings import PEOPLE_SCHEMA, Findings
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet
from probablyexists.sources.listing import Photo


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(type.field, schema of the field) of every type in a schema, those inside arrays of rows included."""
    if isinstance(schema, list):
        for part in schema:
            yield from properties(part)
    elif isinstance(schema, dict):
        if isinstance(held := schema.get("properties"), dict):
            yield from ((f"{schema['title']}.{name}", field) for name, field in held.items())
        for part in schema.values():
            yield from properties(part)


@pytest.mark.parametrize("written", [Findings, Sheet, FrequentFaces, Comparison])
def test_every_field_of_a_schema_has_a_description(written: type[BaseModel]) -> None:
    found = dict(properties(written.model_json_schema(mode="serialization")))
    assert f"{written.__name__}.signature" in found
    assert "Signature.python" in found
    assert [name for name, field in found.items() if not field.get("description")] == []


def test_types_of_other_rooms_are_described_too() -> None:
    found = dict(properties(Findings.model_json_schema(mode="serialization")))
    assert {"Estimate.low", "Unresolvable.needs", "Power.target", "PersonRow.q", "SampleRow.copy_of"} <= found.keys()


def made_of(written: type[BaseModel], **fields: Any) -> Any:
    """A result with only these fields, unchecked."""
    return written.model_construct(**{n: SimpleNamespace(**f) if isinstance(f, dict) else f for n, f in fields.items()})


PHOTO = Photo("a.png", None)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (
            made_of(
                Findings,
                verdict="leak",
                affected={"n": 40},
                naming={"n_members": 300},
                copies={"n_copies": 50, "n_samples": 2080},
            ),
            "Findings(leak: 40 of 300 members affected, 50 copies in 2,080 samples)",
        ),
        (
            made_of(Sheet, evidence="no evidence", p=0.1234, n_reference=1199, n_copies=0, n_samples=2080),
            "Sheet(no evidence: p = 0.12 among 1,199 reference people, 0 copies in 2,080 samples)",
        ),
        (
            made_of(FrequentFaces, faces=[None, None], n_samples=2080, n_reference=1199),
            "FrequentFaces(2 faces too often in 2,080 samples, 1,199 reference people)",
        ),
        (
            Embedded(
                (PHOTO, PHOTO),
                (b"", b""),
                np.zeros((2, 128), np.float32),
                np.zeros((2, 2, 48, 48), np.uint8),
                np.zeros(2, np.int32),
                (SetAside(PHOTO, "no face found"),),
                0,
            ),
            "Embedded(2 photos, 128 numbers each, 1 set aside)",
        ),
    ],
)
def test_a_result_is_shown_in_one_line(result: object, shown: str) -> None:
    assert repr(result) == str(result) == shown


def test_the_tables_are_frames_of_pandas_where_it_is_installed() -> None:
    pytest.importorskip("pandas")
    row = {"person": "P-1", "photos": 3, "compared_on": 2, "similarity": 0.9, "exposure": 4.0, "p": 0.01, "q": 0.02}
    people = pa.Table.from_pylist([{**row, "exposed": True, "nearest": ["a.png"]}], schema=PEOPLE_SCHEMA)
    frame = made_of(Findings, people=people).people.to_pandas()
    assert list(frame.columns) == PEOPLE_SCHEMA.names
    assert frame["exposure"].mean() == 4.0
    assert frame["nearest"][0].tolist() == ["a.png"]


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (1, r"written by an earlier version \(format 1, this one reads 7\); audit again$"),
        (8, r"written by a later version \(format 8, this one reads 7\); update probablyexists$"),
        ("x", r"not the findings of an audit \(schema_version: Input should be 7, and \d+ more\); copy it again"),
        (True, r"not the findings of an audit \(schema_version: Input should be 7"),
    ],
)
def test_findings_of_another_format_are_refused_in_one_line(tmp_path: Path, version: object, message: str) -> None:
    """Version 1 called the split baseline `blind` and the second opinions `seconds`, and told of its matching."""
    held = {"schema_version": version, "verdict": "leak", "blind": {"auroc": None}, "seconds": [], "matching": {}}
    path = tmp_path / "findings.json"
    path.write_text(json.dumps(held))
    with pytest.raises(InputError, match=message) as caught:
        Findings.read(path)
    assert "\n" not in str(caught.value)


def test_findings_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Findings.read(tmp_path / "findings.json")
