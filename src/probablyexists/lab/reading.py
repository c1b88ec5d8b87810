"""The audit of one lab generator, and its scores, for pooling over runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from probablyexists.answers.membership import Population, membership, populations
from probablyexists.answers.split_baseline import mean_of_halves
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.progress import Progress
from probablyexists.basis.seeds import rng
from probablyexists.engines.choose import engine
from probablyexists.intake.settings import AuditSettings
from probablyexists.lab.pool import AUDIT, BLIND
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.results.findings import Findings, Membership
from probablyexists.stats.distances import frechet_distance, kernel_distance
from probablyexists.stats.diversity import effective_number
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.pooled import pooled_difference
from probablyexists.stats.roc import Side, auroc_estimate
from probablyexists.tasks.audit import conclude
from probablyexists.tasks.gather import Gathered, gather

_NAMES = ("attack", "population", "level", "side", "person")
SCORES_SCHEMA = pa.schema([*((name, pa.string()) for name in _NAMES), ("score", pa.float64())])


@dataclass(frozen=True)
class Glance:
    """Of a snapshot: answer 1 alone, and how far the samples are from the training photos."""

    membership: list[Membership]
    frechet: float
    kernel: float
    n_samples: int
    n_copies: int


@dataclass(frozen=True)
class Quality:
    """What a generator's samples are worth as faces, copies among them; to be read beside what it leaks.

    Not `findings.sampling.faces`, which takes as many samples as photos for both figures: results published before
    are of all samples, and both figures depend on their number.
    """

    frechet_heldout: float
    """Frechet distance from held-out people's photos in the recogniser's space, as many rows on both sides."""
    different_faces: float
    """Effective number of different faces among the samples (`effective_number`)."""


@dataclass(frozen=True)
class Reading:
    """Of a finished generator: the whole audit."""

    glance: Glance
    quality: Quality
    findings: Findings
    scores: pa.Table
    """One row a score: see `SCORES_SCHEMA`. With the names of the set; not for publication."""
    baseline: dict[str, Figure]
    """Population -> AUROC by person of the same attack with photos of strangers in place of the samples."""
    above: dict[str, Figure]
    """Population -> the attack's AUROC by person minus the baseline's (`pooled_difference`)."""
    controls: dict[str, Figure]
    """Population -> AUROC by person of held-out people who could have been members, against the others held out."""


def glance(settings: AuditSettings, progress: Progress) -> Glance:
    """Audit a snapshot, answer 1 alone."""
    with engine(settings.resources, progress) as work:
        return _glance(gather(settings, work, progress), settings.seed)


def read(settings: AuditSettings, controls: frozenset[str], progress: Progress) -> Reading:
    """Audit a generator. `controls`: held-out people with as many photos as a member needs.

    Where held-out people are everybody else of a set, most have fewer photos than members, and people with many photos
    may look different. Controls were not trained on either: if their AUROC against the other held-out people is not
    about 1/2, the number of photos matters.
    """
    started = time.monotonic()
    with engine(settings.resources, progress) as work:
        gathered = gather(settings, work, progress)
        findings = conclude(gathered, settings, progress, started)
        crowds = gathered.crowds
        score = NearestSample().prepare(photos_of(gathered.others), None, gathered.matcher)
        scored = populations(crowds.training, crowds.unseen, crowds.heldout, score)
        people = [population for population in scored if population.level == "person"]
        blind = blind_populations(crowds.training, crowds.unseen, crowds.heldout, settings.seed)
        halves = {p.name: [other for half in blind.values() for other in half if other.name == p.name] for p in people}
        tables = [score_table(p, name) for name, its in ((AUDIT, scored), *blind.items()) for p in its]
        return Reading(
            _glance(gathered, settings.seed),
            _quality(gathered),
            findings,
            pa.concat_tables(tables),
            {
                name: mean_of_halves(*(auroc_estimate(h.positives, h.negatives) for h in both))
                for name, both in halves.items()
            },
            {p.name: pooled_difference([p.as_run], [half.as_run for half in halves[p.name]]) for p in people},
            {p.name: _controls(p, controls) for p in people},
        )


def _glance(gathered: Gathered, seed: int) -> Glance:
    crowds, score = gathered.crowds, NearestSample().prepare(photos_of(gathered.others), None, gathered.matcher)
    figures = membership(crowds.training, crowds.unseen, crowds.heldout, [score], seed)
    real, made = gathered.tables["training"].embeddings, gathered.tables["generated"].embeddings
    # The Frechet distance is biased upwards, more so with fewer rows: the same number on both sides.
    n = min(len(real), len(made))
    kernel = kernel_distance(real, made)
    return Glance(
        membership=figures,
        frechet=frechet_distance(real[:n], made[:n]),
        kernel=kernel.value if isinstance(kernel, Estimate) else float("nan"),
        n_samples=len(made),
        n_copies=int(gathered.copied.is_copy.sum()),
    )


def _quality(gathered: Gathered) -> Quality:
    made, others = gathered.tables["generated"].embeddings, gathered.tables["heldout"].embeddings
    n = min(len(made), len(others))
    return Quality(frechet_distance(others[:n], made[:n]), effective_number(made))


def score_table(population: Population, *first: object, schema: pa.Schema = SCORES_SCHEMA) -> pa.Table:
    """A row for each score; `first`: the values of the schema's columns before the population's, the same in each."""
    parts = []
    for side, scores, names in (
        ("member", population.positives, population.members),
        ("heldout", population.negatives, population.strangers),
    ):
        same = [[value] * len(scores.scores) for value in (*first, population.name, population.level, side)]
        columns = [*same, [names[i] for i in scores.people], scores.scores]
        parts.append(pa.Table.from_pydict(dict(zip(schema.names, columns, strict=True)), schema))
    return pa.concat_tables(parts)


def blind_populations(training: Crowd, unseen: Crowd | None, heldout: Crowd, seed: int) -> dict[str, list[Population]]:
    """The blind attacker: photos of one half of the held-out people in place of the samples, then of the other half.

    The half that is not used as samples are the strangers, so that each interval is wider than the attack's. By person.
    """
    n = len(heldout.people)
    order = rng(seed, "lab", "baseline").permutation(n)
    halves = [np.sort(order[: n // 2]), np.sort(order[n // 2 :])]
    found = {}
    for name, known, judged in zip(BLIND, halves, halves[::-1], strict=True):
        scored = populations(training, unseen, heldout, NearestSample().prepare(heldout.reference(known)))
        strangers = {heldout.people.names[i] for i in judged}
        found[name] = [_against(population, strangers) for population in scored if population.level == "person"]
    return found


def _against(population: Population, people: set[str]) -> Population:
    """The same members, against these strangers alone."""
    chosen = [i for i, who in enumerate(population.negatives.people) if population.strangers[who] in people]
    negatives = Side.one_each(population.negatives.scores[chosen])
    names = tuple(population.strangers[population.negatives.people[i]] for i in chosen)
    return replace(population, negatives=negatives, strangers=names)


def _controls(population: Population, controls: frozenset[str]) -> Figure:
    others = set(population.strangers) - controls
    if not others:
        return Unresolvable("every held-out person has as many photos as a member", None, len(controls))
    return auroc_estimate(_against(population, set(controls)).negatives, _against(population, others).negatives)
