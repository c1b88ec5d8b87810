"""The whole method on one page: acquire -> embed -> match -> attack -> estimate -> judge.

Follows Webster, Rabin, Simon & Jurie, "This Person (Probably) Exists. Identity Membership Attacks Against GAN
Generated Faces" (arXiv 2107.06018).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.answers.audit_verdict import judge
from probablyexists.answers.copying import CopyMatches, copies, find_copies
from probablyexists.answers.dose import dose
from probablyexists.answers.membership import agreed_membership, membership, split_baseline
from probablyexists.answers.missed import missed
from probablyexists.answers.naming import agreed, likenesses, name_people, naming
from probablyexists.answers.resemblance import resemblance
from probablyexists.answers.rows import Labels, people_table, samples_table
from probablyexists.answers.second_opinions import second_opinions
from probablyexists.answers.trust import trust
from probablyexists.answers.view import View
from probablyexists.attacks.attack import Attack
from probablyexists.attacks.known import chosen
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.roles import Role
from probablyexists.copies.duplicates import SamePicture, same_pictures, without
from probablyexists.embeddings.embed import Embedded, Look, in_threads
from probablyexists.embeddings.recognisers import Recogniser, open_recognisers
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import Decision, acquire, decide
from probablyexists.intake.open_sources import has_names, open_sources
from probablyexists.intake.output_folder import claim_folder
from probablyexists.intake.people import Peopled, find_people, pseudonyms, seen_again
from probablyexists.intake.provenance import describe, sign
from probablyexists.intake.settings import Settings, checked
from probablyexists.matching.crowd import photos_of
from probablyexists.report.exhibits import exhibits
from probablyexists.report.page import write_report
from probablyexists.results.findings import Findings
from probablyexists.sources.open_source import Source


def audit(
    training: str | Path,
    heldout: str | Path,
    generated: str | Path,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Findings:
    """Audit a generator's samples for the people it was trained on.

    `training`, `heldout` (and `unseen=`): one folder a person, a manifest, or photos without names; `generated`:
    a folder, zip or tar of images, or a generator that is sampled (see `generators.opening`). Further settings are
    those of `Settings`: `unseen`, `reference`, `out`, `faces`, `recogniser`, `more_recognisers`, `more_attacks`,
    `level`, `seed`, `threads`, `show_names`, `show_faces`, `samples`, `trust_pickle`, `cache`. With `out`, the folder
    gets `findings.json`, `report.html` and `withhold.txt`.

    Raises InputError, one line, for anything that cannot be audited.
    """
    given = {"training": training, "heldout": heldout, "generated": generated, **settings}
    return run(checked(Settings, given), progress or Silent())


def run(settings: Settings, progress: Progress) -> Findings:
    """The audit itself."""
    started = time.monotonic()
    if settings.out is not None:
        claim_folder(settings.out)
    with engine(settings, progress) as its:
        gathered = gather(settings, progress, its.look)
        return conclude(gathered, settings, progress, started)


@dataclass(frozen=True)
class Gathered:
    """All that the answers are computed from: faces acquired, people told apart, copies taken out."""

    sources: Mapping[Role, Source]
    decisions: Mapping[Role, Decision]
    recogniser: Recogniser
    tables: Mapping[Role, Embedded]
    pairs: list[SamePicture]
    names_known: bool
    crowds: Peopled
    copied: CopyMatches
    others: Embedded
    """The generated samples that are no copies."""
    views: tuple[View, ...]
    """All this as each recogniser sees it, `recogniser` first."""
    attacks: tuple[Attack, ...]
    """The nearest sample first."""


def gather(settings: Settings, progress: Progress, look: Look | None = None) -> Gathered:
    """Acquire -> embed -> match. `look`: how photos are looked at; default: in threads of this machine."""
    look = look or in_threads(settings.threads)
    attacks = chosen(settings.more_attacks, has_reference=settings.reference is not None)
    names = (settings.recogniser, *settings.more_recognisers)
    recogniser, *more = open_recognisers(names, settings.cache)
    sources = open_sources(settings, progress)
    decisions = decide(sources, settings, progress)
    tables = acquire(sources, decisions, recogniser, settings, progress, look)
    generated = tables["generated"]
    people_tables: dict[Role, Embedded] = {role: table for role, table in tables.items() if role != "generated"}

    progress.say("looking for the same picture in two roles, and for copies")
    pairs = same_pictures(people_tables)
    kept = without(people_tables, pairs)
    names_known = all(has_names(sources[role]) for role in people_tables if role != "reference")
    crowds = find_people(kept, named=names_known, seed=settings.seed)
    copied = find_copies(crowds.training, crowds.heldout, generated, progress, settings.threads)
    others = generated.take(np.flatnonzero(~copied.is_copy))

    views = [_view(recogniser, crowds, others)]
    for another in more:
        progress.say(f"the same people and samples by {another.id}")
        again = acquire(sources, decisions, another, settings, progress, look)
        views.append(_view(another, seen_again(crowds, again), again["generated"].of(others.photos)))
    return Gathered(
        sources, decisions, recogniser, tables, pairs, names_known, crowds, copied, others, tuple(views), attacks
    )


def _view(recogniser: Recogniser, crowds: Peopled, samples: Embedded) -> View:
    reference = None if crowds.reference is None else crowds.reference.reference()
    return View(recogniser.id, crowds.training, crowds.unseen, crowds.heldout, photos_of(samples), reference)


def conclude(gathered: Gathered, settings: Settings, progress: Progress, started: float) -> Findings:
    """Attack -> estimate -> judge; with `out`, written down.

    `started`: `time.monotonic()` when the audit began.
    """
    crowds, copied, others = gathered.crowds, gathered.copied, gathered.others
    training, heldout = crowds.training, crowds.heldout
    samples, generated = others.embeddings, gathered.tables["generated"]
    views, attacks, seed = gathered.views, gathered.attacks, settings.seed
    scorers = [view.scorers(attacks) for view in views]
    show_names = settings.show_names and gathered.names_known
    labels = Labels(training.people.names if show_names else pseudonyms(training), show_names)
    source_names = {role: source.name for role, source in gathered.sources.items()}

    progress.say("scoring people against the samples")
    named = agreed([name_people(view, its, settings.level) for view, its in zip(views, scorers, strict=True)])
    shown, similarity = likenesses(named, samples)
    answer_1 = agreed_membership(
        [
            membership(view.training, view.unseen, view.heldout, its, seed)
            for view, its in zip(views, scorers, strict=True)
        ]
    )
    baseline = split_baseline(training, heldout, seed)
    answer_2 = naming(named, len(heldout.people))
    answer_3 = resemblance(training, heldout, samples, n_likenesses=int((shown >= 0).sum()))
    answer_4 = copies(copied, heldout)
    answer_5 = dose(training, heldout, scorers[0][0], labels.people, named.exposed)
    answer_6 = missed(views, attacks, named, seed)
    answer_7 = trust(training, heldout, answer_3.threshold, gathered.recogniser, source_names, seed)
    data = describe(
        gathered.sources, gathered.decisions, gathered.tables, gathered.pairs, crowds, show_names=show_names
    )
    judgement = judge(
        naming=answer_2,
        copies=answer_4,
        membership=answer_1,
        split_baseline=baseline,
        missed=answer_6,
        trust=answer_7,
        data=data,
    )

    findings = Findings(
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        because=judgement.because,
        cautions=judgement.cautions,
        names_shown=show_names,
        people=people_table(named, training, labels, others),
        samples=samples_table(shown, similarity, training, heldout, generated, copied, labels, seed),
        membership=answer_1,
        second_opinions=second_opinions(views, attacks, scorers, settings.level),
        split_baseline=baseline,
        naming=answer_2,
        resemblance=answer_3,
        copies=answer_4,
        dose=answer_5,
        missed=answer_6,
        trust=answer_7,
        data=data,
        signature=sign(
            settings,
            gathered.recogniser.id,
            attacks[0].id,
            gathered.sources,
            gathered.tables,
            time.monotonic() - started,
        ),
    )
    if settings.out is not None:
        findings.write(settings.out / "findings.json")
        pictures = exhibits(gathered.sources, training, generated, named, shown, copied, labels)
        write_report(findings, pictures, settings.out, settings.show_faces)
    return findings
