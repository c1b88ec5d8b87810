"""A description of the data used and set aside, and the signature needed to repeat the audit."""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from probablyexists.basis.roles import Role
from probablyexists.copies.duplicates import SamePicture
from probablyexists.embeddings.embed import Embedded
from probablyexists.faces.acquire import NO_FACE
from probablyexists.intake.embed_sources import Decision
from probablyexists.intake.open_sources import generator_of
from probablyexists.intake.people import Peopled
from probablyexists.intake.settings import Settings, signed
from probablyexists.results.findings import Data, Duplicate, RoleData, Signature
from probablyexists.sources.open_source import Source

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime", "faiss-cpu", "dlib-bin", "pillow", "pyarrow")
_OF_GENERATORS = ("torch", "diffusers")


def describe(
    sources: Mapping[Role, Source],
    decisions: Mapping[Role, Decision],
    tables: Mapping[Role, Embedded],
    pairs: list[SamePicture],
    crowds: Peopled,
    *,
    show_names: bool,
) -> Data:
    """Counts for each role, photos in two roles, and how people were found."""
    roles = []
    for role, table in tables.items():
        reasons = Counter(aside.reason for aside in table.set_aside if aside.reason != NO_FACE)
        crowd = crowds.by_role.get(role)
        roles.append(
            RoleData(
                role=role,
                source=sources[role].name,
                n_images=len(sources[role].photos),
                n_acquired=len(table),
                n_no_face=table.n_no_face,
                n_unreadable=dict(sorted(reasons.items())),
                n_several_faces=int((table.n_faces > 1).sum()),
                n_people=None if crowd is None else len(crowd.people),
                faces=decisions[role].mode,
                faces_decided_by=decisions[role].by,
            )
        )

    duplicates = [
        Duplicate(
            roles=pair.roles,
            photos=(
                tables[pair.roles[0]].label(pair.rows[0], show_names=show_names),
                tables[pair.roles[1]].label(pair.rows[1], show_names=show_names),
            ),
            correlation=pair.correlation,
        )
        for pair in pairs
    ]
    aside = Counter(role for role, _ in {at for pair in pairs for at in zip(pair.roles, pair.rows, strict=True)})
    return Data(
        roles=roles, duplicates=duplicates, n_duplicates_set_aside=dict(sorted(aside.items())), clusters=crowds.clusters
    )


def fingerprint(tables: Mapping[Role, Embedded]) -> str:
    """SHA-256 over role, person and content of all acquired images; independent of order and file names."""
    lines = sorted(
        f"{role}\x1f{photo.person or ''}\x1f{key.hex()}"
        for role, table in tables.items()
        for photo, key in zip(table.photos, table.sha256, strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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
    return Signature(
        probablyexists=version("probablyexists"),
        python=platform.python_version(),
        libraries={name: version(name) for name in libraries},
        recogniser=recogniser,
        settings={**signed(settings), "attack": attack, **generator},
        data_fingerprint=fingerprint(tables),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
    )
