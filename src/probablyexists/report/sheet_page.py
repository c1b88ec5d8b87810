"""Two small pages: the evidence sheet about one person, with photos of nobody else, and the frequent faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.report.page import render_page
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet

BADGES = {"copy": "copied", "evidence": "resembled", "no evidence": "no evidence"}
MOST_PHOTOS = 4
MOST_SHOWN = 20
"""Frequent faces on the page."""
N_EXAMPLES = 6
"""Samples of each."""


def render_sheet(
    sheet: Sheet, photos: Sequence[NDArray[np.uint8]], samples: Mapping[str, NDArray[np.uint8]], show_faces: bool
) -> str:
    """`photos`: of the person, always shown; `samples`: name -> generated picture, of those to be shown as they are."""
    return render_page(
        "sheet.html.j2",
        show_faces,
        s=sheet,
        signature=sheet.signature,
        badge=BADGES[sheet.evidence],
        photos=photos[:MOST_PHOTOS],
        samples=samples,
    )


def render_frequent(found: FrequentFaces, samples: Mapping[str, NDArray[np.uint8]], show_faces: bool) -> str:
    """`samples`: name -> generated picture, of the samples to be shown as they are."""
    return render_page(
        "frequent.html.j2",
        show_faces,
        f=found,
        signature=found.signature,
        faces=found.faces[:MOST_SHOWN],
        samples=samples,
        examples=N_EXAMPLES,
    )
