"""The question one person may ask, on one page: acquire -> embed -> match -> attack -> rank -> say.

Is this person's face among what the generator remembers? Their photos and the generator's samples are all that is
needed, and reference people to rank them among.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.answers.copying import find_copies
from probablyexists.answers.one_person import odd_photos, power, rank
from probablyexists.answers.person_verdict import judge_person
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text
from probablyexists.basis.progress import Progress, Silent
from probablyexists.copies.duplicates import same_pictures
from probablyexists.embeddings.embed import Embedded, Look
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import acquire, decide
from probablyexists.intake.open_sources import open_question
from probablyexists.intake.output_folder import claim_folder
from probablyexists.intake.provenance import sign
from probablyexists.intake.settings import Question, checked
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.templates import group
from probablyexists.report.exhibits import pictures_of
from probablyexists.report.sheet_page import render_sheet
from probablyexists.results.sheet import CopiedPhoto, NearSample, Sheet
from probablyexists.stats.conformal import MIN_HELDOUT, conformal_p

THEM = "the person asked about"
MOST_COPIES = 20


def ask(
    photos: str | Path | Sequence[str | Path],
    generated: str | Path,
    reference: str | Path,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Sheet:
    """Ask about one person: how exposed are they by these samples, among reference people?

    `photos`: image files, or one folder or archive, all of this person. `generated`: as for `audit`. `reference`: one
    folder a person, or a manifest (of one with roles, the held-out people): others whom the generator was not trained
    on. Further settings are those of `intake.settings.Question`. With `out`, the folder gets `sheet.json` and
    `sheet.html`.

    Raises InputError, one line, for anything that cannot be used.
    """
    given = [photos] if isinstance(photos, str | Path) else list(photos)
    asked = {"photos": given, "generated": generated, "reference": reference, **settings}
    return run(checked(Question, asked), progress or Silent())


def run(question: Question, progress: Progress) -> Sheet:
    """The question itself."""
    with engine(question, progress) as its:
        return _run(question, progress, its.look)


def _run(question: Question, progress: Progress, look: Look) -> Sheet:
    started = time.monotonic()
    if question.out is not None:
        claim_folder(question.out)
    sources = open_question(question, progress)
    recogniser = open_recogniser(question.recogniser, question.cache)
    tables = acquire(sources, decide(sources, question, progress), recogniser, question, progress, look)

    progress.say("looking for copies")
    asked = Crowd(
        tables["asked"], group(tables["asked"], dict.fromkeys(range(len(tables["asked"])), THEM), question.seed)
    )
    others, n_same = _others(tables["asked"], tables["reference"], question.seed)
    if n_same:
        progress.say(
            f"reference photos: {n_same} people left out, who have a photo in common with the person asked about"
        )
    if len(others.people) < MIN_HELDOUT:
        raise InputError(
            f"--reference: needs at least {MIN_HELDOUT} people, has {len(others.people)} with a usable photo; "
            "give more people that the generator was not trained on"
        )
    generated = tables["generated"]
    copied = find_copies(asked, others, generated, progress, question.threads)
    rows = np.flatnonzero(~copied.is_copy)
    samples = photos_of(generated.take(rows))

    progress.say("ranking the person among reference people")
    attack = NearestSample()
    at = rank(asked, others, samples, attack.prepare(samples))
    noticed = power(others, at, samples, attack, question.level)
    judged = judge_person(
        n_copies=int(copied.is_copy.sum()),
        p=at.p,
        level=question.level,
        n_reference=at.reference.size,
        compared_on=at.compared_on,
        power=noticed,
        owner_split=question.owner_split,
        odd=[asked.table.photos[row].path for row in odd_photos(asked, others)],
        copies_resolvable=copied.threshold.resolvable,
        n_left_out=n_same,
    )
    best = np.argsort(-copied.matches.correlation, kind="stable")[: min(MOST_COPIES, int(copied.is_copy.sum()))]
    sheet = Sheet(
        evidence=judged.evidence,
        sentence=judged.sentence,
        cautions=judged.cautions,
        photos_given=len(sources["asked"].photos),
        photos_used=len(asked.table),
        compared_on=at.compared_on,
        n_samples=len(generated),
        n_reference=int(at.reference.size),
        similarity=at.score,
        exposure=at.exposure,
        p=at.p,
        p_floor=1 / (at.reference.size + 1),
        level=question.level,
        owner_split=question.owner_split,
        power=noticed,
        nearest=[
            NearSample(sample=generated.photos[rows[row]].path, similarity=float(s), p=float(p))
            for row, s, p in zip(at.nearest, at.similarity, conformal_p(at.similarity, at.reference), strict=True)
        ],
        copies=[
            CopiedPhoto(
                sample=generated.photos[row].path,
                photo=asked.table.photos[copied.matches.index[row]].path,
                correlation=float(copied.matches.correlation[row]),
            )
            for row in best
        ],
        n_copies=int(copied.is_copy.sum()),
        signature=sign(question, recogniser.id, attack.id, sources, tables, time.monotonic() - started),
    )
    if question.out is not None:
        write_text(question.out / "sheet.json", sheet.model_dump_json(indent=1) + "\n")
        own = pictures_of(sources["asked"], asked.table, list(asked.people.rows[0][: at.compared_on]))
        shown = pictures_of(sources["generated"], generated, [*rows[at.nearest], *best])
        page = render_sheet(
            sheet, list(own.values()), {generated.photos[r].path: p for r, p in shown.items()}, question.show_faces
        )
        write_text(question.out / "sheet.html", page)
    return sheet


def _others(asked: Embedded, reference: Embedded, seed: int) -> tuple[Crowd, int]:
    """The reference people who share no picture with the person asked about, and how many do."""
    pairs = same_pictures({"asked": asked, "reference": reference})
    same = {reference.photos[pair.rows[1]].person for pair in pairs}
    kept = reference.take([i for i, photo in enumerate(reference.photos) if photo.person not in same])
    return Crowd(kept, group(kept, seed=seed)), len(same)
