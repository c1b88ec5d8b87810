"""The sources of an audit, one a role, refused when a person stands in two of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import Role
from probablyexists.basis.text import shown
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.open_generator import open_generator
from probablyexists.intake.settings import Common, Question, Settings, Survey
from probablyexists.sources.folder import FilesSource
from probablyexists.sources.listing import is_candidate
from probablyexists.sources.open_source import Source, open_source

SAMPLES = 10_000
"""Drawn from a generator where no number is given."""


def open_sources(settings: Settings, progress: Progress) -> dict[Role, Source]:
    """Open what was given; InputError names the option and what to do."""
    wanted: dict[Role, object] = {
        "training": settings.training,
        "unseen": settings.unseen,
        "heldout": settings.heldout,
        "reference": settings.reference,
        "generated": settings.generated,
    }
    sources: dict[Role, Source] = {}
    for role, where in wanted.items():
        if where is None:
            continue
        try:
            if role == "generated":
                sources[role] = _open_generated(settings, progress)
            elif role == "reference":
                sources[role] = _open_reference(str(where))
            else:
                sources[role] = open_source(str(where), role=role)
        except InputError as error:
            raise InputError(f"--{role} {error}") from None
    refuse_people_in_two_roles(sources)
    return sources


def open_question(question: Question, progress: Progress) -> dict[Role, Source]:
    """The photos asked about, the reference people's, and the samples."""
    return {"asked": _open_asked(question.photos), **open_survey(question, progress)}


def open_survey(survey: Question | Survey, progress: Progress) -> dict[Role, Source]:
    """The reference people's photos, and the samples."""
    sources: dict[Role, Source] = {}
    try:
        sources["reference"] = _open_reference(str(survey.reference))
    except InputError as error:
        raise InputError(f"--reference {error}") from None
    try:
        sources["generated"] = _open_generated(survey, progress)
    except InputError as error:
        raise InputError(f"--generated {error}") from None
    return sources


def _open_asked(photos: tuple[Path, ...]) -> Source:
    if all(path.is_file() and is_candidate(path.name) for path in photos):
        return FilesSource(photos)
    if len(photos) > 1:
        other = next(path for path in photos if not (path.is_file() and is_candidate(path.name)))
        raise InputError(f"{shown(other)}: is no image file; give image files, or one folder or archive alone")
    return open_source(str(photos[0]), named=False)


def _open_reference(where: str) -> Source:
    # A manifest with roles has none for reference people: they are its held-out ones.
    return open_source(where, role="heldout", named=True)


def _open_generated(settings: Common, progress: Progress) -> Source:
    where = str(settings.generated)
    generator = open_generator(where, trust_pickle=settings.trust_pickle, threads=settings.threads, progress=progress)
    if generator is not None:
        progress.say(f"generated samples: drawn from {generator.id}")
        return GeneratedSource(
            generator, where, SAMPLES if settings.samples is None else settings.samples, settings.seed
        )
    source = open_source(where, role="generated", named=False)
    if settings.samples is not None:
        raise InputError(
            f"{where}: holds {len(source.photos):,} images, which are taken as they are; leave out --samples, which is "
            "for generators"
        )
    return source


def generator_of(source: Source) -> dict[str, str | int]:
    """What the signature says of the generator that was sampled; empty for a set of images."""
    if not isinstance(source, GeneratedSource):
        return {}
    return {"generator": source.generator.id, "samples": len(source.photos)}


def has_names(source: Source) -> bool:
    """Whether the source says who is who."""
    return source.photos[0].person is not None


def refuse_people_in_two_roles(sources: Mapping[Role, Source]) -> None:
    """Members and held-out people must be different people; unseen photos must be of members."""
    judged: tuple[Role, ...] = ("training", "unseen", "heldout")
    people: dict[Role, set[str]] = {
        role: {photo.person for photo in source.photos if photo.person is not None}
        for role, source in sources.items()
        if role != "generated"
    }
    for role in judged[:2]:
        both = sorted(people.get(role, set()) & people["heldout"])
        if both:
            raise InputError(
                f"--{role} and --heldout: {len(both)} people stand in both ({_some(both)}); held-out people must "
                "never have been trained on: remove them from one side"
            )
    for role in judged:
        both = sorted(people.get(role, set()) & people.get("reference", set()))
        if both:
            raise InputError(
                f"--{role} and --reference: {len(both)} people stand in both ({_some(both)}); reference people must be "
                "others than those who are judged: remove them from one side"
            )
    if "unseen" not in sources:
        return
    if not has_names(sources["training"]) or not has_names(sources["unseen"]):
        raise InputError("--unseen: needs people by name (one folder a person) here and in --training; leave it out")
    strangers = sorted(people["unseen"] - people["training"])
    if strangers:
        raise InputError(
            f"--unseen: {len(strangers)} people are not in --training ({_some(strangers)}); unseen photos are other "
            "photos of members"
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(ascii(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown}, ..."
