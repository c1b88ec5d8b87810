"""The whole method on one page: embed -> match -> attack -> estimate -> judge.

Follows Webster, Rabin, Simon & Jurie, "This Person (Probably) Exists. Identity Membership Attacks Against GAN
Generated Faces" (arXiv 2107.06018).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from probablyexists.answers.affected import affected
from probablyexists.answers.audit_verdict import GROUP_P, judge
from probablyexists.answers.by_group import group_findings
from probablyexists.answers.copying import copies
from probablyexists.answers.dose import dose
from probablyexists.answers.judges import deciding, who_judges
from probablyexists.answers.look_alikes import look_alikes
from probablyexists.answers.membership import agreed_membership, membership, membership_with_copies
from probablyexists.answers.missed import missed
from probablyexists.answers.naming import agreed, likenesses, name_people, naming, nobody, unjudged_likenesses
from probablyexists.answers.resemblance import resemblance
from probablyexists.answers.rows import Labels, people_table, samples_table
from probablyexists.answers.sampling import curve, face_variety, sampling
from probablyexists.answers.second_opinions import second_opinions
from probablyexists.answers.split_baseline import split_baseline
from probablyexists.answers.trust import trust
from probablyexists.attacks.attack import Attack
from probablyexists.basis.progress import Progress, Silent
from probablyexists.embeddings.pictures import taken
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.engines.choose import engine
from probablyexists.generators.generator import Generator
from probablyexists.intake.open_sources import about_sources, share_refused
from probablyexists.intake.output_folder import claim_folder
from probablyexists.intake.people import pseudonyms
from probablyexists.intake.provenance import describe, sign
from probablyexists.intake.sample_names import sample_names
from probablyexists.intake.settings import AuditSettings, checked
from probablyexists.matching.repeats import standing
from probablyexists.results.findings import Again, Findings
from probablyexists.tasks.gather import Gathered, gather
from probablyexists.tasks.write_audit import write_audit


def audit(
    training: str | Path,
    heldout: str | Path,
    generated: str | Path | Generator | Callable[..., Any],
    *,
    unseen: str | Path | None = None,
    reference: str | Path | None = None,
    groups: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    faces: Literal["auto", "detect", "aligned"] = "auto",
    recogniser: str | Recogniser = "dlib",
    feed: str | None = None,
    more_recognisers: Sequence[str | Recogniser] = (),
    consensus: Literal["joint", "strict"] = "joint",
    more_attacks: Sequence[str | Attack] = (),
    flat: bool = False,
    level: float = 0.05,
    samples: int | None = None,
    trust_pickle: bool = False,
    latent_shape: str | int | Sequence[int] | None = None,
    picture_range: str | Sequence[float] | None = None,
    picture_seconds: float = 25.0,
    show_names: bool = False,
    show_faces: bool = False,
    title: str | None = None,
    model: str | None = None,
    owner: str | None = None,
    assessor: str | None = None,
    confidential: bool = False,
    seed: int = 0,
    threads: int | None = None,
    memory: float = 2.0,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Audit a generator's samples for the people it was trained on.

    Parameters
    ----------
    training, heldout, unseen, reference
        Photos: one folder a person, an archive, a manifest, or photos without names. `heldout`: people the generator
        never saw, drawn from the same source. `unseen`: other photos of the training people. `reference`: other
        people, for attacks that learn from them.
    groups
        A CSV or Parquet table of person, group; or a column `group` in a manifest. Figures are given by group too, and
        people are named within their group where it has enough held-out people.
    generated
        A folder, zip, tar or table of samples; or the generator: the path of a file or folder, `"module:function"`,
        or an object (a `Generator`, a `torch.nn.Module`, a function from seeds to images).
    out
        Folder for `findings.json`, `samples.parquet`, `neighbours.parquet`, `report.html` and `withhold.txt`;
        `overwrite` replaces a result in it.
    faces
        How faces are cropped: `"detect"`, `"aligned"` (the images are face crops), or `"auto"`.
    recogniser, more_recognisers
        A name, the path of an .onnx file, `"module:Name"`, or an object.
    feed
        How the .onnx file of `recogniser` is fed, such as `"RGB,-1..1"`, `"BGR,0..255"` or `"facenet"`; by default as
        its hash says, or as tried on the people given.
    consensus
        How several recognisers judge: `"joint"`, as one whose similarities are the weighted mean of theirs; or
        `"strict"`, each alone, and people are named only where all agree.
    more_attacks
        Extra attacks: names, `"module:Name"` or objects. p-values are corrected for picking the best.
    flat
        Folders are not people: the photos have no names, and people are groups of similar faces.
    level
        False discovery rate allowed among the people named, 0 to 1.
    samples
        Pictures to draw from a generator; default: 10,000.
    trust_pickle
        Allow a generator file that runs code when it is opened.
    latent_shape
        Shape of one latent of a TorchScript or .pt2 file, such as 512 or (4, 8, 8), if no .json file beside it says so.
    picture_range
        The values of black and white in the generator's pictures, such as (-1, 1) or (0, 1); default: taken from the
        first pictures.
    picture_seconds
        Longest time for the first picture of a generator that is a file, which runs in a process of its own.
    show_names, show_faces
        Show names and paths instead of pseudonyms and numbers, and faces instead of outlines.
    title, model, owner, assessor, confidential
        For the first page of the report, and the foot of each page: what it is called, the generator and its version,
        who answers for it, who made the audit (one line each, at most 120 characters), and a mark on each page.
    seed
        Seed for all random choices.
    threads, memory, engine, ray_address, cache
        Resources to use (`memory`: GiB for matching, and for a generator beside its weights); they change no figure.

    Raises
    ------
    InputError
        One line, for anything that cannot be audited.
    """
    given = locals()
    return run(checked(AuditSettings, given), progress or Silent())


def run(settings: AuditSettings, progress: Progress) -> Findings:
    """Run `audit` with checked settings."""
    started = time.monotonic()
    claim_folder(settings)
    with engine(settings.resources, progress) as work:
        return conclude(gather(settings, work, progress), settings, progress, started)


def conclude(
    gathered: Gathered,
    settings: AuditSettings,
    progress: Progress,
    started: float,
    looking: AbstractContextManager[Again | None] | None = None,
) -> Findings:
    """Attack -> estimate -> judge; write to `settings.out`, if any. `started`: `time.monotonic()` at the start.

    `looking`: is entered to write the result, and gives what the audit has to do with an earlier one.
    """
    progress.say("scoring people against the samples")
    crowds, copied, attacks, seed = gathered.crowds, gathered.copied, gathered.attacks, settings.seed
    show_names = settings.show_names and crowds.clusters is None
    salt, sample_of = gathered.salt, sample_names(gathered.sources, show_names=settings.show_names)
    names = crowds.training.people.names if show_names else pseudonyms(crowds.training, salt)
    labels = Labels(names, show_names, sample_of, salt)
    source_names = {role: source.name for role, source in gathered.sources.items()}

    every = gathered.judges
    with_each = zip(every, gathered.recognisers, strict=True)
    error_rates = who_judges([trust(one.view, recogniser, source_names, seed) for one, recogniser in with_each])
    main, *also = deciding(every, error_rates, strict=settings.consensus == "strict")
    view, others, generated = main.view, main.others, main.generated
    training, heldout = view.training, view.heldout
    views = [view, *(one.view for one in also)]
    scorers = [one.scorers(attacks) for one in views]
    nearest = scorers[0][0]
    by_recogniser = [name_people(one, its, settings.level) for one, its in zip(views, scorers, strict=True)]
    named = agreed(by_recogniser)
    can_tell = [
        *agreed_membership(
            [
                membership(one.training, one.unseen, one.heldout, its, seed)
                for one, its in zip(views, scorers, strict=True)
            ]
        ),
        *membership_with_copies(main, attacks, seed),
    ]
    baseline = split_baseline(view, nearest, named, GROUP_P, seed)
    fair = baseline.fairness != "not fair"
    named = named if fair else nobody(named)
    shown, similarity = likenesses(named, others.embeddings)
    who = naming(named, len(heldout.people))
    kinds = look_alikes(named, nearest, seed, by_name=crowds.clusters is None) if fair else []
    distinct = taken(generated.embeddings, copied.others)
    which = resemblance(training, heldout, distinct, n_likenesses=int((shown >= 0).sum()))
    copy_count = copies(copied, heldout, fair=fair)
    unsure = unjudged_likenesses(named, others.embeddings, which.threshold, gathered.matcher)
    reasons = affected(training, named.exposed, copied, copy_count)
    could_miss = missed(views, attacks, named, GROUP_P, seed)
    n_distinct = len(standing(copied.picture))
    seen = gathered.seen
    how_much = sampling(
        len(generated),
        n_distinct,
        seen.share,
        curve(views, by_recogniser, seed) if fair else [],
        face_variety(generated.embeddings, heldout.table.embeddings),
        share_refused(gathered.sources["generated"]),
    )
    data = describe(
        gathered.sources,
        settings.faces,
        gathered.tables,
        gathered.pairs,
        crowds,
        salt=salt,
        n_distinct=n_distinct,
        show_names=show_names,
    )
    judgement = judge(
        affected=reasons.count,
        naming=who,
        copies=copy_count,
        membership=can_tell,
        split_baseline=baseline,
        missed=could_miss,
        sampling=how_much,
        trust=error_rates,
        data=data,
    )

    said = [*gathered.feeding, *about_sources(gathered.sources, flat=settings.flat), *gathered.groups.said]
    findings = Findings(
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        because=judgement.because,
        cautions=[*judgement.cautions, *kinds, *said],
        names_shown=show_names,
        samples_numbered=bool(sample_of),
        people=people_table(named, reasons, training, labels, others, gathered.groups.of),
        samples=samples_table(
            shown,
            similarity,
            unsure,
            training,
            heldout,
            generated,
            others,
            copied,
            labels,
            gathered.contents,
            seed,
            gathered.matcher,
        ),
        affected=reasons.count,
        membership=can_tell,
        second_opinions=second_opinions(
            view,
            attacks,
            scorers[0],
            [one.view for one in every if one is not main],
            settings.level,
            seed,
            claimed=fair,
        ),
        split_baseline=baseline,
        naming=who,
        resemblance=which,
        copies=copy_count,
        dose=dose(training, heldout, nearest, labels.people, named.exposed),
        missed=could_miss,
        sampling=how_much,
        trust=error_rates,
        groups=group_findings(view, nearest, named, trust(view, gathered.recognisers[0], source_names, seed), seed),
        data=data,
        signature=sign(settings, gathered.recognisers[0].id, attacks[0].id, gathered.sources, gathered.tables, started),
        cover=settings.cover,
    )
    if settings.out is None:
        return findings
    return write_audit(findings, gathered, settings, main, named, shown, labels, looking, progress)
