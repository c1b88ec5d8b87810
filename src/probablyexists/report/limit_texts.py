"""Answers 6 and 7 as text: what was missed, and can the recognisers be trusted?"""

from __future__ import annotations

from probablyexists.answers.audit_verdict import LEAST_FACES, LEAST_SAMPLES
from probablyexists.report.answer_parts import Answer, Line, line
from probablyexists.report.charts import curve_chart
from probablyexists.report.words import (
    absent,
    count,
    counted,
    number,
    one_in,
    percent,
    recogniser,
)
from probablyexists.results.findings import CurvePoint, Findings, Sampling, Trust
from probablyexists.stats.estimate import Estimate, Unresolvable

LITTLE_MORE = 1.1
"""People named by all samples over those named by half, up to which more samples would tell little more."""
ALL = 0.995
"""Limit on a share from which it is no limit."""


def what_was_missed(findings: Findings) -> Answer:
    """Answer 6."""
    missed, sampling = findings.missed, findings.sampling
    unfair, others = findings.naming.n_exposed is None, findings.affected.n > 0
    power_lines, power_said = _power(findings)
    if unfair:
        limits = "With a fair split, this answer says how large a leak would have been noticed."
    else:
        limits = (
            "The planted leaks are real photos, added to the samples. A generator's likeness is rarely as sharp as a "
            f"photo, so this is the best case: {'others' if others else 'a real leak'} may have been missed."
        )
    said = [*power_said, _unseen(sampling)]
    if sampling.n_distinct < LEAST_SAMPLES:
        said.reverse()
    face = sampling.with_face
    faceless = isinstance(face, Estimate) and face.value < LEAST_FACES
    if isinstance(face, Estimate) and faceless:
        how_many = f"only {percent(face.value)}" if face.value else "none"
        said.insert(0, f"A face can be detected in {how_many} of the samples: look at them first.")
    detail = [] if unfair else [*leaked_share(findings), *_diffuse(findings)]
    if not unfair and not faceless:
        detail += _more_samples(sampling)
    lines = list(power_lines)
    share = missed.leaked_share
    if isinstance(share, Estimate):
        limit = f"at most {percent(share.high)}" if share.high < ALL else "no limit below all of them"
        basis = f"{percent(share.level)} limit, {counted(share.n, 'person', 'people')}"
        if not unfair:
            lines.append(Line("Members who leaked as clearly as a photo shows", limit, basis, method=share.method))
    elif not unfair:
        lines.append(Line("Members who leaked as clearly as a photo shows", absent(share), missing=True))
    if not unfair:
        smallest = missed.smallest_auroc
        label = "Smallest AUROC over all members found in 80 % of cases"
        lines.append(Line(label, "none" if smallest is None else number(smallest), "training photos, by person"))
    lines += [
        Line("Distinct samples", f"{count(sampling.n_distinct)} of {count(sampling.n_samples)}", "samples used"),
        Line("Can be missing from them", f"faces fewer than {one_in(sampling.unseen_rate)} samples show", "95 % limit"),
        line("Samples with a detectable face", sampling.with_face, True, unit=("sample", "samples")),
    ]
    more = [] if unfair else [one for point in sampling.curve for one in _point(point)]
    return Answer(
        "How much could we have missed?",
        " ".join(said),
        limits,
        lines,
        more,
        curve_chart(findings),
        " ".join(detail),
    )


def _power(findings: Findings) -> tuple[list[Line], list[str]]:
    """The smallest leak by likeness that is noticed."""
    power = findings.missed.power
    if findings.naming.n_exposed is None:
        return [], ["With an unfair split, nobody can be named, however clearly they leak."]
    if isinstance(power, Unresolvable):
        return (
            [Line("Smallest leak noticed", absent(power), missing=True)],
            [f"The smallest leak that this audit notices {absent(power)}."],
        )
    if power.smallest is None or power.share is None:
        smallest = "none, not even all members"
        said = "Possibly everything: even if every member had leaked, this audit might have named nobody."
    else:
        members = counted(power.n_members, "member")
        smallest = f"{counted(power.smallest, 'member')} ({percent(power.share)})"
        if findings.affected.n:
            said = (
                f"Others may have been missed. If {count(power.smallest)} of {members} leak as clearly as a photo, "
                f"this audit names at least one of them in {percent(power.power)} of cases, and "
                f"{percent(power.named)} of them on average."
            )
        else:
            said = (
                f"If {count(power.smallest)} of {members} had leaked into these samples as clearly as a photo, this "
                "audit would probably have named somebody. A smaller leak might be missed."
            )
    planted = f"planted photos of {counted(power.n_planted, 'person', 'people')}"
    return [
        Line(f"Smallest leak noticed in {percent(power.target)} of cases", smallest, planted),
        Line("Simulated audits with a leak of that size that named somebody", percent(power.power), "simulation"),
        Line("Share of the leaked people named, on average", percent(power.named), "simulation"),
    ], [said]


def leaked_share(findings: Findings) -> list[str]:
    """The limit on how many leaked, in a sentence; nothing where there is none."""
    share = findings.missed.leaked_share
    if findings.naming.n_exposed is None or not isinstance(share, Estimate):
        return []
    if share.high >= ALL:
        return ["Nothing here excludes that every member leaked as clearly as a photo shows."]
    return [
        f"In these samples, at most {percent(share.high)} of members leaked as clearly as a photo shows "
        f"({percent(share.level)} limit), if those who leaked are as easy to find as the others."
    ]


def _diffuse(findings: Findings) -> list[str]:
    """A leak spread over all members."""
    smallest = findings.missed.smallest_auroc
    if smallest is None:
        return ["A leak spread thinly over all members cannot be found by this audit."]
    return [
        f"A leak spread thinly over all members is found in 80 % of cases from an AUROC of {number(smallest)}; a "
        "smaller one may be missed."
    ]


def _unseen(sampling: Sampling) -> str:
    return (
        f"{counted(sampling.n_distinct, 'distinct sample was', 'distinct samples were')} looked at: faces that fewer "
        f"than {one_in(sampling.unseen_rate)} samples show can be missing from them."
    )


def _more_samples(sampling: Sampling) -> list[str]:
    """Whether more samples would tell more: half of them compared with all. That they would not is never said."""
    curve = sampling.curve
    if len(curve) < 2:
        return []
    half, whole = curve[-2], curve[-1]
    if whole.n_samples <= half.n_samples:
        return []
    of = f"{counted(half.n_samples, 'sample')} {'names' if half.n_samples == 1 else 'name'} {_named(half)}"
    both = f"{of}, all {count(whole.n_samples)} name {_named(whole)}"
    sharper = (
        isinstance(half.auroc, Estimate) and isinstance(whole.auroc, Estimate) and whole.auroc.value > half.auroc.high
    )
    if whole.named > half.named_high or sharper:
        return [f"More samples would probably tell more: {both}."]
    if 0 < whole.named <= LITTLE_MORE * half.named:
        return [f"More samples would probably tell little more: {both}."]
    return [f"That more samples would tell more is not shown: {both}."]


def _named(point: CurvePoint) -> str:
    if point.named_low == point.named_high:
        return count(point.named_low)
    return f"{number(point.named, 1)} on average ({count(point.named_low)} to {count(point.named_high)})"


def _point(point: CurvePoint) -> list[Line]:
    samples = counted(point.n_samples, "sample")
    parts = counted(point.n_parts, "part")
    return [
        Line(f"Named with {samples}", _named(point), f"{parts}, nearest neighbour"),
        line(f"AUROC with {samples}", point.auroc, basis=parts),
    ]


def can_the_recogniser_be_trusted(findings: Findings) -> Answer:
    """Answer 7."""
    several = len(findings.trust) > 1
    first = findings.trust[0]
    lines = []
    for trust in findings.trust:
        whose = f"{recogniser(trust.recogniser)}: " if several else ""
        for r in trust.rates:
            lines.append(
                line(f"{whose}False matches (FMR), threshold “{r.name}” ({number(r.threshold, 3)})", r.fmr, True)
            )
            lines.append(line(f"{whose}False non-matches (FNMR), threshold “{r.name}”", r.fnmr, True))
    said = []
    for trust in findings.trust:
        said.append(_errors(trust, f"The recogniser {recogniser(trust.recogniser)}" if several else "It"))
        if not trust.judges:
            said.append("It misses more than half of true matches, so it does not judge: its p-values do not count.")
    trained = [
        f" {recogniser(one.recogniser)} was trained on {one.trained_on}." for one in findings.trust if one.trained_on
    ]
    n_judges = sum(one.judges for one in findings.trust)
    if n_judges > 1:
        strict = findings.signature.settings.get("consensus") == "strict"
        how = "all must agree before anybody is named" if strict else "together they judge as one"
        said.append(f"These are the errors of each alone; {how}.")
    apart = (
        ""
        if findings.groups
        else (" Not broken down by group: recognisers make more errors for some groups of people than for others.")
    )
    return Answer(
        f"Can the {'recognisers' if several else 'recogniser'} be trusted here?",
        " ".join(said),
        f"Measured on the held-out people of this audit: templates of {counted(first.photos, 'photo')} against other "
        f"single photos.{apart}{''.join(trained)}",
        lines,
    )


def _errors(trust: Trust, who: str) -> str:
    for r in trust.rates:
        if isinstance(r.fmr, Estimate) and isinstance(r.fnmr, Estimate):
            return (
                f"{who} mistakes two different people for one in {percent(r.fmr.value)} of comparisons, and fails to "
                f"recognise the same person in {percent(r.fnmr.value)} (threshold “{r.name}”)."
            )
    if who == "It":
        return "This cannot be answered: too few held-out people have a photo left to test with."
    return f"{who} cannot be judged: too few held-out people have a photo left to test with."
