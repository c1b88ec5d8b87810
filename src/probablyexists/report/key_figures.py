"""The numbers at the top of the report."""

from __future__ import annotations

from probablyexists.report import words
from probablyexists.report.copy_certainty import sure_copies
from probablyexists.results.findings import Findings
from probablyexists.stats.estimate import Unresolvable


def key_figures(findings: Findings) -> list[tuple[str, str, str]]:
    """Label, value and note of each. A figure that could not be had is a dash with the reason, never zero."""
    sampling = findings.sampling
    return [
        ("People affected", *_affected(findings)),
        _copies(findings),
        ("Smallest leak noticed", *_smallest(findings)),
        (
            "Distinct samples",
            words.count(sampling.n_distinct),
            f"faces that fewer than {words.one_in(sampling.unseen_rate)} samples show can be missing",
        ),
    ]


def _affected(findings: Findings) -> tuple[str, str]:
    affected, naming = findings.affected, findings.naming
    members = f"of {words.counted(naming.n_members, 'member')}{findings.data.of_members_given}"
    copied = sure_copies(findings).copied
    note = ""
    if naming.n_exposed is None:
        note = "no names are claimed: the split is not fair"
    elif not affected.n_named and naming.smallest_nameable > naming.n_members:
        note = "nobody can be named: too few held-out people"
    if note:
        return (words.count(affected.n), f"{copied}, {members}; {note}") if affected.n else ("—", note)
    return words.count(affected.n), f"{members}: {words.reasons(affected, copied)}" if affected.n else members


def _copies(findings: Findings) -> tuple[str, str, str]:
    copies, sure = findings.copies, sure_copies(findings)
    if not copies.n_samples:
        return "Copies", "—", "no sample shows a face, so none was compared"
    distinct = words.counted(copies.n_distinct, "distinct picture") + "; "
    some = copies.n_copies > copies.n_distinct
    chance = "; no more than chance explains" if copies.n_copies and not copies.beyond_chance else ""
    note = f"{distinct * some}of {words.counted(copies.n_samples, 'sample')}{chance}"
    if sure.n_probable and sure.n_certain:
        note += f"; {words.count(sure.n_certain)} certain, {words.count(sure.n_probable)} probable"
    what = "Probable copies" if sure.n_probable and not sure.n_certain else "Copies"
    return "Look like copies" if chance else what, words.count(copies.n_copies), note


def _smallest(findings: Findings) -> tuple[str, str]:
    power = findings.missed.power
    if findings.naming.n_exposed is None:
        return "—", "the split is not fair"
    if isinstance(power, Unresolvable):
        return "—", words.absent(power)
    if power.smallest is None or power.share is None:
        return "none", "not even if every member had leaked"
    people = "person" if power.smallest == 1 else "people"
    share, target = words.percent(power.share), words.percent(power.target)
    return words.count(power.smallest), f"{people} ({share} of members), in {target} of cases"
