"""The seven answers of an audit as text, each with figures, limits and, for some, a chart."""

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
    """One figure: what it is, the value with its interval as text, and what it is based on."""

    label: str
    value: str
    basis: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Answer:
    """One of the seven answers."""

    question: str
    sentence: str
    lines: list[Line]
    """Figures that are always visible."""
    more: list[Line]
    """Figures that the reader has to unfold."""
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
            label = f"p-value (null hypothesis: members score no higher), {which}"
            more.append(Line(label, p_value(m.p), _test(findings)))
    split = findings.split_baseline.auroc
    lines.append(_line("AUROC of the split baseline: members against strangers without the generator", split))
    sentence = _on_average(findings.membership) + _individuals(findings) + _unfair_split(split)
    if "unseen photos" not in {m.population for m in findings.membership}:
        sentence += " No unseen photos of members were given, so this is about seen photos only."
    return Answer(
        "Can an attacker tell?",
        sentence,
        lines,
        more + _second_opinions(findings),
        charts.membership_chart(findings),
        f"{_tried(findings)} These are averages over all members: a few people may leak while the average stays near "
        "guessing. Only the figure for unseen photos shows that the generator remembers people, not just pictures.",
    )


def _second_opinions(findings: Findings) -> list[Line]:
    """The results of every further attack and recogniser."""
    lines = []
    for second in findings.second_opinions:
        for population, auroc in second.auroc.items():
            lines.append(_line(f"AUROC, {population}, by person, {second.kind} {second.id}", auroc))
        lines.append(Line(f"Members named with {second.kind} {second.id} alone", count(second.n_exposed), ""))
    return lines


def _n_used(findings: Findings) -> tuple[int, int]:
    """The number of attacks and the number of recognisers."""
    kinds = [second.kind for second in findings.second_opinions]
    return 1 + kinds.count("attack"), 1 + kinds.count("recogniser")


def _test(findings: Findings) -> str:
    n_attacks, n_recognisers = _n_used(findings)
    test = "Mann-Whitney, one-sided" if n_attacks == 1 else f"permutation test on the largest of {n_attacks} rank sums"
    return test if n_recognisers == 1 else f"{test}; largest p of {n_recognisers} recognisers"


def _tried(findings: Findings) -> str:
    n_attacks, n_recognisers = _n_used(findings)
    if n_attacks == 1:
        said = "Only one attack was tried, the nearest neighbour; a better one may find more."
    else:
        said = (
            f"{n_attacks} attacks were tried. The figures above are from the nearest neighbour. The p-values are from "
            "the best attack, corrected for picking the best."
        )
    if n_recognisers > 1:
        said += f" {n_recognisers} recognisers were used: each p-value is the largest of them, so all must agree."
    return said


def _on_average(membership: list[Membership]) -> str:
    """The first sentence: unseen photos if there are any, by person."""
    by_person = [m for m in membership if m.level == "person" and isinstance(m.auroc, Estimate)]
    if not by_person:
        return "This cannot be answered: there are too few members or too few held-out people."
    chosen = min(by_person, key=lambda m: m.population == "seen photos")
    auroc = chosen.auroc
    assert isinstance(auroc, Estimate)
    unseen = chosen.population == "unseen photos"
    photos = "photos of a member that the generator was not trained on," if unseen else "training photos of a member"
    test = (
        f"Given {photos} and photos of a stranger, the attack picks the member in "
        f"{in_a_hundred(auroc.value)} (guessing: 50)"
    )
    if auroc.low > 0.5:
        how = "with near certainty" if auroc.low > 0.95 else "better than by guessing"
        return f"Yes, {how}. {test}."
    if auroc.high < 0.5:
        return f"Not as expected. {test}: worse than guessing. The two groups may differ in some other way."
    return f"Not on average. {test}, which chance alone could explain."


def _individuals(findings: Findings) -> str:
    """A reminder if people are named although the averages show nothing."""
    on_average = any(isinstance(m.auroc, Estimate) and m.auroc.low > 0.5 for m in findings.membership)
    if on_average or not findings.naming.n_exposed:
        return ""
    n = findings.naming.n_exposed
    return f" But averages hide individuals: {counted(n, 'person is', 'people are')} named in answer 2."


def _unfair_split(auroc: Figure) -> str:
    """A caution if members and strangers differ without the generator."""
    if isinstance(auroc, Estimate) and auroc.low > 0.5:
        return (
            f" But members and strangers differ even without the generator (split baseline {number(auroc.value)}), so "
            "the generator may not be the only cause."
        )
    return ""


def who(findings: Findings) -> Answer:
    """Answer 2."""
    n = findings.naming
    if n.n_exposed:
        sentence = (
            f"{count(n.n_exposed)} of {counted(n.n_members, 'member', 'members')} "
            f"{'is' if n.n_exposed == 1 else 'are'} named. At most {percent(n.level)} of the names that this rule "
            "gives are expected to be wrong."
        )
    else:
        sentence = (
            f"Nobody is named: for none of {counted(n.n_members, 'member', 'members')} is the evidence strong enough "
            f"to keep the expected share of wrong names at {percent(n.level)} or less."
        )
    lines = [
        Line(
            "People named", f"{count(n.n_exposed)} of {count(n.n_members)}", f"false discovery rate {percent(n.level)}"
        ),
        Line(
            "Smallest p-value this audit can give",
            one_in(n.p_floor),
            "1 / (n + 1) for n held-out people with as many photos",
        ),
        Line(
            "Members who must reach it before anyone can be named",
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
        "People who are not named are not cleared: there was not enough evidence to name them (see answer 6). The "
        "p-values are valid if members and held-out people were drawn at random from one source. Each member is "
        "compared with held-out people on the same number of photos.",
    )


def which_samples(findings: Findings) -> Answer:
    """Answer 3."""
    r = findings.resemblance
    if isinstance(r.excess, Unresolvable):
        sentence = "It cannot be estimated how many more samples resemble members than strangers."
    elif r.excess.low > 0:
        sentence = (
            f"{percent(r.members)} of the samples resemble a member; {percent(r.strangers)} resemble a stranger. The "
            f"difference, {percent(r.excess.value)} of the samples, is what training added."
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
        sentence += f" {counted(r.n_likenesses, 'sample shows', 'samples show')} a named person."
    basis = f"{counted(r.n_samples, 'sample', 'samples')}, {counted(r.gallery, 'person', 'people')} on each side"
    return Answer(
        "Which samples?",
        sentence,
        [
            _line("Excess: share that resembles a member, minus share that resembles a stranger", r.excess, True),
            Line("Samples that resemble a member", percent(r.members), basis),
            Line("Samples that resemble a stranger", percent(r.strangers), basis),
        ],
        [
            Line("Samples that are a likeness of a named person", count(r.n_likenesses), "listed below"),
            Line(
                "Similarity threshold for “resembles”",
                number(r.threshold, 3),
                f"cosine; templates of {counted(r.photos, 'photo', 'photos')}",
            ),
        ],
        charts.resemblance_chart(findings),
        "A sample can resemble somebody by chance; that is why strangers are counted too. The excess is an average and "
        "does not say which samples cause it; the likenesses and copies are listed below.",
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
            "Pixel correlation threshold for a copy",
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
        else f"{counted(c.calibrated_on, 'held-out photo is', 'held-out photos are')} too few to limit false copies to "
        "1 in 1,000. "
    )
    return Answer(
        "Copy or likeness?",
        sentence,
        lines[:1],
        lines[1:],
        None,
        f"{few}A copy reproduces a whole training photo, even if re-encoded, resized, mirrored, slightly cropped or "
        "changed in brightness. Not found: copies of only a part of a photo, such as the background, and copies in "
        "which no face was detected.",
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
            f"{number(slope.value)} standard deviations for each doubling of the number of photos."
        )
    elif slope.high < 0:
        sentence = "No: here people with more training photos are less exposed."
    else:
        sentence = "Not shown: exposure does not change with the number of training photos by more than chance."
    if isinstance(slope, Estimate) and isinstance(d.heldout_slope, Estimate) and d.heldout_slope.low > 0:
        sentence += " Held-out people with more photos score higher too, so training explains only part of this."
    if d.most_photos is not None and d.most_photos_count is not None:
        state = "is named" if d.most_photos_exposed else "is not named"
        photos = counted(d.most_photos_count, "photo", "photos")
        sentence += f" The person with the most photos, {short(d.most_photos, 60)} ({photos}), {state}."
    lines = [
        _line("Change in exposure for each doubling of the number of photos", slope, signed=True),
        _line("The same among held-out people", d.heldout_slope, signed=True),
    ]
    for p in d.points:
        span = f"{p.photos_from} to {p.photos_to} photos" if p.photos_to > p.photos_from else None
        label = f"Mean exposure, {span or counted(p.photos_from, 'photo', 'photos')}"
        lines.append(_line(label, p.mean_exposure, signed=True, basis=counted(p.n_members, "member", "members")))
    return Answer(
        "Do more photos leak more?",
        sentence,
        lines[:2],
        lines[2:],
        charts.dose_chart(findings),
        "This is an association: people with many photos may differ in other ways. Only an experiment that assigns "
        "the number of photos at random (the lab) can show a cause. Everybody is compared on the same number of "
        "photos here.",
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
                f"If {count(power.smallest)} of {counted(power.n_members, 'member', 'members')} had leaked, this audit "
                "would probably have named somebody. A smaller leak might be missed."
            )
            lines = [Line("Smallest leak found " + sought, f"{people} ({percent(power.share)})", planted)]
        lines.append(
            Line("Simulated audits with a leak of that size that named somebody", percent(power.power), "simulation")
        )
        lines.append(Line("Share of the leaked people named, on average", percent(power.named), "simulation"))
    return Answer(
        "How much could we have missed?",
        sentence,
        lines,
        [],
        None,
        "The planted leaks are real photos, added to the samples. A generator's likeness is rarely as sharp as a "
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
        "Measured on the held-out people of this audit: templates of "
        f"{counted(findings.trust.photos, 'photo', 'photos')} against other single photos. Not broken down by group: "
        f"recognisers make more errors for some groups of people than for others.{_trained_on(findings)}",
    )


def _trained_on(findings: Findings) -> str:
    trained_on = findings.trust.trained_on
    return "" if trained_on is None else f" The recogniser itself was trained on {trained_on}."


def _trust(rates: list[ErrorRates]) -> str:
    known = [r for r in rates if isinstance(r.fmr, Estimate) and isinstance(r.fnmr, Estimate)]
    if not known:
        return "This cannot be answered: too few held-out people have a photo left to test with."
    r = known[0]
    assert isinstance(r.fmr, Estimate)
    assert isinstance(r.fnmr, Estimate)
    return (
        f"At the threshold “{r.name}” it mistakes two different people for one in {percent(r.fmr.value)} of "
        f"comparisons, and fails to recognise the same person in {percent(r.fnmr.value)}."
    )


def _line(label: str, figure: Figure, share: bool = False, *, signed: bool = False, basis: str = "") -> Line:
    value = percent_figure(figure) if share else number_figure(figure, signed=signed)
    if isinstance(figure, Unresolvable):
        return Line(label, value, basis, missing=True)
    return Line(label, value, basis or f"n = {count(figure.n)}; {figure.method}")
