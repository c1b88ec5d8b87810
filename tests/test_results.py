"""What is written down: every field is described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from probablyexists.results.findings import Findings
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet


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


@pytest.mark.parametrize("written", [Findings, Sheet, FrequentFaces])
def test_every_field_of_a_schema_has_a_description(written: type[BaseModel]) -> None:
    found = dict(properties(written.model_json_schema(mode="serialization")))
    assert f"{written.__name__}.signature" in found
    assert "Signature.python" in found
    assert [name for name, field in found.items() if not field.get("description")] == []


def test_types_of_other_rooms_are_described_too() -> None:
    found = dict(properties(Findings.model_json_schema(mode="serialization")))
    assert {"Estimate.low", "Unresolvable.needs", "Power.target", "PersonRow.q", "SampleRow.copy_of"} <= found.keys()
