"""The people: a table to sort and filter, and a page for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from probablyexists.report.people_texts import is_unjudged, why
from probablyexists.showing.front import evidence
from probablyexists.showing.opened import Opened
from probablyexists.showing.person_chart import person_chart

PAGE = 100
SORTS = {"person": "Person", "exposure": "Exposure", "p": "p", "q": "q", "photos": "Photos", "copies": "Copies"}
"""Columns by which the table can be sorted -> their headings."""
_DESCENDING = ("exposure", "photos", "copies")
SHOWN = {"all": "Everybody", "affected": "Affected", "named": "Named by likeness", "copied": "Copied"}
"""Choices of people -> what they are called."""
MOST_NEAREST, MOST_PHOTOS = 12, 24


@dataclass(frozen=True)
class Asked:
    """What the reader asked of the table; whatever is not known is the default."""

    sort: str = "exposure"
    which: str = "all"
    group: str = ""
    text: str = ""
    page: int = 0


def table(audit: Opened, asked: Asked) -> dict[str, Any]:
    """The rows of one page of the table, and how many there are."""
    rows = [{"row": i, **row} for i, row in enumerate(audit.people) if _wanted(row, asked)]
    rows.sort(key=lambda row: (row[asked.sort], row["row"]), reverse=asked.sort in _DESCENDING)
    last = max(0, (len(rows) - 1) // PAGE)
    page = min(asked.page, last)
    groups = sorted({row["group"] for row in audit.people if row["group"] is not None})
    shown = [
        row | {"unjudged": is_unjudged(audit.findings, row), "why": why(row, audit.sure)}
        for row in rows[page * PAGE : (page + 1) * PAGE]
    ]
    found = {"rows": shown, "n": len(rows), "page": page, "last": last, "groups": groups, "asked": asked}
    return found | {"copied": audit.sure.copied}


def _wanted(row: dict[str, Any], asked: Asked) -> bool:
    chosen = {"affected": row["reason"] is not None, "named": row["exposed"], "copied": bool(row["copies"])}
    in_group = not asked.group or row["group"] == asked.group
    return chosen.get(asked.which, True) and in_group and asked.text.casefold() in row["person"].casefold()


def person(audit: Opened, row: int) -> dict[str, Any]:
    """One person: photos, the nearest samples, exposure among strangers, what to withhold."""
    about, samples = audit.people[row], audit.of_person(row)
    leaked = samples[audit.kind[samples] > 0]
    unjudged = pc.fill_null(pc.equal(audit.findings.samples["unjudged"], about["person"]), False).to_numpy()
    near = [int(sample) for sample in samples[:MOST_NEAREST]]
    return {
        "row": row,
        "about": about,
        "evidence": evidence(audit, row),
        "n_training": len(audit.photo_paths(about["person"])),
        "paths": audit.photo_paths(about["person"])[:MOST_PHOTOS],
        "n_unseen": len(audit.photo_paths(about["person"], "unseen")),
        "near": near,
        "n_near": len(samples),
        "chart": person_chart(about["exposure"], audit.findings.naming.strangers, named=about["exposed"]),
        "withhold": _names(audit, np.sort(leaked)),
        "unjudged": _names(audit, np.flatnonzero(unjudged)),
    }


def _names(audit: Opened, rows: NDArray[np.integer[Any]]) -> list[str]:
    return [str(name) for name in audit.findings.samples["sample"].take(rows).to_pylist()]
