"""What an audit says of one lab generator, and the scores behind it, for pooling over runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from probablyexists.answers.membership import Population, membership, populations
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.progress import Progress
from probablyexists.basis.seeds import rng
from probablyexists.findings import Findings, Membership
from probablyexists.intake.settings import Settings
from probablyexists.matching.crowd import Crowd
from probablyexists.method import Evidence, conclude, gather
from probablyexists.stats.distances import frechet_distance, kernel_distance
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.roc import Side, auroc_estimate

SCORES_SCHEMA = pa.schema(
    [
        ("population", pa.string()),
        ("level", pa.string()),
        ("side", pa.string()),
        ("person", pa.string()),
        ("score", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Glance:
    """Answer 1 alone, beside how far the samples are from the training photos: what a snapshot is worth."""

    membership: list[Membership]
    frechet: float
    kernel: float
    n_samples: int
    n_copies: int


@dataclass(frozen=True)
class Reading:
    """A whole audit of a finished generator."""

    glance: Glance
    findings: Findings
    scores: pa.Table
    """One row a score: see `SCORES_SCHEMA`. Names of the set, for the lab's own use."""
    baseline: dict[str, Figure]
    """Population -> AUROC by person of the same attack with photos of strangers in place of the samples."""
    controls: dict[str, Figure]
    """Population -> the same AUROC for held-out people who could have been members."""


def glance(settings: Settings, progress: Progress) -> Glance:
    """Sample a snapshot and ask only whether an attacker can tell."""
    return _glance(gather(settings, progress), settings.seed)


def read(settings: Settings, controls: frozenset[str], progress: Progress) -> Reading:
    """Audit a generator. `controls`: held-out people with as many photos as a member; judged against the others.

    Where held-out people are simply everybody else, they have fewer photos than members, and who has many photos may
    look unlike who has few. The controls show it: they were not trained on, so that their AUROC against the other
    held-out people should be 1/2.
    """
    started = time.monotonic()
    evidence = gather(settings, progress)
    findings = conclude(evidence, settings, progress, started)
    crowds, samples = evidence.crowds, evidence.others.embeddings
    scored = populations(crowds.training, crowds.unseen, crowds.heldout, samples, NearestSample())
    return Reading(
        _glance(evidence, settings.seed),
        findings,
        _table(scored),
        _baseline(crowds.training, crowds.unseen, crowds.heldout, settings.seed),
        {p.name: _controls(p, controls) for p in scored if p.level == "person"},
    )


def _glance(evidence: Evidence, seed: int) -> Glance:
    crowds, samples = evidence.crowds, evidence.others.embeddings
    figures = membership(crowds.training, crowds.unseen, crowds.heldout, samples, NearestSample(), seed)
    real, made = evidence.tables["training"].embeddings, evidence.tables["generated"].embeddings
    # The Frechet distance of few photos is too large, by how much depends on their number: as many on either side.
    n = min(len(real), len(made))
    kernel = kernel_distance(real, made)
    return Glance(
        membership=figures,
        frechet=frechet_distance(real[:n], made[:n]),
        kernel=kernel.value if isinstance(kernel, Estimate) else float("nan"),
        n_samples=len(made),
        n_copies=int(evidence.copied.is_copy.sum()),
    )


def _table(scored: Sequence[Population]) -> pa.Table:
    parts = []
    for population in scored:
        for side, scores, names in (
            ("member", population.positives, population.members),
            ("heldout", population.negatives, population.strangers),
        ):
            n = len(scores.scores)
            parts.append(
                pa.table(
                    [
                        pa.array([population.name] * n),
                        pa.array([population.level] * n),
                        pa.array([side] * n),
                        pa.array([names[i] for i in scores.people]),
                        pa.array(scores.scores),
                    ],
                    schema=SCORES_SCHEMA,
                )
            )
    return pa.concat_tables(parts)


def _baseline(training: Crowd, unseen: Crowd | None, heldout: Crowd, seed: int) -> dict[str, Figure]:
    """The blind attacker: the photos of half of the held-out people stand in for the samples, both ways round.

    Half of the people are needed as strangers, so that this figure is somewhat less sure than the attack's own.
    """
    n = len(heldout.people)
    order = rng(seed, "lab", "baseline").permutation(n)
    halves = [np.sort(order[: n // 2]), np.sort(order[n // 2 :])]
    found: dict[str, list[Figure]] = {}
    for known, judged in (halves, halves[::-1]):
        samples = heldout.table.embeddings[np.concatenate([heldout.people.rows[i] for i in known])]
        for population in populations(training, unseen, heldout, samples, NearestSample()):
            if population.level == "person":
                strangers = _only(population, {heldout.people.names[i] for i in judged})
                found.setdefault(population.name, []).append(auroc_estimate(population.positives, strangers))
    return {name: _mean_of(*both) for name, both in found.items()}


def _mean_of(one: Figure, other: Figure) -> Figure:
    if isinstance(one, Unresolvable):
        return one
    if isinstance(other, Unresolvable):
        return other
    value, low, high = ((getattr(one, part) + getattr(other, part)) / 2 for part in ("value", "low", "high"))
    return Estimate(value, low, high, one.level, "mean of two halves, DeLong", min(one.n, other.n))


def _only(population: Population, people: set[str]) -> Side:
    chosen = [i for i, who in enumerate(population.negatives.people) if population.strangers[who] in people]
    return Side.one_each(population.negatives.scores[chosen])


def _controls(population: Population, controls: frozenset[str]) -> Figure:
    others = set(population.strangers) - controls
    if not others:
        return Unresolvable("every held-out person has as many photos as a member", None, len(controls))
    return auroc_estimate(_only(population, set(controls)), _only(population, others))
