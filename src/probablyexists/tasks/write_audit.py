"""What an audit writes: its findings, the report, and what a later audit is compared with; all at once, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from probablyexists.answers.comparisons import Comparison, comparisons
from probablyexists.answers.judges import Judge
from probablyexists.answers.looking_rows import nearest_table, photos_table, scale_of
from probablyexists.answers.naming import Named
from probablyexists.answers.nearest_rows import Called, nearest_rows
from probablyexists.answers.rows import Labels
from probablyexists.basis.progress import Progress
from probablyexists.intake.output_folder import written_together
from probablyexists.intake.people import pseudonyms
from probablyexists.intake.sample_names import path_on_disk, paths_on_disk
from probablyexists.intake.settings import AuditSettings
from probablyexists.report.again_texts import again_cautions, again_sentence
from probablyexists.report.contact import contact_sheet
from probablyexists.report.exhibits import exhibits
from probablyexists.report.page import write_report
from probablyexists.results.findings import Again, Findings
from probablyexists.results.looking_files import write_looking
from probablyexists.results.neighbours_file import write_neighbours
from probablyexists.results.scale import LikenessScale
from probablyexists.tasks.export import say_what_is_left
from probablyexists.tasks.gather import Gathered

_LONG = 16
"""Digits of a pseudonym: the same in two audits whoever else is in them."""


def _neighbours(gathered: Gathered, judge: Judge, compared: Sequence[Comparison] | None, labels: Labels) -> pa.Table:
    """What is kept to compare this audit with another; `compared`: the judge's comparisons, where they are known.

    Held-out people who do not judge are in it, so that members are compared on as many photos as in the other audit.
    """
    training, heldout = gathered.crowds.training, gathered.crowds.heldout
    if gathered.crowds.all_heldout is not None and judge is gathered.judges[0]:
        heldout, compared = gathered.crowds.all_heldout, None
        judge = replace(judge, crowds={**judge.crowds, "heldout": heldout})
    if compared is None:
        compared = comparisons(judge.view, len(gathered.attacks))
    called = Called(
        pseudonyms(training, labels.salt, _LONG),
        pseudonyms(heldout, labels.salt, _LONG),
        frozenset(gathered.crowds.design),
    )
    return nearest_rows(judge, compared, gathered.copied, called, labels)


def _looked_at(
    gathered: Gathered, main: Judge, named: Named, findings: Findings, labels: Labels, on_disk: Mapping[str, str]
) -> tuple[pa.Table, pa.Table, LikenessScale]:
    """What `show` needs: who is nearest to each sample, where the photos are, and what cosines mean."""
    crowds, training = gathered.crowds, main.view.training
    nearest = nearest_table(
        main.generated, named, gathered.copied, training, findings.people, labels, on_disk, gathered.matcher
    )
    strangers = pseudonyms(crowds.heldout, labels.salt, _LONG)
    photos = photos_table(
        training,
        labels.people,
        crowds.unseen,
        crowds.heldout,
        strangers,
        lambda role, path: path_on_disk(gathered.sources[role], path),
    )
    return nearest, photos, scale_of(main.view.heldout, findings.trust[0].photos)


def write_audit(
    findings: Findings,
    gathered: Gathered,
    settings: AuditSettings,
    main: Judge,
    named: Named,
    shown: NDArray[np.intp],
    labels: Labels,
    looking: AbstractContextManager[Again | None] | None,
    progress: Progress,
) -> Findings:
    """The findings as they are written to `settings.out`.

    `main`: who judges; `named`, `shown`: its people, and whom each sample shows. `looking`: as in `conclude`.
    """
    assert settings.out is not None
    samples, generated = gathered.sources["generated"], main.generated
    faces = settings.show_faces
    pictures = exhibits(
        gathered.sources, main.view.training, generated, named, shown, gathered.copied, labels, show_faces=faces
    )
    sheet = contact_sheet(samples, gathered.seen.of_drawn, labels, show_faces=faces)
    first = next(one for one, rates in zip(gathered.judges, findings.trust, strict=True) if rates.judges)
    near = _neighbours(gathered, first, named.comparisons if first is main else None, labels)
    on_disk = paths_on_disk(samples, labels.samples)
    looked_at = _looked_at(gathered, main, named, findings, labels, on_disk)
    with looking or nullcontext() as again:
        if again is not None:
            sentence = again_sentence(again, findings.sentence)
            cautions = [*again_cautions(again), *findings.cautions]
            findings = findings.model_copy(update={"again": again, "sentence": sentence, "cautions": cautions})
        with written_together(settings.out) as folder:
            beside = write_neighbours(folder, near, first.recogniser, len(generated))
            findings = findings.model_copy(update={"neighbours": beside})
            findings.write(folder)
            write_looking(folder, *looked_at)
            write_report(findings, pictures, folder, faces, on_disk, sheet)
    say_what_is_left(settings.out, progress)
    return findings
