"""A guard on one page: acquire -> embed -> templates -> threshold for strangers -> what would be let through."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.roles import Role
from probablyexists.copies.duplicates import same_pictures, without
from probablyexists.embeddings.embed import Embedded
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.guarding.calibrating import (
    members_of,
    missed_unseen,
    nobody,
    refuse_rate,
    set_threshold,
    strangers_of,
    with_missed_left_out,
)
from probablyexists.guarding.checking import Guard
from probablyexists.guarding.guard_file import is_guard
from probablyexists.guarding.kept_out import About, Content
from probablyexists.intake.embed_sources import embed_sources
from probablyexists.intake.feeding import fed
from probablyexists.intake.halves import design_half
from probablyexists.intake.open_sources import has_names, open_guarded, refuse_few_people
from probablyexists.intake.people import find_people, refuse_strangers_as_one, salt_of
from probablyexists.intake.settings import GuardSettings, checked
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import group
from probablyexists.stats.conformal import MIN_HELDOUT


def guard(
    training: str | Path | None,
    heldout: str | Path,
    *,
    out: str | Path | None = None,
    unseen: str | Path | None = None,
    rate: float = 0.001,
    half: bool = False,
    overwrite: bool = False,
    pass_phrase: str | None = None,
    faces: Literal["auto", "detect", "aligned"] = "auto",
    recogniser: str | Recogniser = "dlib",
    feed: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    memory: float = 2.0,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Guard:
    """Make a guard that refuses copies and likenesses of the people in `training`.

    Of pictures of strangers it refuses at most `rate` on average over draws of the held-out people: copies and
    likenesses together, each person of the same weight (split conformal, see `stats.refusals`). A single guard may
    refuse more or less: `content.about.refused` has the interval. The held-out people must be from the same source as
    the strangers that will come. What it lets through of members' other photos is measured on `unseen`, else
    on training photos that are left out of their person's template one after the other. It judges one picture at a
    time: among many thousands published, the most similar may still tell who was trained on. Audit guarded samples.
    Other arguments are as for `audit`.

    Parameters
    ----------
    training, heldout, unseen
        Photos, as for `audit`. `training` None: nobody is kept out until people are added.
    out
        File for the guard, readable for its owner only; `overwrite` replaces one. It is biometric data: templates and
        small pictures of members, and embeddings of the held-out people.
    rate
        Share of strangers' pictures that may be refused on average, 0 to 1. n held-out people can promise 1 / (n + 1)
        at best: the default, 1 in 1,000, needs at least 999 of them.
    half
        Use half of the held-out people, drawn once from what their photos are, and leave the others for a later audit.
    pass_phrase
        Encrypt the file with it.

    Raises
    ------
    InputError
        One line, for anything that cannot be done, also if the held-out people are too few for the rate.
    """
    given = {name: value for name, value in locals().items() if name != "pass_phrase"}
    return run(checked(GuardSettings, given), progress or Silent(), pass_phrase)


def run(settings: GuardSettings, progress: Progress, pass_phrase: str | None = None) -> Guard:
    """Run `guard` with checked settings."""
    if settings.out is not None and settings.out.exists():
        out = option("out", settings.out)
        if not settings.overwrite:
            raise InputError(f"{out}: is there already; give another file, or {option('overwrite', True)}")
        if not is_guard(settings.out):
            raise InputError(f"{out}: is no guard, and is not replaced; give another file")
    threads, cache = settings.resources.threads, settings.resources.cache
    opened = open_recogniser(settings.recogniser, cache, settings.feed)
    sources = open_guarded(settings, progress)
    with engine(settings.resources, progress) as work:
        (recogniser,), cautions = fed(
            [opened], sources, settings.faces, cache=cache, seed=settings.seed, look=work.look, progress=progress
        )
        for caution in cautions:
            progress.say(caution)
        tables = embed_sources(sources, settings.faces, recogniser, cache, work.look, progress)
        progress.say("comparing held-out people with members, to set the threshold")
        named = all(has_names(source) for source in sources.values())
        crowds = _crowds(tables, named=named, seed=settings.seed, threads=threads)
        salt = salt_of(tables["training"] if "training" in tables else tables["heldout"])
        heldout, given = crowds["heldout"], None
        if settings.half:
            given = len(heldout.people)
            heldout = heldout.some(design_half(heldout, salt).nonzero()[0])
        refuse_rate(settings.rate, len(heldout.people), given)
        training = crowds.get("training")
        members = nobody(recogniser.dim) if training is None else members_of(training, salt, threads)
        strangers = strangers_of(heldout, members, salt, threads)
        content = set_threshold(Content(_about(settings, recogniser, salt), members, strangers))
        if "unseen" in crowds:
            missed = missed_unseen(content, crowds["unseen"], threads)
            content = content.with_about(missed=missed, missed_on="unseen photos")
        else:
            content = with_missed_left_out(content)
    made = Guard(content, recogniser)
    if settings.out is not None:
        made.write(settings.out, pass_phrase)
    return made


def _crowds(tables: dict[Role, Embedded], *, named: bool, seed: int, threads: int | None) -> dict[Role, Crowd]:
    """The people of each role, without pictures that are in two roles."""
    kept = without(tables, same_pictures(tables, threads))
    if "training" in kept:
        return find_people(kept, named=named, seed=seed, threads=threads).by_role
    crowd = Crowd(kept["heldout"], group(kept["heldout"], seed=seed))
    refuse_strangers_as_one("heldout", crowd, seed)
    refuse_few_people("heldout", crowd.people.names, MIN_HELDOUT, " with a usable photo")
    return {"heldout": crowd}


def _about(settings: GuardSettings, recogniser: Recogniser, salt: bytes) -> About:
    try:
        made_by = f"probablyexists {version('probablyexists')}"
    except PackageNotFoundError:
        made_by = "probablyexists"
    feed = recogniser.feed if isinstance(recogniser, OnnxRecogniser) else None
    return About(
        made_by=made_by,
        recogniser=settings.recogniser if isinstance(settings.recogniser, str) else None,
        recogniser_id=recogniser.id,
        feed=None if feed is None else f"{feed.template},{feed.colours},{feed.scaling}",
        faces=settings.faces,
        salt=salt.hex(),
        half=settings.half,
        rate=settings.rate,
    )
