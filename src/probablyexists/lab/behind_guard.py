"""A lab generator behind a guard that keeps its members out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from probablyexists.basis.progress import Progress
from probablyexists.basis.seeds import rng
from probablyexists.guarding.redrawing import Guarded, guarded
from probablyexists.lab.design import Split
from probablyexists.lab.experiment import Run
from probablyexists.tasks.guard import guard

MANIFEST = "guard.csv"
"""In a run's folder: the members, and the held-out people who set the guard's threshold."""


def behind_guard(
    run: Run, roles: Split, folder: Path, generator: Path, cache: Path, threads: int | None, progress: Progress
) -> Guarded:
    """The generator behind a guard, whose threshold half of the held-out people set, drawn from the run's seed."""
    assert run.guard is not None
    people = sorted({crop.person for crop in roles.heldout})
    chosen = rng(run.design.seed_of_people(run.seed), "lab", "guard").permutation(len(people))[: len(people) // 2]
    setting = {people[i] for i in chosen}
    manifest = folder / MANIFEST
    replace(roles, unseen=(), heldout=tuple(c for c in roles.heldout if c.person in setting)).write(manifest)
    made = guard(
        manifest, manifest, rate=run.guard, faces="aligned", threads=threads, cache=cache, progress=progress
    )
    return guarded(generator, made)
