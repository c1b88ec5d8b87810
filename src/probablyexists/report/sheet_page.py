"""Two small pages: the evidence sheet about one person, without photos of anybody else, and the frequent faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.report import words
from probablyexists.report.data_uri import data_uri
from probablyexists.report.page import stylesheet, template
from probablyexists.results.frequent import FrequentFaces
from probablyexists.results.sheet import Sheet
from probablyexists.stats.estimate import Estimate

BADGES = {"copy": "copied", "evidence": "resembled", "no evidence": "no evidence"}
MOST_PHOTOS = 4


def render_sheet(
    sheet: Sheet, photos: Sequence[NDArray[np.uint8]], samples: Mapping[str, NDArray[np.uint8]], show_faces: bool
) -> str:
    """`photos`: of the person; `samples`: path -> generated picture, without those that can no longer be read."""

    def picture(path: str) -> str | None:
        return data_uri(samples[path], show_faces=show_faces) if path in samples else None

    power, interval, note = "—", "", ""
    if isinstance(sheet.power, Estimate):
        power, interval = words.percent_parts(sheet.power)
    else:
        note = words.absent(sheet.power)
    return template("sheet.html.j2").render(
        s=sheet,
        w=words,
        style=stylesheet(),
        badge=BADGES[sheet.evidence],
        photos=[data_uri(photo, show_faces=show_faces) for photo in photos[:MOST_PHOTOS]],
        nearest=[(at, picture(at.sample)) for at in sheet.nearest],
        copies=[(at, picture(at.sample)) for at in sheet.copies],
        power=power,
        power_interval=interval,
        power_note=note,
        show_faces=show_faces,
    )


def render_frequent(found: FrequentFaces, samples: Mapping[str, NDArray[np.uint8]], show_faces: bool) -> str:
    """`samples`: path -> generated picture, of the samples to show."""
    faces = [
        (face, [(path, data_uri(samples[path], show_faces=show_faces)) for path in face.samples if path in samples])
        for face in found.faces
    ]
    return template("frequent.html.j2").render(
        f=found, w=words, style=stylesheet(), faces=[face for face in faces if face[1]], show_faces=show_faces
    )
