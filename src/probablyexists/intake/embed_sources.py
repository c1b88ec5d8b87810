"""From sources to tables of embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import TITLES, Role
from probablyexists.embeddings.embed import Embedded, Look, embed, open_store
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.faces.acquire import NO_FACE
from probablyexists.faces.placing import FacesMode
from probablyexists.images.kinds import cure
from probablyexists.intake.open_sources import generator_of
from probablyexists.sources.open_source import Source


def embed_sources(
    sources: Mapping[Role, Source],
    mode: FacesMode,
    recogniser: Recogniser,
    cache: Path,
    look: Look,
    progress: Progress,
    *,
    pictures: bool = True,
    instead: Mapping[Role, Path] | None = None,
) -> dict[Role, Embedded]:
    """Embed every source; `pictures`: with the small grey ones, for the copy check. InputError if one has no face.

    `instead`: role -> folder that holds its embeddings in place of `cache`.

    Where `auto` sees no face in any generated sample, all are taken on their frames: the result is then inconclusive
    and says why.
    """
    tables = {}
    for role, source in sources.items():
        ways: tuple[FacesMode, ...] = (mode, "aligned") if role == "generated" and mode == "auto" else (mode,)
        for way in ways:
            store = open_store((instead or {}).get(role, cache), recogniser, way, generator_of(source))
            table = embed(source, recogniser, store, way, progress, TITLES[role], look, pictures=pictures)
            if len(table):
                break
        if not len(table):
            raise _no_face(role, source, mode, table)
        if way != mode:
            progress.say(
                f"{TITLES[role]}: no face in any of them; taken on their frames, so that the result can say so"
            )
        if mode == "auto":
            progress.say(f"{TITLES[role]}: faces auto ({_placed(table)})")
        tables[role] = table
    return tables


def _placed(table: Embedded) -> str:
    """How many faces are the frame's, and how many the detector found, in words."""
    n_found = int((table.n_faces > 0).sum())
    return f"{len(table) - n_found:,} on their frame, {n_found:,} found by the detector"


def _no_face(role: Role, source: Source, mode: FacesMode, table: Embedded) -> InputError:
    """Which images have no face, which could not be read, and what to do about either."""
    reasons = Counter(aside.reason for aside in table.set_aside)
    cures = dict.fromkeys(cure(reason) for reason in reasons)
    if mode != "aligned" and NO_FACE in reasons:
        cures[f"try {option('faces', 'aligned')} if the images are face crops"] = None
    todo = "; ".join(text for text in cures if text) or "check the files"
    counted = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
    return InputError(
        f"{option(role, source.name)}: no face from any of {len(source.photos):,} images ({counted}); {todo}"
    )
