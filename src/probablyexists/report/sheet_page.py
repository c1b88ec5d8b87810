"""Two small pages: the evidence sheet about one person, with photos of nobody else, and the frequent faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.copying import CERTAIN_COPY
from probablyexists.report.page import render_page
from probablyexists.report.sheet_texts import finding, plain_answers
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet

THIS = "This person and the generated picture nearest to them"
MOST_PHOTOS = 4
MOST_SHOWN = 20
"""Frequent faces on the page."""
N_EXAMPLES = 6
"""Samples of each."""


@dataclass(frozen=True)
class Mark:
    """One similarity on the scale."""

    what: str
    value: float
    at: float
    """Place on the scale, in per cent of its length."""
    this: bool
    """Whether it is the person's own."""


def marks(sheet: Sheet) -> list[Mark]:
    """The scale from strangers to the same person, with this person on it; the least alike first."""
    scale, few = sheet.scale, sheet.n_reference < 100
    named = [
        ("Two different people, typically", scale.strangers),
        ("Others and the generated picture nearest to them, typically", scale.others),
        ("The most alike of these others" if few else "The most alike 1 in 100 of these others", scale.others_highest),
        ("Another person and a further photo of theirs, typically", scale.same_person),
        ("This person’s own photos with each other, typically", scale.own_photos),
        (THIS, sheet.similarity),
    ]
    known = sorted(((value, what) for what, value in named if value is not None), key=lambda one: one[0])
    low, high = known[0][0], known[-1][0]
    length = max(high - low, 1e-9)
    return [Mark(what, value, 100 * (value - low) / length, what == THIS) for value, what in known]


def render_sheet(
    sheet: Sheet,
    photos: Sequence[NDArray[np.uint8]],
    samples: Mapping[str, NDArray[np.uint8]],
    show_faces: bool,
    with_faces: str = "",
) -> str:
    """`photos`: of the person, always shown; `samples`: name -> generated picture, of those to be shown as they are.

    `with_faces`: the command that shows these; empty if there is none to tell.
    """
    return render_page(
        "sheet.html.j2",
        show_faces,
        s=sheet,
        signature=sheet.signature,
        badge=finding(sheet),
        plain=plain_answers(sheet),
        certain_from=CERTAIN_COPY,
        scale=marks(sheet),
        photos=photos[:MOST_PHOTOS],
        samples=samples,
        with_faces=with_faces,
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
