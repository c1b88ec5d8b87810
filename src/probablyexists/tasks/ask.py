"""The question of one person, on one page: acquire -> embed -> match -> attack -> rank -> judge.

Does the generator remember this person's face? Needed are the person's photos, the generator's samples, and reference
people to rank the person among.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from probablyexists.answers.copying import find_copies
from probablyexists.answers.one_person import odd_photos, power, rank, scale
from probablyexists.answers.person_copies import person_copies
from probablyexists.answers.person_verdict import judge_person
from probablyexists.answers.sampling import sampling
from probablyexists.answers.set_aside import losses
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.files import write_text
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.roles import Role
from probablyexists.copies.duplicates import same_pictures
from probablyexists.embeddings.embed import Embedded
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.choose import Engine, engine
from probablyexists.generators.generator import Generator
from probablyexists.intake.ask_again import with_faces
from probablyexists.intake.asked_photos import faces_asked
from probablyexists.intake.embed_sources import embed_sources
from probablyexists.intake.faces_seen import faces_seen
from probablyexists.intake.feeding import fed
from probablyexists.intake.open_sources import about_sources, open_asked, refuse_few_people
from probablyexists.intake.output_folder import claim_folder, written_together
from probablyexists.intake.people import refuse_strangers_as_one
from probablyexists.intake.provenance import describe_roles, sign
from probablyexists.intake.sample_names import sample_names
from probablyexists.intake.settings import AskSettings, checked
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.repeats import standing
from probablyexists.matching.templates import group
from probablyexists.report.exhibits import pictures_of
from probablyexists.report.sheet_page import render_sheet
from probablyexists.results.sheet import CopiedPhoto, NearSample, Sheet
from probablyexists.stats.conformal import MIN_HELDOUT, conformal_p

THEM = "the person asked about"
MOST_COPIES = 20


def ask(
    photos: str | Path | Sequence[str | Path],
    generated: str | Path | Generator | Callable[..., Any],
    reference: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    owner_split: bool = False,
    faces: Literal["auto", "detect", "aligned"] = "auto",
    recogniser: str | Recogniser = "dlib",
    feed: str | None = None,
    level: float = 0.05,
    hide_photos: bool = False,
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
) -> Sheet:
    """Ask about one person: do these samples expose them more than they expose reference people?

    Other arguments, and the errors, are as for `audit`.

    Parameters
    ----------
    photos
        Image files, or one folder or archive, all of this person.
    reference
        Other people, whom the generator was not trained on: one folder a person, or a manifest (if it has roles, its
        held-out people).
    out
        Folder for `sheet.json` and `sheet.html`; `overwrite` replaces a result in it.
    owner_split
        The generator's owner drew the reference people at random before training.
    level
        Largest p-value that counts as evidence, 0 to 1.
    hide_photos
        Leave the person's photos out of `sheet.html`, for a sheet to give away.
    """
    given = locals()
    return run(checked(AskSettings, given), progress or Silent())


def run(settings: AskSettings, progress: Progress) -> Sheet:
    """Run `ask` with checked settings."""
    started = time.monotonic()
    claim_folder(settings)
    sheet, page = _run(settings, progress, started)
    if settings.out is not None:
        html = page()
        with written_together(settings.out) as folder:
            write_text(folder / "sheet.json", sheet.model_dump_json(indent=1) + "\n")
            write_text(folder / "sheet.html", html)
    return sheet


def with_page(settings: AskSettings, progress: Progress, private: Path) -> tuple[Sheet, str]:
    """The sheet and its HTML page, which are not written, for the page of an audit.

    The reference people are the held-out people of this audit. Embeddings of the person's photos go into `private`, and
    not into the cache.
    """
    sheet, page = _run(settings, progress, time.monotonic(), private)
    return sheet, page()


def _run(
    settings: AskSettings, progress: Progress, started: float, private: Path | None = None
) -> tuple[Sheet, Callable[[], str]]:
    with engine(settings.resources, progress) as work:
        return _answer(settings, work, progress, started, private)


def _answer(
    settings: AskSettings, work: Engine, progress: Progress, started: float, private: Path | None
) -> tuple[Sheet, Callable[[], str]]:
    """The sheet, and how its page is made. `private`: as for `with_page`, if it is for the page of an audit."""
    of_audit = private is not None
    matcher, cache = work.matcher, settings.resources.cache
    sources = open_asked(settings, progress)
    opened = open_recogniser(settings.recogniser, cache, settings.feed)
    (recogniser,), feeding = fed(
        [opened], sources, settings.faces, cache=cache, seed=settings.seed, look=work.look, progress=progress
    )
    own_store: dict[Role, Path] = {} if private is None else {"asked": private}
    tables = embed_sources(sources, settings.faces, recogniser, cache, work.look, progress, instead=own_store)
    them = faces_asked(sources["asked"], tables["asked"], settings.faces, recogniser, progress)

    progress.say("looking for copies")
    own, generated = them.table, tables["generated"]
    asked = Crowd(own, group(own, dict.fromkeys(range(len(own)), THEM), settings.seed))
    others, n_same = _others(own, tables["reference"], settings.seed, matcher.threads)
    if n_same:
        progress.say(
            f"reference photos: {n_same} people left out because they share a photo with the person asked about"
        )
    refuse_few_people("reference", others.people.names, MIN_HELDOUT, " with a usable photo")
    refuse_strangers_as_one("reference", others, settings.seed)
    copied = find_copies(asked, others, generated, matcher)
    copies = person_copies(copied, asked, others, generated, matcher.threads)
    rows = np.flatnonzero(~(copied.is_copy & copies.beyond_chance))
    samples = photos_of(generated.take(rows))
    with_face = faces_seen(sources["generated"], generated, settings.faces, settings.seed).share
    seen = sampling(len(generated), len(standing(copied.picture)), with_face, [])

    progress.say("ranking the person among reference people")
    attack = NearestSample()
    at = rank(asked, others, samples, attack.prepare(samples, None, matcher), matcher)
    noticed = power(others, at, samples, attack, settings.level, matcher)
    people = group(tables["reference"], seed=settings.seed).names
    roles = describe_roles(sources, settings.faces, tables, people, seen.n_distinct)
    judged = judge_person(
        copies=copies,
        at=at,
        level=settings.level,
        sampling=seen,
        power=noticed,
        owner_split=settings.owner_split,
        of_audit=of_audit,
        odd=[own.photos[row].path for row in odd_photos(asked, others)],
        n_left_out=n_same,
        photos=them.photos,
        lost=losses(roles),
    )
    names = sample_names(sources, show_names=False)
    called = [names.get(photo.path, photo.path) for photo in generated.photos]
    best = np.argsort(-copied.matches.correlation, kind="stable")[: min(MOST_COPIES, copies.n)]
    sheet = Sheet(
        evidence=judged.evidence,
        sentence=judged.sentence,
        cautions=[*judged.cautions, *feeding, *about_sources(sources)],
        photos_given=len(sources["asked"].photos),
        photos_used=len(own),
        photos=them.photos,
        compared_on=at.compared_on,
        n_samples=seen.n_samples,
        n_distinct=seen.n_distinct,
        with_face=seen.with_face,
        unseen_rate=seen.unseen_rate,
        n_reference=int(at.reference.size),
        rank=at.n_higher + 1,
        n_tied=at.n_tied,
        similarity=at.score,
        scale=scale(asked, others, at),
        exposure=at.exposure,
        p=at.p,
        p_floor=1 / (at.reference.size + 1),
        level=settings.level,
        n_look_alikes=at.look_alikes.size,
        p_of_look_alikes=at.p_of_look_alikes,
        owner_split=settings.owner_split,
        of_audit=of_audit,
        power=noticed,
        nearest=[
            NearSample(
                sample=called[rows[row]],
                similarity=float(cosine),
                p=float(p),
                n_as_alike=int((at.reference >= cosine).sum()),
            )
            for row, cosine, p in zip(at.nearest, at.similarity, conformal_p(at.similarity, at.reference), strict=True)
        ],
        copies=[
            CopiedPhoto(
                sample=called[row],
                photo=own.photos[copied.matches.index[row]].path,
                correlation=float(copied.matches.correlation[row]),
            )
            for row in best
        ],
        n_copies=copies.n,
        n_certain_copies=copies.n_certain,
        n_distinct_copies=copies.n_distinct,
        copies_p=copies.p,
        copies_beyond_chance=copies.beyond_chance,
        samples_numbered=bool(names),
        roles=roles,
        signature=sign(settings, recogniser.id, attack.id, sources, tables, started),
    )

    def page() -> str:
        mine = [] if settings.hide_photos else list(asked.people.rows[0][: at.compared_on])
        photos = {**pictures_of(sources["asked"], own, mine), **them.crops}
        shown = [*rows[at.nearest], *best] if settings.show_faces else []
        pictures = pictures_of(sources["generated"], generated, shown)
        by_name = {called[row]: picture for row, picture in pictures.items()}
        own_photos = [photos[row] for row in mine if row in photos]
        return render_sheet(sheet, own_photos, by_name, settings.show_faces, "" if of_audit else with_faces(settings))

    return sheet, page


def _others(asked: Embedded, reference: Embedded, seed: int, threads: int | None) -> tuple[Crowd, int]:
    """The reference people who share no picture with the person asked about, and the number who do."""
    pairs = same_pictures({"asked": asked, "reference": reference}, threads)
    same = {reference.photos[pair.rows[1]].person for pair in pairs}
    kept = reference.take([i for i, photo in enumerate(reference.photos) if photo.person not in same])
    return Crowd(kept, group(kept, seed=seed)), len(same)
