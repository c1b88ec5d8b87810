"""The seven answers of an audit in plain words, each with its figures, its chart and its limits."""

from __future__ import annotations

from dataclasses import dataclass

from probablyexists.report import charts
from probablyexists.report.words import (
    absent,
    count,
    counted,
    in_a_hundred,
    number,
    number_figure,
    one_in,
    p_value,
    percent,
    percent_figure,
    short,
)
from probablyexists.results.findings import ErrorRates, Findings, Membership
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable


@dataclass(frozen=True)
class Line:
    """One figure: what it is, its value with interval in words, and what stands behind it."""

    label: str
    value: str
    basis: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Answer:
    """One of the seven."""

    question: str
    sentence: str
    lines: list[Line]
    """What the page shows at once."""
    more: list[Line]
    """What it folds away."""
    chart: charts.Chart | None
    limits: str


def seven_answers(findings: Findings) -> list[Answer]:
    """In the order of the questions."""
    return [
        can_an_attacker_tell(findings),
        who(findings),
        which_samples(findings),
        copy_or_likeness(findings),
        does_more_leak_more(findings),
        what_was_missed(findings),
        can_the_recogniser_be_trusted(findings),
    ]


def can_an_attacker_tell(findings: Findings) -> Answer:
    """Answer 1."""
    lines: list[Line] = []
    more: list[Line] = []
    for m in sorted(findings.membership, key=lambda m: (m.population == "seen photos", m.level == "photo")):
        which = f"{m.population}, by {m.level}"
        (lines if m.level == "person" else more).append(_line(f"AUROC, {which}", m.auroc))
        for fpr, tpr in (("1", m.tpr_at_fpr_1_percent), ("0.1", m.tpr_at_fpr_0_1_percent)):
            label = f"Members found at {fpr} % false alarms (TPR at FPR {fpr} %), {which}"
            more.append(_line(label, tpr, True))
        if m.p is not None:
            more.append(Line(f"p-value: members score no higher, {which}", p_value(m.p), _test(findings)))
    lines.append(_line("AUROC of the split baseline, which never sees the generator", findings.split_baseline.auroc))
    given = {m.population for m in findings.membership}
    without = "" if "unseen photos" in given else " No unseen photos of members were given, so only seen photos count."
    return Answer(
        "Can an attacker tell?",
        f"{_telling(findings.membership)}{_single(findings)}{_blind(findings.split_baseline.auroc)}{without}",
        lines,
        more + _seconds(findings),
        charts.membership_chart(findings),
        f"{_tried(findings)} These are averages over all "
        "members: a few people may leak while the average stays near guessing. The figure for unseen photos is the "
        "one that shows a person, and not a picture, to be remembered.",
    )


def _seconds(findings: Findings) -> list[Line]:
    """What every further attack and recogniser says."""
    lines = []
    for second in findings.second_opinions:
        for population, auroc in second.auroc.items():
            lines.append(_line(f"AUROC, {population}, by person, {second.kind} {second.id}", auroc))
        lines.append(Line(f"Members it would name alone, {second.kind} {second.id}", count(second.n_exposed), ""))
    return lines


def _asked(findings: Findings) -> tuple[int, int]:
    """How many attacks were tried and how many recognisers asked."""
    kinds = [second.kind for second in findings.second_opinions]
    return 1 + kinds.count("attack"), 1 + kinds.count("recogniser")


def _test(findings: Findings) -> str:
    n_attacks, n_recognisers = _asked(findings)
    test = "Mann-Whitney, one-sided" if n_attacks == 1 else f"largest of {n_attacks} rank sums, permuted"
    return test if n_recognisers == 1 else f"{test}; largest of {n_recognisers} recognisers'"


def _tried(findings: Findings) -> str:
    n_attacks, n_recognisers = _asked(findings)
    if n_attacks == 1:
        said = "Only one attack was tried, the nearest neighbour; a better one may tell more."
    else:
        said = (
            f"{n_attacks} attacks were tried. The figures above are the nearest neighbour's; p-values are the best "
            "attack's, and pay for the choice."
        )
    if n_recognisers > 1:
        said += f" {n_recognisers} recognisers were asked: a p-value is the largest of theirs, so that all must agree."
    return said


def _telling(membership: list[Membership]) -> str:
    by_person = [m for m in membership if m.level == "person" and isinstance(m.auroc, Estimate)]
    if not by_person:
        return "This cannot be said: there are too few people on one side."
    chosen = min(by_person, key=lambda m: m.population == "seen photos")
    auroc = chosen.auroc
    assert isinstance(auroc, Estimate)
    photos = "photos that were never trained on" if chosen.population == "unseen photos" else "their training photos"
    cases = f"the member in {in_a_hundred(auroc.value)} (guessing: 50)"
    if auroc.low > 0.5:
        how = "with near certainty" if auroc.low > 0.95 else "better than by guessing"
        return f"Yes, {how}. Shown a member and a stranger by {photos}, the attack picks {cases}."
    if auroc.high < 0.5:
        return (
            f"Not as expected. Shown a member and a stranger by {photos}, the attack picks {cases}: worse than "
            "guessing. The two groups may differ in some other way."
        )
    return f"Not on average. By {photos}, the attack picks {cases}, which chance can explain."


def _single(findings: Findings) -> str:
    """A reminder where people are named although the averages show nothing."""
    on_average = any(isinstance(m.auroc, Estimate) and m.auroc.low > 0.5 for m in findings.membership)
    if on_average or not findings.naming.n_exposed:
        return ""
    n = findings.naming.n_exposed
    return f" But an average hides single people: {counted(n, 'person is', 'people are')} named in answer 2."


def _blind(auroc: Figure) -> str:
    if isinstance(auroc, Estimate) and auroc.low > 0.5:
        return (
            " But members and strangers can partly be told apart even without the generator (split baseline "
            f"{number(auroc.value)}), so not all of this need come from the generator."
        )
    return ""


def who(findings: Findings) -> Answer:
    """Answer 2."""
    n = findings.naming
    if n.n_exposed:
        sentence = (
            f"{count(n.n_exposed)} of {counted(n.n_members, 'member', 'members')} "
            f"{'is' if n.n_exposed == 1 else 'are'} named. Of the people this rule names, at most {percent(n.level)} "
            "are expected to be named wrongly."
        )
    else:
        sentence = (
            f"Nobody is named: for none of {counted(n.n_members, 'member', 'members')} is the evidence strong enough "
            f"to keep the wrong names at {percent(n.level)} or fewer."
        )
    lines = [
        Line(
            "People named", f"{count(n.n_exposed)} of {count(n.n_members)}", f"false discovery rate {percent(n.level)}"
        ),
        Line(
            "Smallest p-value this audit can give",
            one_in(n.p_floor),
            "1 / (n + 1), n held-out people with as many photos",
        ),
        Line(
            "People who must reach it before anyone can be named",
            count(n.smallest_nameable),
            f"{count(n.n_members)} members tested at once",
        ),
    ]
    strata = [
        Line(
            f"Compared on {counted(s.photos, 'photo', 'photos')}",
            f"{counted(s.n_members, 'member', 'members')}, smallest p {one_in(s.p_floor)}",
            counted(s.n_heldout, "held-out person", "held-out people"),
        )
        for s in n.strata
    ]
    return Answer(
        "Who?",
        sentence,
        lines,
        strata,
        charts.exposure_chart(findings),
        "Who is not named is not cleared: the evidence was too little to name them (see answer 6). The p-values hold "
        "if members and held-out people were drawn at random from one source. Each member is compared with held-out "
        "people on the same number of photos.",
    )


def which_samples(findings: Findings) -> Answer:
    """Answer 3."""
    r = findings.resemblance
    if isinstance(r.excess, Unresolvable):
        sentence = "How many more samples resemble members than strangers cannot be given."
    elif r.excess.low > 0:
        sentence = (
            f"{percent(r.members)} of the samples resemble a member; {percent(r.strangers)} would resemble a stranger "
            f"just as well. The difference, {percent(r.excess.value)} of the samples, is what training left behind."
        )
    elif r.excess.high < 0:
        sentence = (
            f"Fewer samples resemble a member ({percent(r.members)}) than a stranger ({percent(r.strangers)}): "
            "no sign of a leak, but the two groups may differ in some other way."
        )
    else:
        sentence = (
            f"{percent(r.members)} of the samples resemble a member and {percent(r.strangers)} a stranger: "
            "no difference beyond chance."
        )
    if r.n_likenesses:
        sentence += f" {counted(r.n_likenesses, 'sample shows', 'samples show')} a person who is named."
    basis = f"{counted(r.n_samples, 'sample', 'samples')}, {counted(r.gallery, 'person', 'people')} on each side"
    return Answer(
        "Which samples?",
        sentence,
        [
            _line("Excess: samples that resemble a member beyond those that resemble a stranger", r.excess, True),
            Line("Samples that resemble a member", percent(r.members), basis),
            Line("Samples that resemble a stranger", percent(r.strangers), basis),
        ],
        [
            Line("Samples that are a likeness of a named person", count(r.n_likenesses), "listed below"),
            Line(
                "Similarity from which a sample resembles",
                number(r.threshold, 3),
                f"cosine; templates of {counted(r.photos, 'photo', 'photos')}",
            ),
        ],
        charts.resemblance_chart(findings),
        "People who look alike resemble each other too; that is why strangers are counted beside members. The excess "
        "is an average and does not point to single samples: those are the likenesses and copies listed below.",
    )


def copy_or_likeness(findings: Findings) -> Answer:
    """Answer 4."""
    c = findings.copies
    if c.n_copies:
        sentence = (
            f"{count(c.n_copies)} of {counted(c.n_samples, 'sample', 'samples')} "
            f"{'is a copy' if c.n_copies == 1 else 'are copies'} of a training photo. "
            "Copies are left out of every other answer."
        )
    else:
        sentence = f"No copy of a training photo was found among {counted(c.n_samples, 'sample', 'samples')}."
    lines = [
        Line("Copies", f"{count(c.n_copies)} of {count(c.n_samples)}", "samples"),
        Line(
            "Pixel correlation from which a sample is a copy",
            number(c.threshold, 3),
            f"set on {counted(c.calibrated_on, 'held-out photo', 'held-out photos')}",
        ),
        _line("Held-out photos that would count as copies", c.heldout_rate, True),
    ]
    if c.highest is not None:
        lines.insert(2, Line("Highest pixel correlation of any sample", number(c.highest, 3), "with a training photo"))
    few = (
        ""
        if c.resolvable
        else f"{counted(c.calibrated_on, 'held-out photo is', 'held-out photos are')} too few to hold false copies at "
        "1 in 1,000. "
    )
    return Answer(
        "Copy or likeness?",
        sentence,
        lines[:1],
        lines[1:],
        None,
        f"{few}A copy reproduces a whole training photo, also re-encoded, resized, mirrored, slightly cropped or "
        "changed in brightness. A part of a photo that is reproduced alone, such as its background, is not found, nor "
        "is a copy in which no face was found.",
    )


def does_more_leak_more(findings: Findings) -> Answer:
    """Answer 5."""
    d = findings.dose
    slope = d.slope
    if isinstance(slope, Unresolvable):
        sentence = f"This {absent(slope)}."
    elif slope.low > 0:
        sentence = (
            "Yes: people with more training photos are more exposed, by "
            f"{number(slope.value)} standard deviations for each doubling of their photos."
        )
    elif slope.high < 0:
        sentence = "No: here people with more training photos are less exposed."
    else:
        sentence = "Not shown: exposure does not change with the number of training photos beyond chance."
    if isinstance(slope, Estimate) and isinstance(d.heldout_slope, Estimate) and d.heldout_slope.low > 0:
        sentence += " Held-out people with more photos score higher too, so popularity explains a part of it."
    if d.most_photos is not None and d.most_photos_count is not None:
        state = "is named" if d.most_photos_exposed else "is not named"
        photos = counted(d.most_photos_count, "photo", "photos")
        sentence += f" The person with the most photos, {short(d.most_photos, 60)} ({photos}), {state}."
    lines = [
        _line("Change of exposure for each doubling of the photos", slope, signed=True),
        _line("The same among held-out people", d.heldout_slope, signed=True),
    ]
    for p in d.points:
        span = f"{p.photos_from} to {p.photos_to} photos" if p.photos_to > p.photos_from else None
        label = f"Mean exposure, {span or counted(p.photos_from, 'photo', 'photos')}"
        lines.append(_line(label, p.mean_exposure, signed=True, basis=counted(p.n_members, "member", "members")))
    return Answer(
        "Does more of you leak more?",
        sentence,
        lines[:2],
        lines[2:],
        charts.dose_chart(findings),
        "Observed, not assigned: people with many photos may differ in other ways. Only photos handed out at random "
        "(the lab) would show a cause. Everybody is compared on the same number of photos here.",
    )


def what_was_missed(findings: Findings) -> Answer:
    """Answer 6."""
    power = findings.missed.power
    if isinstance(power, Unresolvable):
        sentence = f"The smallest leak that this audit would have found {absent(power)}."
        lines = [Line("Smallest leak found", absent(power), missing=True)]
    else:
        sought = f"in {percent(power.target)} of cases"
        planted = f"planted photos of {counted(power.n_planted, 'person', 'people')}"
        if power.smallest is None or power.share is None:
            sentence = "Possibly everything: even if every member had leaked, this audit might have named nobody."
            lines = [Line("Smallest leak found " + sought, "none, not even all members", planted)]
        else:
            people = counted(power.smallest, "member", "members")
            sentence = (
                f"Had {count(power.smallest)} of {counted(power.n_members, 'member', 'members')} leaked, this audit "
                "would probably have named somebody. A smaller leak may have gone unnoticed."
            )
            lines = [Line("Smallest leak found " + sought, f"{people} ({percent(power.share)})", planted)]
        lines.append(Line("Simulated audits that named somebody, at that size", percent(power.power), "simulation"))
        lines.append(Line("Share of the leaked people named, on average", percent(power.named), "simulation"))
    return Answer(
        "How much could we have missed?",
        sentence,
        lines,
        [],
        None,
        "The planted leaks are real photos, put among the samples. A generator's likeness is rarely as sharp as a "
        "photo, so this is the best case: a real leak of that size may still be missed.",
    )


def can_the_recogniser_be_trusted(findings: Findings) -> Answer:
    """Answer 7."""
    rates = findings.trust.rates
    lines = []
    for r in rates:
        lines.append(_line(f"False matches (FMR), threshold “{r.name}” ({number(r.threshold, 3)})", r.fmr, True))
        lines.append(_line(f"False non-matches (FNMR), threshold “{r.name}”", r.fnmr, True))
    return Answer(
        "Can the recogniser be trusted here?",
        _trust(rates),
        lines,
        [],
        None,
        f"Measured on the held-out people of this audit, templates of "
        f"{counted(findings.trust.photos, 'photo', 'photos')} against single photos that are not in them. Not broken "
        f"down by group: recognisers err more often for some groups of people than for others.{_learned(findings)}",
    )


def _learned(findings: Findings) -> str:
    learned = findings.trust.trained_on
    return "" if learned is None else f" The recogniser itself learned from {learned}."


def _trust(rates: list[ErrorRates]) -> str:
    known = [r for r in rates if isinstance(r.fmr, Estimate) and isinstance(r.fnmr, Estimate)]
    if not known:
        return "This cannot be said: too few held-out people have photos to spare."
    r = known[0]
    assert isinstance(r.fmr, Estimate)
    assert isinstance(r.fnmr, Estimate)
    return (
        f"At the threshold “{r.name}” it takes two different people for one in {percent(r.fmr.value)} of comparisons, "
        f"and fails to know the same person in {percent(r.fnmr.value)}."
    )


def _line(label: str, figure: Figure, share: bool = False, *, signed: bool = False, basis: str = "") -> Line:
    value = percent_figure(figure) if share else number_figure(figure, signed=signed)
    if isinstance(figure, Unresolvable):
        return Line(label, value, basis, missing=True)
    return Line(label, value, basis or f"n = {count(figure.n)}; {figure.method}")
