"""A description of the data used and set aside, and the signature needed to repeat the audit."""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from probablyexists.basis.roles import Role
from probablyexists.copies.duplicates import SamePicture
from probablyexists.embeddings.embed import Embedded
from probablyexists.faces.acquire import NO_FACE
from probablyexists.faces.placing import FacesMode
from probablyexists.intake.open_sources import generator_of
from probablyexists.intake.people import Peopled
from probablyexists.intake.settings import CompareSettings, Settings, signed
from probablyexists.results.contents import sample_salt
from probablyexists.results.findings import Data, Duplicate, RoleData, Signature
from probablyexists.sources.open_source import Source

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime", "faiss-cpu", "dlib-bin", "pillow", "pyarrow")
IN_TWO_ROLES = "also in another role"
"""Why people are set aside whose photos could be read."""
_OF_GENERATORS = ("torch", "diffusers")


def describe(
    sources: Mapping[Role, Source],
    mode: FacesMode,
    tables: Mapping[Role, Embedded],
    pairs: list[SamePicture],
    crowds: Peopled,
    *,
    salt: bytes,
    n_distinct: int,
    show_names: bool,
) -> Data:
    """Counts for each role, photos in two roles, and how people were found.

    `salt`: for fingerprints of photos. `n_distinct`: distinct pictures among the samples.
    """
    roles = []
    for role, table in tables.items():
        crowd = crowds.by_role.get(role)
        by_name = crowd is not None and (crowds.clusters is None or role == "reference")
        design = crowds.design if role == "heldout" else ()
        people = (*crowd.people.names, *design) if crowd is not None and by_name else None
        repeated = len(table) - n_distinct if role == "generated" else None
        described = _described(role, sources[role], mode, table, people, repeated)
        if crowd is not None:
            same = {"n_people": len(crowd.people), "fingerprint": fingerprint({role: table}, salt)}
            described = described.model_copy(update=same)
        roles.append(described)

    duplicates = [
        Duplicate(
            roles=pair.roles,
            photos=(
                tables[pair.roles[0]].label(pair.rows[0], salt, show_names=show_names),
                tables[pair.roles[1]].label(pair.rows[1], salt, show_names=show_names),
            ),
            correlation=pair.correlation,
        )
        for pair in pairs
    ]
    aside = Counter(role for role, _ in {at for pair in pairs for at in zip(pair.roles, pair.rows, strict=True)})
    return Data(
        roles=roles,
        duplicates=duplicates,
        n_duplicates_set_aside=dict(sorted(aside.items())),
        clusters=crowds.clusters,
        sample_salt=sample_salt(salt),
    )


def describe_roles(
    sources: Mapping[Role, Source],
    mode: FacesMode,
    tables: Mapping[Role, Embedded],
    reference: Collection[str],
    n_distinct: int,
) -> list[RoleData]:
    """Counts for each role of a task about reference people. `reference`: the names of those used."""
    found = []
    for role, table in tables.items():
        people = reference if role == "reference" else None
        repeated = len(table) - n_distinct if role == "generated" else None
        found.append(_described(role, sources[role], mode, table, people, repeated))
    return found


def _described(
    role: Role,
    source: Source,
    mode: FacesMode,
    table: Embedded,
    people: Collection[str] | None,
    n_repeated: int | None,
) -> RoleData:
    """What was given in one role and what became of it. `people`: the names of those used; None if not by name."""
    reasons = Counter(aside.reason for aside in table.set_aside if aside.reason != NO_FACE)
    given = None if people is None else {photo.person for photo in source.photos if photo.person is not None}
    return RoleData(
        role=role,
        source=source.name,
        n_images=len(source.photos),
        n_acquired=len(table),
        n_no_face=table.n_no_face,
        n_unreadable=dict(sorted(reasons.items())),
        n_several_faces=int((table.n_faces > 1).sum()),
        n_repeated=n_repeated,
        n_people_given=None if given is None else len(given),
        people_set_aside={} if given is None or people is None else _why(given.difference(people), table),
        n_people=None if people is None else len(people),
        faces=mode,
        faces_decided_by="each image by itself" if mode == "auto" else "as asked",
        n_on_frame=int((table.n_faces == 0).sum()),
    )


def _why(people: Collection[str], table: Embedded) -> dict[str, int]:
    """Reason -> number of these people, of whom no photo could be used; of several reasons the most frequent."""
    reasons: dict[str, Counter[str]] = {person: Counter() for person in people}
    for aside in table.set_aside:
        if aside.photo.person in reasons:
            reasons[aside.photo.person][aside.reason] += 1
    first = (max(sorted(each), key=each.__getitem__) if each else IN_TWO_ROLES for each in reasons.values())
    return dict(sorted(Counter(first).items()))


def fingerprint(tables: Mapping[Role, Embedded], salt: bytes = b"") -> str:
    """SHA-256 over `salt`, and role, person and content of all acquired images; independent of order and file names."""
    lines = "\n".join(_lines(role, tables[role]) for role in sorted(tables) if len(tables[role]))
    return hashlib.sha256(salt + lines.encode()).hexdigest()


def _lines(role: Role, table: Embedded) -> str:
    """A line an image, sorted."""
    if any(photo.person for photo in table.photos):
        each = zip(table.photos, table.sha256, strict=True)
        return "\n".join(sorted(f"{role}\x1f{photo.person or ''}\x1f{key.hex()}" for photo, key in each))
    # Of a million samples it is the same, without a text for each.
    keys = np.sort(np.frombuffer(b"".join(table.sha256), "S32")).tobytes()
    begin = f"\n{role}\x1f\x1f"
    return (begin + keys.hex("\n", 32).replace("\n", begin))[1:]


def sign(
    settings: Settings,
    recogniser: str,
    attack: str,
    sources: Mapping[Role, Source],
    tables: Mapping[Role, Embedded],
    started: float,
) -> Signature:
    """Versions, settings, generator, data, date and duration. `started`: `time.monotonic()` at the start."""
    generator = generator_of(sources["generated"])
    used = getattr(getattr(sources["generated"], "generator", None), "libraries", sys.modules)
    libraries = [*_LIBRARIES, *(name for name in _OF_GENERATORS if generator and name in used)]
    described = {**signed(settings), "attack": attack, **generator}
    return _signature(described, recogniser, fingerprint(tables), libraries, started)


def sign_comparison(settings: CompareSettings, before: Signature, after: Signature, started: float) -> Signature:
    """The same for two audits; the data are theirs, in this order."""
    both = hashlib.sha256(f"{before.data_fingerprint}\n{after.data_fingerprint}".encode()).hexdigest()
    return _signature(signed(settings), before.recogniser, both, ("numpy", "scipy", "pyarrow"), started)


def _signature(
    settings: dict[str, str | int | float | bool | None],
    recogniser: str,
    data: str,
    libraries: Collection[str],
    started: float,
) -> Signature:
    return Signature(
        probablyexists=version("probablyexists"),
        python=platform.python_version(),
        libraries={name: version(name) for name in libraries},
        recogniser=recogniser,
        settings=settings,
        data_fingerprint=data,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
    )
