"""`probablyexists schema`."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer


def schema(
    of: Annotated[
        Literal["findings", "sheet", "frequent", "comparison"],
        typer.Argument(help="What audit, ask, blind or compare writes.", show_default=True),
    ] = "findings",
) -> None:
    """Print the JSON Schema of findings.json, sheet.json, frequent.json or comparison.json."""
    from pydantic import BaseModel

    from probablyexists.results.comparison import Comparison
    from probablyexists.results.findings import Findings
    from probablyexists.results.frequent import FrequentFaces
    from probablyexists.results.sheet import Sheet

    written: dict[str, type[BaseModel]] = {
        "findings": Findings,
        "sheet": Sheet,
        "frequent": FrequentFaces,
        "comparison": Comparison,
    }
    typer.echo(json.dumps(written[of].model_json_schema(mode="serialization"), indent=1))
