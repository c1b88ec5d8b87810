"""No member known, on one page: acquire -> embed -> match samples with each other -> compare with people -> list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from probablyexists.answers.audit_verdict import few_distinct, few_faces
from probablyexists.answers.frequency import frequent
from probablyexists.answers.sampling import sampling
from probablyexists.answers.set_aside import losses
from probablyexists.basis.errors import InputError, option
from probablyexists.basis.files import write_text
from probablyexists.basis.progress import Progress, Silent
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.choose import Engine, engine
from probablyexists.generators.generator import Generator
from probablyexists.intake.embed_sources import embed_sources
from probablyexists.intake.faces_seen import faces_seen
from probablyexists.intake.feeding import fed
from probablyexists.intake.open_sources import about_sources, open_blind
from probablyexists.intake.output_folder import claim_folder, written_together
from probablyexists.intake.people import refuse_strangers_as_one
from probablyexists.intake.provenance import describe_roles, sign
from probablyexists.intake.sample_names import sample_names
from probablyexists.intake.settings import BlindSettings, checked
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.repeats import distinct_pictures, standing
from probablyexists.matching.templates import group
from probablyexists.report.exhibits import pictures_of
from probablyexists.report.sheet_page import MOST_SHOWN, N_EXAMPLES, render_frequent
from probablyexists.results.frequent import FrequentFace, FrequentFaces

NEEDS = 50
"""Fewest reference people; with fewer, 1 in 1,000 of their pairs is less than one pair."""


def blind(
    generated: str | Path | Generator | Callable[..., Any],
    reference: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    faces: Literal["auto", "detect", "aligned"] = "auto",
    recogniser: str | Recogniser = "dlib",
    feed: str | None = None,
    level: float = 0.01,
    samples: int | None = None,
    trust_pickle: bool = False,
    latent_shape: str | int | Sequence[int] | None = None,
    picture_range: str | Sequence[float] | None = None,
    picture_seconds: float = 25.0,
    show_faces: bool = False,
    seed: int = 0,
    threads: int | None = None,
    memory: float = 2.0,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> FrequentFaces:
    """Which faces does a generator produce too often, compared with reference people? No member needs to be known.

    Other arguments, and the errors, are as for `audit`.

    Parameters
    ----------
    reference
        One folder a person, or a manifest; the first photo of each person is used.
    out
        Folder for `frequent.json` and `frequent.html`; `overwrite` replaces a result in it.
    level
        False discovery rate allowed among samples that show a frequent face, 0 to 1.
    """
    given = locals()
    return run(checked(BlindSettings, given), progress or Silent())


def run(settings: BlindSettings, progress: Progress) -> FrequentFaces:
    """Run `blind` with checked settings."""
    started = time.monotonic()
    claim_folder(settings)
    with engine(settings.resources, progress) as work:
        return _run(settings, work, progress, started)


def _run(settings: BlindSettings, work: Engine, progress: Progress, started: float) -> FrequentFaces:
    cache = settings.resources.cache
    sources = open_blind(settings, progress, NEEDS)
    opened = open_recogniser(settings.recogniser, cache, settings.feed)
    (recogniser,), feeding = fed(
        [opened], sources, settings.faces, cache=cache, seed=settings.seed, look=work.look, progress=progress
    )
    tables = embed_sources(sources, settings.faces, recogniser, cache, work.look, progress, pictures=False)
    generated, reference = tables["generated"], tables["reference"]
    people = group(reference, seed=settings.seed)
    if len(people) < NEEDS:
        raise InputError(
            f"{option('reference')}: needs at least {NEEDS} people, has {len(people)} with a usable photo; give more "
            "people"
        )

    refuse_strangers_as_one("reference", Crowd(reference, people), settings.seed)
    progress.say("matching samples with each other")
    found = frequent(generated.embeddings, reference.embeddings[[rows[0] for rows in people.rows]], settings.level)
    picture = distinct_pictures(generated.embeddings)
    with_face = faces_seen(sources["generated"], generated, settings.faces, settings.seed).share
    seen = sampling(len(generated), len(standing(picture)), with_face, [])
    names = sample_names(sources, show_names=False)
    faces = [
        FrequentFace(
            samples=[names.get(path := generated.photos[row].path, path) for row in face.samples],
            n_distinct=len(np.unique(picture[face.samples])),
            share=len(face.samples) / found.n_samples,
            reference_share=face.n_reference / found.n_reference,
            p=face.p,
            q=face.q,
        )
        for face in found.faces
    ]
    roles = describe_roles(sources, settings.faces, tables, people.names, seen.n_distinct)
    lost = losses(roles)
    cautions = few_faces(seen) if faces else few_faces(seen) + few_distinct(seen)
    result = FrequentFaces(
        faces=faces,
        n_samples=seen.n_samples,
        n_distinct=seen.n_distinct,
        with_face=seen.with_face,
        unseen_rate=seen.unseen_rate,
        n_reference=found.n_reference,
        threshold=found.threshold,
        cautions=[*cautions, *lost.grave, *lost.slight, *feeding, *about_sources(sources)],
        samples_numbered=bool(names),
        roles=roles,
        level=settings.level,
        signature=sign(settings, recogniser.id, "frequent-faces/1", sources, tables, started),
    )
    if settings.out is not None:
        by_name = {}
        if settings.show_faces:
            rows = [int(row) for face in found.faces[:MOST_SHOWN] for row in face.samples[:N_EXAMPLES]]
            shown = pictures_of(sources["generated"], generated, rows)
            by_name = {names.get(path := generated.photos[row].path, path): shown[row] for row in shown}
        page = render_frequent(result, by_name, settings.show_faces)
        with written_together(settings.out) as folder:
            write_text(folder / "frequent.json", result.model_dump_json(indent=1) + "\n")
            write_text(folder / "frequent.html", page)
    return result
