"""The table of what regulators and standards ask for: the page docs/regulators.md, and filled with an audit's results.

After a change, write the page again: `docs/regulators.md` is what `regulators_page()` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from probablyexists.report.markdown_text import bullets, plain, table
from probablyexists.report.requirements import REQUIREMENTS, Requirement
from probablyexists.results.findings import Findings


def regulators_page() -> str:
    """The text of docs/regulators.md."""
    head = (
        "# What an audit says to those who ask for proof\n\n"
        "Regulators and standards ask for tests, documents and decisions. An audit is a test: this page says, passage "
        "by passage, what it shows, what it does not, and what remains to be done by those who answer for a generator. "
        "It draws no legal conclusion, and is no advice. What each passage asks is told in our words; read the "
        "document.\n\n`probablyexists export audit/ --markdown` writes the same tables with that audit’s own results. "
        "The tables are made from `report/requirements.py`.\n\nThe files of an audit are not signed. Findings that "
        "contradict themselves are refused when they are read again (counts, names, p and q, the checksum of "
        "samples.parquet), but whoever changes all that belongs together is not found, and report.html, which `export "
        "--pdf` prints, is not checked at all. Where that matters, keep the folder where nobody can write, or sign it "
        "with a program for that, and let somebody else make the same audit from the same data: its settings and the "
        "data fingerprint are in the findings.\n"
    )
    heads = ("Passage", "What it asks", "What an audit shows", "What it does not show", "What remains to be done")
    return head + _tables(heads, lambda one: (one.section, one.asks, one.shows, one.not_shown, one.remains))


def regulators_tables(findings: Findings) -> str:
    """The tables with this audit's results, in Markdown."""
    heads = ("Passage", "This audit shows", "It does not show", "What remains to be done")
    return _tables(heads, lambda one: (one.section, one.here(findings), one.not_shown, one.remains), "###")


def _tables(heads: Sequence[str], cells: Callable[[Requirement], Sequence[str]], level: str = "##") -> str:
    """A table for each document, with its address and how it was checked."""
    parts = []
    for source, asked in groupby(REQUIREMENTS, key=lambda one: one.source):
        rows = [[plain(cell) for cell in cells(one)] for one in asked]
        read = [f"Also read: <{address}>" for address in source.also_read]
        about = bullets([f"Document: <{source.address}>", f"How this was checked: {plain(source.checked)}", *read])
        parts.append(f"\n{level} {plain(source.title)}\n\n{table(heads, rows)}\n{about}")
    return "".join(parts)
