"""The samples: a wall in pages, and each sample alone."""

from __future__ import annotations

from typing import Any

from probablyexists.showing.front import tag
from probablyexists.showing.opened import Opened

PAGE = 60


def wall(audit: Opened, order: str, page: int) -> dict[str, Any]:
    """One page of the samples in an order."""
    rows = audit.in_order(order)
    last = max(0, (len(rows) - 1) // PAGE)
    page = min(page, last)
    names = audit.findings.samples["sample"]
    shown = [
        {"row": row, "tag": tag(audit, row), "name": names[row].as_py(), "times": int(audit.times[row])}
        for row in map(int, rows[page * PAGE : (page + 1) * PAGE])
    ]
    return {"samples": shown, "n": len(rows), "page": page, "last": last, "order": order}
