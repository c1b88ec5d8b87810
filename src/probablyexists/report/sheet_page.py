"""Two small pages: the evidence sheet about one person, without photos of anybody else, and the frequent faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.report.page import render_page
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet

BADGES = {"copy": "copied", "evidence": "resembled", "no evidence": "no evidence"}
MOST_PHOTOS = 4


def render_sheet(
    sheet: Sheet, photos: Sequence[NDArray[np.uint8]], samples: Mapping[str, NDArray[np.uint8]], show_faces: bool
) -> str:
    """`photos`: of the person; `samples`: path -> generated picture, without those that can no longer be read."""
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
    """`samples`: path -> generated picture, of the samples to show."""
    shown = [face for face in found.faces if not samples.keys().isdisjoint(face.samples)]
    return render_page("frequent.html.j2", show_faces, f=found, signature=found.signature, faces=shown, samples=samples)
