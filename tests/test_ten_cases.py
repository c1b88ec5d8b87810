"""Ten audits that once said something wrong: on simulated people, and by the words on the page."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import null_grid
from null_grid import (
    Draw,
    Floats,
    World,
    noise,
    people_of,
    samples_of,
)
from probablyexists.report.page import render
from probablyexists.report.words import NO_BREAK
from probablyexists.results.findings import Findings
from test_report import Page


def words_of(findings: Findings) -> str:
    """What a reader of the page reads."""
    return Page(render(findings, [], show_faces=False)).text.replace(NO_BREAK, " ")


def world(
    draw: Draw,
    members: Floats,
    heldout: Floats,
    samples: Floats,
    *,
    pictures: null_grid.Pictures = noise,
) -> World:
    return World(
        {
            "training": people_of(draw, "training", members, pictures),
            "heldout": people_of(draw, "heldout", heldout, pictures),
            "generated": samples_of(draw, samples, pictures),
        }
    )
