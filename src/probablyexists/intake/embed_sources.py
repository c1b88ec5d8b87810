"""From sources to tables of embeddings: decide how faces are cropped, then embed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import TITLES, Role
from probablyexists.embeddings.embed import Embedded, Look, embed, open_store
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.faces.acquire import NO_FACE, FacesMode
from probablyexists.images.kinds import cure
from probablyexists.intake.faces_seen import look
from probablyexists.intake.open_sources import generator_of
from probablyexists.intake.settings import Settings
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source


@dataclass(frozen=True)
class Decision:
    """How the faces of a source are cropped, and why."""

    mode: FacesMode
    by: str
    seen: Mapping[Photo, bool] | None = None
    """Whether the detector sees a face in each of the images that `auto` decided on; None if it did not."""


def decide(sources: dict[Role, Source], settings: Settings, progress: Progress) -> dict[Role, Decision]:
    """One decision for each source, the same for all if possible, because chips cropped in two ways are less similar.

    If the detector works on all sources and one of them needs it, it is used for all. A source in which it finds too
    few faces is aligned on its frames; if that is a source of people, all of these are, so that members and held-out
    people stay comparable.
    """
    if settings.faces != "auto":
        return {role: Decision(settings.faces, "as asked") for role in sources}
    looked = {role: look(source, settings.seed) for role, source in sources.items()}
    checks = {role: check for role, (check, _) in looked.items()}
    people: list[Role] = [role for role in checks if role != "generated"]
    decisions = {role: Decision(check.mode, check.why, seen) for role, (check, seen) in looked.items()}
    if any(decisions[role].mode == "aligned" and not checks[role].detectable for role in people):
        _take_along(decisions, people, "aligned")
    if any(decision.mode == "detect" for decision in decisions.values()):
        _take_along(decisions, [role for role in checks if checks[role].detectable], "detect")
    for role, decision in decisions.items():
        progress.say(f"{TITLES[role]}: faces {decision.mode} ({decision.by})")
    return decisions


def _take_along(decisions: dict[Role, Decision], roles: Sequence[Role], mode: FacesMode) -> None:
    for role in roles:
        if decisions[role].mode != mode:
            by = f"{decisions[role].by}; {mode} because the other sources need it"
            decisions[role] = replace(decisions[role], mode=mode, by=by)


def embed_sources(
    sources: Mapping[Role, Source],
    decisions: Mapping[Role, Decision],
    recogniser: Recogniser,
    cache: Path,
    look: Look,
    progress: Progress,
    *,
    pictures: bool = True,
) -> dict[Role, Embedded]:
    """Embed every source; `pictures`: with the small grey ones, for the copy check. InputError if one has no face."""
    tables = {}
    for role, source in sources.items():
        mode = decisions[role].mode
        store = open_store(cache, recogniser, mode, generator_of(source))
        table = embed(source, recogniser, store, mode, progress, TITLES[role], look, pictures=pictures)
        if not len(table):
            raise _no_face(role, source, mode, table)
        tables[role] = table
    return tables


def _no_face(role: Role, source: Source, mode: FacesMode, table: Embedded) -> InputError:
    """Which images have no face, which could not be read, and what to do about either."""
    reasons = Counter(aside.reason for aside in table.set_aside)
    cures = dict.fromkeys(cure(reason) for reason in reasons)
    if mode == "detect" and NO_FACE in reasons:
        cures[f"try {option('faces', 'aligned')} if the images are face crops"] = None
    todo = "; ".join(text for text in cures if text) or "check the files"
    counted = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
    return InputError(
        f"{option(role, source.name)}: no face from any of {len(source.photos):,} images ({counted}); {todo}"
    )
