"""No member known, on one page: acquire -> embed -> match samples with each other -> compare with people -> list."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from probablyexists.answers.frequency import frequent
from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text
from probablyexists.basis.progress import Progress, Silent
from probablyexists.embeddings.embed import Look
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import acquire, decide
from probablyexists.intake.open_sources import open_survey
from probablyexists.intake.output_folder import claim_folder
from probablyexists.intake.provenance import sign
from probablyexists.intake.settings import Survey, checked
from probablyexists.matching.templates import group
from probablyexists.report.exhibits import pictures_of
from probablyexists.report.sheet_page import render_frequent
from probablyexists.results.frequent import FrequentFace, FrequentFaces

NEEDS = 50
"""Reference people; with fewer, 1 in 1,000 of their pairs is not even one."""
N_EXAMPLES = 6
MOST_SHOWN = 20


def blind(
    generated: str | Path, reference: str | Path, *, progress: Progress | None = None, **settings: Any
) -> FrequentFaces:
    """Which faces does a generator give too often, compared with reference people? Nobody it was trained on is needed.

    `generated`: as for `audit`. `reference`: one folder a person, or a manifest; the first photo of each is used.
    Further settings are those of `intake.settings.Survey`. With `out`, the folder gets `frequent.json` and
    `frequent.html`. Raises InputError, one line, for anything that cannot be used.
    """
    given = {"generated": generated, "reference": reference, **settings}
    return run(checked(Survey, given), progress or Silent())


def run(survey: Survey, progress: Progress) -> FrequentFaces:
    """The survey itself."""
    with engine(survey, progress) as its:
        return _run(survey, progress, its.look)


def _run(survey: Survey, progress: Progress, look: Look) -> FrequentFaces:
    started = time.monotonic()
    if survey.out is not None:
        claim_folder(survey.out)
    sources = open_survey(survey, progress)
    recogniser = open_recogniser(survey.recogniser, survey.cache)
    tables = acquire(sources, decide(sources, survey, progress), recogniser, survey, progress, look)
    generated, reference = tables["generated"], tables["reference"]
    people = group(reference, seed=survey.seed)
    if len(people) < NEEDS:
        raise InputError(
            f"--reference: needs at least {NEEDS} people, has {len(people)} with a usable photo; give more people"
        )

    progress.say("matching samples with each other")
    found = frequent(generated.embeddings, reference.embeddings[[rows[0] for rows in people.rows]], survey.level)
    faces = [
        FrequentFace(
            samples=[generated.photos[row].path for row in face.samples],
            share=len(face.samples) / found.n_samples,
            reference_share=face.n_reference / found.n_reference,
            p=face.p,
            q=face.q,
        )
        for face in found.faces
    ]
    result = FrequentFaces(
        faces=faces,
        n_samples=found.n_samples,
        n_reference=found.n_reference,
        threshold=found.threshold,
        level=survey.level,
        signature=sign(survey, recogniser.id, "frequent-faces/1", sources, tables, time.monotonic() - started),
    )
    if survey.out is not None:
        write_text(survey.out / "frequent.json", result.model_dump_json(indent=1) + "\n")
        rows = [int(row) for face in found.faces[:MOST_SHOWN] for row in face.samples[:N_EXAMPLES]]
        shown = pictures_of(sources["generated"], generated, rows)
        by_path = {generated.photos[row].path: picture for row, picture in shown.items()}
        write_text(survey.out / "frequent.html", render_frequent(result, by_path, survey.show_faces))
    return result
