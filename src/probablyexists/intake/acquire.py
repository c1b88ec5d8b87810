"""From sources to tables of embeddings: decide how faces are cut, then embed."""

from __future__ import annotations

from dataclasses import dataclass

from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Progress
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.faces.acquire import FacesMode, check_frames
from probablyexists.images.sources import Source
from probablyexists.intake.settings import Settings
from probablyexists.intake.sources import Role

N_SAMPLED = 24
"""Images of a source on which `auto` decides."""

_TITLES = {
    "training": "training photos",
    "unseen": "unseen photos",
    "heldout": "held-out photos",
    "generated": "generated samples",
}


@dataclass(frozen=True)
class Decision:
    """How the faces of a source are cut, and why."""

    mode: FacesMode
    by: str


def decide(sources: dict[Role, Source], settings: Settings, progress: Progress) -> dict[Role, Decision]:
    """One decision a source. Photos of people are all cut the same way, or members and strangers would differ."""
    if settings.faces != "auto":
        return {role: Decision(settings.faces, f"--faces {settings.faces}") for role in sources}
    decisions = {role: _look(source, settings.seed) for role, source in sources.items()}
    people = [role for role in decisions if role != "generated"]
    if len({decisions[role].mode for role in people}) > 1:
        for role in people:
            if decisions[role].mode == "aligned":
                decisions[role] = Decision("detect", f"{decisions[role].by}; but the other photos need the detector")
    for role, decision in decisions.items():
        progress.say(f"{_TITLES[role]}: faces {decision.mode} ({decision.by})")
    return decisions


def _look(source: Source, seed: int) -> Decision:
    n = len(source.photos)
    chosen = rng(seed, "faces").permutation(n)[:N_SAMPLED]
    sampled = [data for _, data in source.stream([source.photos[i] for i in chosen]) if isinstance(data, bytes)]
    check = check_frames(sampled)
    return Decision(check.mode, check.why)


def acquire(
    sources: dict[Role, Source],
    decisions: dict[Role, Decision],
    recogniser: Recogniser,
    settings: Settings,
    progress: Progress,
) -> dict[Role, Embedded]:
    """Embed every source; InputError if one shows no face at all."""
    tables = {}
    for role, source in sources.items():
        mode = decisions[role].mode
        store = open_store(settings.cache, recogniser, mode)
        table = embed(source, recogniser, store, mode, progress, _TITLES[role], settings.threads)
        if not len(table):
            reasons = sorted({aside.reason for aside in table.set_aside})
            raise InputError(
                f"--{role} {source.name}: no face in any of {len(source.photos)} images ({', '.join(reasons)}); "
                "check the folder, or try --faces aligned if the images are face crops"
            )
        tables[role] = table
    return tables
