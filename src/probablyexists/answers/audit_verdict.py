"""The rules for the verdict, fixed before any data is read. We never write "private" or "safe".

leak           chance cannot explain the copies; or somebody is named at the verdict's own level; or members as a group
               score above strangers, and the split is shown to be fair
inconclusive   none of these, but something was found that is too little for a leak, or the audit could not have noticed
               a serious leak, or what it was given does not bear a clearance
no evidence    nothing was found, and a serious leak would have been: 10 % of the members as clear as a photo, or an
               AUROC of 0.60 over all of them (power 80 %), in at least 1,000 distinct samples that show faces

If nothing leaks and the split is fair, a leak is found in at most 5 % of audits: 3 % by naming
(`comparisons.VERDICT_LEVEL`), 0.5 % by each of two group tests, 1 % by copies. Without names it may be more by the
group test, where one person is several groups of faces. docs/results/nulls.md has what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.answers.comparisons import SUGGESTIVE_LEVEL
from probablyexists.answers.set_aside import losses
from probablyexists.answers.trust import WORST_FNMR
from probablyexists.answers.verdict_cautions import cautions_of, unequal_counts
from probablyexists.basis.text import one_in
from probablyexists.results.findings import (
    Affected,
    Copies,
    Data,
    Membership,
    Missed,
    Naming,
    Sampling,
    SplitBaseline,
    Trust,
    Verdict,
)
from probablyexists.stats.estimate import Estimate, Unresolvable

GROUP_P = 0.005
"""One-sided significance level of the group test that makes a leak, for seen and for unseen photos each."""
USUAL_LEVEL = 0.05
"""False discovery rate of the names above which the sentence says what share may be wrong."""
LARGEST_MISSED = 0.10
"""A leak of this share of the members must be detectable for "no evidence"."""
LARGEST_DIFFUSE = 0.60
"""A leak of this AUROC over all members must be detectable for "no evidence"."""
LEAST_SAMPLES = 1000
"""Distinct samples for "no evidence", at least."""
LEAST_FACES = 0.50
"""Share of the samples with a detectable face for "no evidence", at least."""


@dataclass(frozen=True)
class Judgement:
    """The verdict, its sentence, the rules that fired, and what limits it."""

    verdict: Verdict
    sentence: str
    because: list[str]
    cautions: list[str]


def judge(
    *,
    affected: Affected,
    naming: Naming,
    copies: Copies,
    membership: Sequence[Membership],
    split_baseline: SplitBaseline,
    missed: Missed,
    sampling: Sampling,
    trust: Sequence[Trust],
    data: Data,
) -> Judgement:
    """Apply the rules."""
    tested = [answer for answer in membership if answer.copies == "out" and answer.p is not None]
    because = _copies_leak(copies) + _names_leak(naming, data) + _group_leak(tested, split_baseline)
    lost = losses(data.roles)
    cautions = cautions_of(copies, split_baseline, naming, trust, data) + lost.slight
    unfair = split_baseline.fairness == "not fair"
    found = [] if unfair else _too_little(naming, copies, tested, split_baseline)
    limits = _unfair(split_baseline) + few_distinct(sampling) + few_faces(sampling) + _weak(trust) + lost.grave
    blind = [] if unfair else _blind(missed)
    if because:
        others = [] if unfair else _others_missed(missed)
        return Judgement("leak", _leak_sentence(affected, naming, copies), because, limits + cautions + others)
    if obstacles := found + limits + blind:
        return Judgement("inconclusive", _cannot_tell(naming), obstacles, cautions)
    assert not isinstance(missed.power, Unresolvable)
    smallest, members = missed.power.smallest, f"{naming.n_members:,} members{data.of_members_given}"
    return Judgement(
        "no evidence",
        f"No evidence of a leak at this power: a leak of at least {smallest:,} of {members}, each as clear as a photo, "
        "would probably have been noticed; a smaller leak might be missed.",
        [
            f"nobody is named at a false discovery rate of {100 * SUGGESTIVE_LEVEL:g} %, there are no more copies than "
            "chance explains, and members as a group are not shown to score above strangers",
            f"{smallest:,} exposed of {members} would have been noticed in 80 % of cases, and so would an AUROC of "
            f"{missed.smallest_auroc:.2f} over all of them",
            f"{sampling.n_distinct:,} distinct samples were looked at: faces that fewer than "
            f"{one_in(sampling.unseen_rate)} samples show can be missing from them",
        ],
        cautions,
    )


def _copies_leak(copies: Copies) -> list[str]:
    if not copies.beyond_chance:
        return []
    n, verb = copies.n_copies, "reproduces" if copies.n_copies == 1 else "reproduce"
    n_certain = n if copies.n_certain is None else copies.n_certain
    sure = f", {n_certain:,} of them certainly and {n - n_certain:,} probably" if 0 < n_certain < n else ""
    probably = "" if n_certain else "probably "
    repeats = f" ({copies.n_distinct:,} distinct)" if copies.n_distinct < n else ""
    return [f"{n:,} of {copies.n_samples:,} samples{repeats} {probably}{verb} a training photo{sure}"]


def _names_leak(naming: Naming, data: Data) -> list[str]:
    if not naming.n_for_verdict:
        return []
    n, verb = naming.n_for_verdict, "is" if naming.n_for_verdict == 1 else "are"
    rate = f"{100 * naming.verdict_level:.0f} %"
    return [
        f"{n:,} of {naming.n_members:,} members{data.of_members_given} {verb} named at a false discovery rate of "
        f"{rate}, the expected share of wrong names"
    ]


def _group_leak(tested: Sequence[Membership], split: SplitBaseline) -> list[str]:
    """A group difference that a difference between the sources does not explain, as far as the baselines can tell."""
    if split.fairness != "fair" or unequal_counts(split):
        return []
    return [
        f"judged by their {answer.population}, members as a group score above strangers ({_p(answer.p)})"
        for answer in tested
        if answer.p is not None and answer.p <= GROUP_P and not _explained(answer, split)
    ]


def _explained(answer: Membership, split: SplitBaseline) -> bool:
    """Whether an attacker who never sees the generator does about as well."""
    return any(
        isinstance(baseline, Estimate)
        and isinstance(answer.auroc, Estimate)
        and (
            (baseline.low > 0.5 and answer.auroc.low <= baseline.high)
            or (baseline.value > 0.5 and answer.auroc.low <= baseline.value)
        )
        for baseline in (split.auroc, split.same_attack)
    )


def _p(p: float) -> str:
    return f"p = {p:.1g}" if p >= 0.001 else "p < 0.001"


def _leak_sentence(affected: Affected, naming: Naming, copies: Copies) -> str:
    parts = []
    copied = _reproduces(copies)
    if affected.n and (naming.n_for_verdict or affected.n_copied):
        parts.append(_gives_away(affected, naming))
        if copies.beyond_chance:
            parts.append(copied)
    elif copies.beyond_chance:
        parts.append(copied)
    elif naming.n_for_verdict:
        parts.append("gives away people it was trained on, though nobody is named at the level asked for")
    else:
        who = (
            f"nobody is named at the {100 * naming.verdict_level:g} % that this asks for"
            if affected.n
            else "nobody can be named"
        )
        parts.append(f"gives its training people away as a group, though {who}")
    return f"This generator {' and '.join(parts)}."


def _gives_away(affected: Affected, naming: Naming) -> str:
    """Names that the verdict does not count are people who may be given away: copies alone stand for the others."""
    n = affected.n if naming.n_for_verdict else affected.n_copied
    said = f"gives away {n:,} {'person' if n == 1 else 'people'} it was trained on"
    if naming.n_for_verdict or n == affected.n:
        return f"{said}{_at_which_level(naming)}"
    return f"{said} and may give away {affected.n - n:,} more{_at_which_level(naming)}"


def _reproduces(copies: Copies) -> str:
    """With how sure it is."""
    n = copies.n_copies
    n_certain = n if copies.n_certain is None else copies.n_certain
    if not n_certain:
        return f"probably reproduces training photos in {n:,} {'sample' if n == 1 else 'samples'}"
    more = f", and probably in {n - n_certain:,} more" if n_certain < n else ""
    return f"reproduces training photos in {n_certain:,} {'sample' if n_certain == 1 else 'samples'}{more}"


def _at_which_level(naming: Naming) -> str:
    """Said with the number of people, where other people are named at the level asked for than at the verdict's, or
    more of the names may be wrong than the verdict allows by far."""
    n, strong = naming.n_exposed, naming.n_for_verdict
    if not n:
        return ""
    said = []
    if naming.level > USUAL_LEVEL:
        said = [f"of the names, at most {100 * naming.level:g} % are expected to be wrong, as asked for"]
    if strong != n:
        said.append(
            f"{n:,} named at {100 * naming.level:g} %, {f'{strong:,}' if strong else 'none'} at the "
            f"{100 * naming.verdict_level:g} % that the verdict asks for"
        )
    return f" ({'; '.join(said)})" if said else ""


def _cannot_tell(naming: Naming) -> str:
    """The sentence of an inconclusive audit: people who are named on the page are not passed over."""
    if not naming.n_exposed:
        return "This audit cannot tell whether the generator gives away people it was trained on."
    n = "1 member is" if naming.n_exposed == 1 else f"{naming.n_exposed:,} members are"
    return (
        f"{n} named, but not as surely as the verdict asks for: this audit cannot tell whether the generator gives "
        "away people it was trained on."
    )


def _too_little(naming: Naming, copies: Copies, tested: Sequence[Membership], split: SplitBaseline) -> list[str]:
    """What was found, but is not enough for a leak."""
    found = []
    if naming.n_suggestive:
        n = "1 member is" if naming.n_suggestive == 1 else f"{naming.n_suggestive:,} members are"
        found.append(
            f"{n} named at a false discovery rate of {100 * SUGGESTIVE_LEVEL:g} %, but nobody at the "
            f"{100 * naming.verdict_level:g} % that the verdict asks for"
        )
    if copies.p is not None and copies.p <= SUGGESTIVE_LEVEL:
        found.append(
            f"{copies.n_copies:,} samples look like copies of training photos, more than chance explains well "
            f"({_p(copies.p)}), but too few for a leak"
        )
    for answer in tested:
        if answer.p is not None and answer.p <= SUGGESTIVE_LEVEL:
            found.append(
                f"judged by their {answer.population}, members as a group score above strangers "
                f"({_p(answer.p)}), {_why_no_leak(answer, split)}"
            )
    return found


def _why_no_leak(answer: Membership, split: SplitBaseline) -> str:
    """Why a difference between the groups is no leak: the first of the rules that it fails."""
    if answer.p is not None and answer.p > GROUP_P:
        return f"which is too little for a leak (p = {GROUP_P:g} or less is)"
    if unequal_counts(split):
        return "but the two groups have very different numbers of photos, which may explain it"
    if split.fairness != "fair":
        known = [figure for figure in (split.auroc, split.same_attack) if isinstance(figure, Estimate)]
        if any(figure.low > 0.5 for figure in known):
            return "but they do so without the generator too, and there are too few people to tell by how much"
        return "but there are too few people to tell whether they would without the generator"
    return "but about as much as they do without the generator"


def _unfair(split: SplitBaseline) -> list[str]:
    if split.fairness == "not fair":
        return [
            "members and held-out people can be told apart without the generator: the split was not random, so nobody "
            "is named; draw the held-out people at random from the same source as the members and audit again"
        ]
    return []


def few_distinct(sampling: Sampling) -> list[str]:
    """Said if there are too few distinct samples for "no evidence"."""
    if sampling.n_distinct >= LEAST_SAMPLES:
        return []
    few = "1 distinct sample is" if sampling.n_distinct == 1 else f"{sampling.n_distinct:,} distinct samples are"
    return [
        f"{few} too few: faces that fewer than {one_in(sampling.unseen_rate)} samples show can be missing from them; "
        f"draw at least {LEAST_SAMPLES:,}"
    ]


def few_faces(sampling: Sampling) -> list[str]:
    """Said if too few samples hold a face for "no evidence"."""
    if isinstance(sampling.with_face, Unresolvable):
        return [f"it could not be measured whether the samples show faces: {sampling.with_face.reason}"]
    if sampling.with_face.value >= LEAST_FACES:
        return []
    share = f"only {100 * sampling.with_face.value:.0f} %" if sampling.with_face.value >= 0.005 else "almost none"
    if not sampling.with_face.value:
        share = "none"
    return [
        f"a face can be detected in {share} of the samples: the generator makes no "
        "faces, its pictures were read wrongly (their range, their latents), or faces are too small or too blurred; "
        "look at the samples"
    ]


def _others_missed(missed: Missed) -> list[str]:
    """Beside a leak: how many more there may be, in one line."""
    power = missed.power
    if isinstance(power, Unresolvable):
        return [f"others may have been missed; how many could not be measured: {power.reason}"]
    if power.smallest is None:
        return ["others may have been missed: even of a leak of all members, this audit would rarely name anybody"]
    if power.smallest > 1 and power.smallest > LARGEST_MISSED * power.n_members:
        return [
            "others may have been missed: this audit can be relied on to name somebody only if at least "
            f"{power.smallest:,} of {power.n_members:,} members leak as clearly as a photo"
        ]
    return []


def _blind(missed: Missed) -> list[str]:
    """Leaks that would not have been noticed."""
    found = []
    power = missed.power
    if isinstance(power, Unresolvable):
        found.append(f"the power of this audit could not be measured: {power.reason}")
    elif power.smallest is None:
        found.append("even if every member leaked, this audit would probably have noticed nothing")
    elif power.smallest > 1 and power.smallest > LARGEST_MISSED * power.n_members:
        found.append(
            f"only a leak of at least {power.smallest:,} of {power.n_members:,} members would have been noticed"
        )
    if missed.smallest_auroc is None:
        found.append("no leak spread over all members would have been noticed")
    elif missed.smallest_auroc > LARGEST_DIFFUSE:
        found.append(
            "a leak spread over all members would have been noticed only from an AUROC of "
            f"{missed.smallest_auroc:.2f}; more members or held-out people would show a smaller one"
        )
    return found


def _weak(trust: Sequence[Trust]) -> list[str]:
    """Said if a recogniser that judges is too weak for these faces: then all are."""
    return [
        f"the recogniser misses {100 * rates.fnmr.value:.0f} % of true matches here"
        for one in trust
        if one.judges
        for rates in one.rates
        if rates.kind == "fmr-1-percent" and isinstance(rates.fnmr, Estimate) and rates.fnmr.value > WORST_FNMR
    ]
