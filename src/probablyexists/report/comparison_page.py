"""The page of a comparison of two audits."""

from __future__ import annotations

from probablyexists.report.page import render_page
from probablyexists.results.comparison import Comparison

TONES = {"reduced": "no-evidence", "not shown": "inconclusive", "worse": "leak", "not decidable": "inconclusive"}
FIRST = 50
"""People shown; all are in comparison.json."""


def render_comparison(found: Comparison) -> str:
    """One self-contained page; the same bytes for the same comparison."""
    return render_page(
        "comparison.html.j2", False, c=found, signature=found.signature, tone=TONES[found.verdict], first=FIRST
    )
