"""The guard that keeps the members of a run out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from probablyexists.basis.progress import Progress
from probablyexists.basis.seeds import rng
from probablyexists.guarding.checking import Guard
from probablyexists.lab.design import Split
from probablyexists.tasks.guard import guard

MANIFEST = "guard.csv"
"""In a run's folder: the members, and the held-out people who set the guard's threshold."""


def guard_of_members(
    roles: Split, rate: float, seed: int, folder: Path, cache: Path, threads: int | None, progress: Progress
) -> Guard:
    """A guard whose threshold half of the held-out people set, drawn from the seed; `MANIFEST` in `folder` lists them.

    `rate`: share of strangers' photos that it may refuse.
    """
    people = sorted({crop.person for crop in roles.heldout})
    order = rng(seed, "lab", "guard").permutation(len(people))
    setting = {people[i] for i in order[: len(people) // 2]}
    manifest = folder / MANIFEST
    replace(roles, unseen=(), heldout=tuple(crop for crop in roles.heldout if crop.person in setting)).write(manifest)
    return guard_of_manifest(manifest, rate, cache, threads, progress)


def guard_of_manifest(manifest: Path, rate: float, cache: Path, threads: int | None, progress: Progress) -> Guard:
    """The guard of a `MANIFEST` that `guard_of_members` wrote."""
    return guard(manifest, manifest, rate=rate, faces="aligned", threads=threads, cache=cache, progress=progress)
