"""Two audits of the same people on one page: read -> pool the samples -> deal them again -> judge.

Did a mitigation reduce what the samples give away? Only people in both audits, seen by the same recogniser, are
compared. Null, selection and verdict: `answers.changes`, `answers.change_verdict`, decision 0037.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from probablyexists.answers.change_cautions import about_level, cautions
from probablyexists.answers.change_figures import auroc, costs, people, sets
from probablyexists.answers.change_verdict import FREE, LEVEL, judge
from probablyexists.answers.changes import Comparing, n_deals
from probablyexists.answers.halving import power_of_halving
from probablyexists.answers.pooled_samples import Rows, pooled
from probablyexists.answers.same_people import same_people
from probablyexists.basis.errors import InputError, option
from probablyexists.basis.files import write_text
from probablyexists.basis.plain_files import MOST_JSON, read_plain
from probablyexists.basis.progress import Progress, Silent
from probablyexists.guarding.likeness import WEIGHT
from probablyexists.intake.output_folder import claim_folder, written_together
from probablyexists.intake.provenance import sign_comparison
from probablyexists.intake.seen_samples import Seen
from probablyexists.intake.settings import CompareSettings, checked
from probablyexists.report.comparison_page import render_comparison
from probablyexists.results.comparison import Compared, Comparison, Filtered
from probablyexists.results.findings import Findings
from probablyexists.results.neighbours_file import read_neighbours
from probablyexists.results.reading_back import FINDINGS
from probablyexists.stats.estimate import Figure


def compare(
    before: str | Path,
    after: str | Path,
    *,
    people: str | Path | None = None,
    filtered: float | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    level: float | None = None,
    margin: float = 0.2,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two audits of the same people: is exposure reduced, worse, or is neither shown?

    Parameters
    ----------
    before, after
        Folders of two audits with the same members, held-out people, recogniser and settings; the samples of `after`
        are fresh.
    people
        A text file, a person a line as the first audit calls them: those treated, chosen before it was made. By default
        those affected in it; their selection is then made anew under the null.
    filtered
        Cosine from which a filter of members refused samples before the second audit: samples as similar to held-out
        people are then left out too. By default as the guard does, if the second audit was made with one that looks
        with the same recogniser.
    out
        Folder for `comparison.json` and `comparison.html`; `overwrite` replaces a result in it.
    level
        One-sided significance level of "reduced", and of "worse"; by default what `reaudit` left for this look, or
        0.025.
    margin
        Mean rise of the others' exposure, in standard deviations, up to which they count as no worse.
    seed
        Seed for the deals.

    Raises
    ------
    InputError
        One line, for audits that cannot be compared.
    """
    given = locals()
    return run(checked(CompareSettings, given), progress or Silent())


@dataclass(frozen=True)
class Audit:
    """An audit read back."""

    findings: Findings
    table: pa.Table
    rows: Rows


def read_audit(path: Path) -> Audit:
    """`findings.json` and `neighbours.parquet` of a folder. InputError without them."""
    folder = path if path.is_dir() else path.parent
    findings = Findings.read(path)
    table = read_neighbours(folder, findings)
    its = findings.neighbours
    assert its is not None
    return Audit(findings, table, Rows.of(table, its.n_samples, its.nearest))


def run(settings: CompareSettings, progress: Progress) -> Comparison:
    """Run `compare` with checked settings."""
    started = time.monotonic()
    claim_folder(settings)
    first, second = read_audit(settings.before), read_audit(settings.after)
    _refuse_other_settings(first.findings, second.findings)
    _refuse_wrong_order(first.findings, second.findings)
    before, after = same_people(first.rows, second.rows)
    _refuse_same_samples(first.findings, second.findings)
    level = first.findings.naming.level
    given = None if settings.people is None else _given(settings.people, before)

    spent = _level(settings, first.findings, second.findings)
    rule = _filter(settings, second.findings)
    kept, n_dropped = (after, 0) if rule is None else after.mirrored(*rule)
    claimed = None not in (first.findings.naming.n_exposed, second.findings.naming.n_exposed)
    comparing = Comparing(pooled(before, kept), level, given, claimed=claimed)
    for said in about_level(spent):
        progress.say(said)
    progress.say("dealing the samples of both audits again")
    dealt = comparing.dealt(settings.seed, n_deals(spent))
    changes = sets(comparing, dealt, settings.margin)
    n_after = max(1, kept.n_samples)
    power = power_of_halving(before, level, spent, settings.seed, n_after=n_after, given=given, claimed=claimed)
    judged = judge(changes, spent, power, _samples(settings, second.findings))
    actual = comparing.actual
    areas = auroc(comparing.pooled, actual.before), auroc(comparing.pooled, actual.after)
    filtered = None
    if rule is not None:
        unless = Comparing(pooled(before, after), level, given)
        filtered = Filtered(
            threshold=rule[0],
            n_dropped=n_dropped,
            auroc_unless_dropped=auroc(unless.pooled, unless.actual.after),
        )
    comparison = Comparison(
        verdict=judged.verdict,
        sentence=judged.sentence,
        because=judged.because,
        cautions=cautions(
            first.findings,
            second.findings,
            before,
            (first.rows.n_samples, second.rows.n_samples),
            change=actual,
            level=spent,
            not_worse=changes[1].not_worse,
            margin=settings.margin,
            power=power,
            area=areas[1],
            filtered=filtered is not None,
        ),
        level=spent,
        margin=settings.margin,
        treated_by="affected before" if given is None else "given",
        n_deals=len(dealt),
        power=power,
        before=_compared(first.findings, before, int(actual.before.affected.sum()), areas[0]),
        after=_compared(second.findings, kept, int(actual.after.affected.sum()), areas[1]),
        sets=changes,
        people=people(comparing),
        filtered=filtered,
        costs=costs(first.findings, second.findings, (before, after), (first.table, second.table)),
        signature=sign_comparison(settings, first.findings.signature, second.findings.signature, started),
    )
    if settings.out is not None:
        page = render_comparison(comparison)
        with written_together(settings.out) as folder:
            write_text(folder / "comparison.json", comparison.model_dump_json(indent=1) + "\n")
            write_text(folder / "comparison.html", page)
    return comparison


def _refuse_wrong_order(before: Findings, after: Findings) -> None:
    """InputError if the first is the second made again."""
    if before.again is not None and before.again.before == after.signature.data_fingerprint:
        raise InputError(
            "the first audit given is the second made again (reaudit); give the earlier audit first: probablyexists "
            "compare EARLIER LATER"
        )


def _refuse_other_settings(before: Findings, after: Findings) -> None:
    """InputError unless similarities of both audits mean the same."""
    assert before.neighbours is not None
    assert after.neighbours is not None
    told = [
        ("recogniser", before.neighbours.recogniser, after.neighbours.recogniser),
        *(
            (name, before.signature.settings.get(name), after.signature.settings.get(name))
            for name in ("faces", "feed")
        ),
    ]
    for name, ours, theirs in told:
        if ours != theirs:
            raise InputError(f"the audits differ in the {name}: {ours} and {theirs}; audit again with {ours}")


def _refuse_same_samples(before: Findings, after: Findings) -> None:
    """InputError if the second audit has samples of the first, unless reaudit has judged that."""
    if after.again is not None or before.data.sample_salt != after.data.sample_salt:
        return
    seen = Seen.of(after.samples["content"].combine_chunks(), before)
    if seen.is_reuse:
        raise InputError(
            f"{seen.n:,} of {after.samples.num_rows:,} samples of the second audit are in the first too, so that they "
            "say nothing new of the model; draw new ones (other seeds), and audit these; if these are new and the "
            "model gave the same pictures again, make the second audit with reaudit and say so "
            f"({option('drawn_anew', True)})"
        )


def _level(settings: CompareSettings, before: Findings, after: Findings) -> float:
    """As given, or what reaudit left for this look at the first audit."""
    if settings.level is not None:
        return settings.level
    again = after.again
    return again.level if again is not None and again.before == before.signature.data_fingerprint else LEVEL


def _filter(settings: CompareSettings, after: Findings) -> tuple[float, float] | None:
    """(threshold, what is taken off it) of the filter that the second audit's samples passed; None without one."""
    if settings.filtered is not None:
        return settings.filtered, 0.0
    guard = None if after.again is None else after.again.guard
    if guard is None or guard.threshold is None or not guard.judges_too:
        return None
    return guard.threshold, WEIGHT


def _samples(settings: CompareSettings, after: Findings) -> str:
    """What the second audit's samples are, in words."""
    again = after.again
    if again is not None and again.guard is not None:
        return "samples that passed the guard"
    if settings.filtered is not None:
        return "samples that passed the filter"
    return "selected samples" if again is not None and again.selection else FREE


def _given(path: Path, rows: Rows) -> NDArray[np.bool_]:
    """(n,) rows of the members named in the file. InputError for a name that no member has."""
    try:
        lines = read_plain(path, MOST_JSON).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(
            f"{option('people', path)}: cannot be read ({said}); give a text file, a person a line"
        ) from None
    asked = {line.strip() for line in lines if line.strip()}
    known = np.array(
        [
            member and bool({person, called} & asked)
            for member, person, called in zip(rows.is_member, rows.person, rows.called, strict=True)
        ],
        dtype=bool,
    )
    found = {name for i in np.flatnonzero(known) for name in (rows.person[i], rows.called[i])}
    if strange := sorted(asked - found):
        raise InputError(
            f"{option('people', path)}: {len(strange):,} names are of no member of the first audit, such as "
            f"{strange[0]!r}; write people as its findings call them ({FINDINGS}, people)"
        )
    if not asked:
        raise InputError(f"{option('people', path)}: names nobody; write a person a line")
    return known


def _compared(findings: Findings, rows: Rows, n_affected: int, area: Figure) -> Compared:
    return Compared(
        verdict=findings.verdict,
        n_samples=rows.n_samples,
        n_affected=n_affected,
        auroc=area,
        data_fingerprint=findings.signature.data_fingerprint,
        date=findings.signature.date,
    )
