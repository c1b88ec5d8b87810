"""From sources to tables of embeddings: decide how faces are cropped, then embed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import TITLES, Role
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Embedded, Look, embed, open_store
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.faces.acquire import NO_FACE, FacesMode, FrameCheck, check_frames
from probablyexists.images.kinds import cure
from probablyexists.intake.open_sources import generator_of
from probablyexists.intake.settings import Settings
from probablyexists.sources.open_source import Source

N_SAMPLED = 64
"""Images of a source that `auto` decides on."""


@dataclass(frozen=True)
class Decision:
    """How the faces of a source are cropped, and why."""

    mode: FacesMode
    by: str


def decide(sources: dict[Role, Source], settings: Settings, progress: Progress) -> dict[Role, Decision]:
    """One decision for each source, the same for all if possible, because chips cropped in two ways are less similar.

    If the detector works on all sources and one of them needs it, it is used for all. A source in which it finds too
    few faces is aligned on its frames; if that is a source of people, all of these are, so that members and held-out
    people stay comparable.
    """
    if settings.faces != "auto":
        return {role: Decision(settings.faces, "as asked") for role in sources}
    checks = {role: _look(source, settings.seed) for role, source in sources.items()}
    people: list[Role] = [role for role in checks if role != "generated"]
    decisions = {role: Decision(check.mode, check.why) for role, check in checks.items()}
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
            decisions[role] = Decision(mode, f"{decisions[role].by}; {mode} because the other sources need it")


def _look(source: Source, seed: int) -> FrameCheck:
    n = len(source.photos)
    chosen = rng(seed, "faces").permutation(n)[:N_SAMPLED]
    return check_frames(
        [data for _, data in source.stream([source.photos[i] for i in chosen]) if isinstance(data, bytes)]
    )


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
