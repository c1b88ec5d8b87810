"""The samples: a wall in pages, and each sample alone."""

from __future__ import annotations

from typing import Any

from probablyexists.showing.front import KINDS
from probablyexists.showing.opened import Opened

PAGE = 60


def wall(audit: Opened, order: str, page: int) -> dict[str, Any]:
    """One page of the samples in an order."""
    rows = audit.in_order(order)
    last = max(0, (len(rows) - 1) // PAGE)
    page = min(page, last)
    names = audit.findings.samples["sample"]
    shown = [
        {"row": row, "tag": _tag(audit, row), "name": names[row].as_py(), "times": int(audit.times[row])}
        for row in map(int, rows[page * PAGE : (page + 1) * PAGE])
    ]
    return {"samples": shown, "n": len(rows), "page": page, "last": last, "order": order}


def _tag(audit: Opened, row: int) -> str:
    """What a sample is marked as; nothing for most."""
    if audit.kind[row]:
        return KINDS[audit.kind[row]]
    return "" if audit.findings.samples["unjudged"][row].as_py() is None else "not cleared"
