"""The seven answers of an audit as text, each with figures, limits and, for some, a chart."""

from __future__ import annotations

from collections.abc import Sequence
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
from probablyexists.results.findings import Findings, Membership
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
    limits: str
    lines: Sequence[Line]
    """Figures that are always visible."""
    more: Sequence[Line] = ()
    """Figures that the reader has to unfold."""
    chart: charts.Chart | None = None


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
    split, n_named = findings.split_baseline.auroc, findings.naming.n_exposed or 0
    test, tried = _attacks(findings)
    lines: list[Line] = []
    more: list[Line] = []
    for m in sorted(findings.membership, key=lambda m: (m.population == "seen photos", m.level == "photo")):
        which = f"{m.population}, by {m.level}"
        (lines if m.level == "person" else more).append(_line(f"AUROC, {which}", m.auroc))
        for fpr, tpr in (("1", m.tpr_at_fpr_1_percent), ("0.1", m.tpr_at_fpr_0_1_percent)):
            label = f"Members found at {fpr} % false alarms (TPR at FPR {fpr} %), {which}"
            more.append(_line(label, tpr, True))
        if m.p is not None:
            more.append(Line(f"p-value (null hypothesis: members score no higher), {which}", p_value(m.p), test))
    lines.append(_line("AUROC of the split baseline: members against strangers without the generator", split))
    for second in findings.second_opinions:
        for population, auroc in second.auroc.items():
            more.append(_line(f"AUROC, {population}, by person, {second.kind} {second.id}", auroc))
        more.append(Line(f"Members named with {second.kind} {second.id} alone", count(second.n_exposed or 0)))
    sentence = _on_average(findings.membership)
    if n_named and not any(isinstance(m.auroc, Estimate) and m.auroc.low > 0.5 for m in findings.membership):
        named = counted(n_named, "person is", "people are")
        sentence += f" But averages hide individuals: {named} named in answer 2."
    if isinstance(split, Estimate) and split.low > 0.5:
        sentence += (
            f" But members and strangers differ even without the generator (split baseline {number(split.value)}), so "
            "the generator may not be the only cause."
        )
    if "unseen photos" not in {m.population for m in findings.membership}:
        sentence += " No unseen photos of members were given, so this is about seen photos only."
    return Answer(
        "Can an attacker tell?",
        sentence,
        f"{tried} These are averages over all members: a few people may leak while the average stays near guessing. "
        "Only the figure for unseen photos shows that the generator remembers people, not just pictures.",
        lines,
        more,
        charts.membership_chart(findings),
    )


def _attacks(findings: Findings) -> tuple[str, str]:
    """The test behind the p-values, and the attacks and recognisers that were tried."""
    kinds = [second.kind for second in findings.second_opinions]
    n_attacks, n_recognisers = 1 + kinds.count("attack"), 1 + kinds.count("recogniser")
    test = "Mann-Whitney, one-sided"
    tried = "Only one attack was tried, the nearest neighbour; a better one may find more."
    if n_attacks > 1:
        test = f"permutation test on the largest of {n_attacks} rank sums"
        tried = (
            f"{n_attacks} attacks were tried. The figures above are from the nearest neighbour. The p-values are from "
            "the best attack, corrected for picking the best."
        )
    if n_recognisers > 1:
        test += f"; largest p of {n_recognisers} recognisers"
        tried += f" {n_recognisers} recognisers were used: each p-value is the largest of them, so all must agree."
    return test, tried


def _on_average(membership: list[Membership]) -> str:
    """The first sentence: unseen photos if there are any, by person."""
    known = [(m.population, m.auroc) for m in membership if m.level == "person" and isinstance(m.auroc, Estimate)]
    if not known:
        return "This cannot be answered: there are too few members or too few held-out people."
    population, auroc = min(known, key=lambda one: one[0] == "seen photos")
    unseen = population == "unseen photos"
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


def who(findings: Findings) -> Answer:
    """Answer 2."""
    n = findings.naming
    members, level = counted(n.n_members, "member") + findings.data.of_members_given, percent(n.level)
    if n.n_exposed:
        sentence = (
            f"{count(n.n_exposed)} of {members} {'is' if n.n_exposed == 1 else 'are'} named. At most {level} of the "
            "names that this rule gives are expected to be wrong."
        )
    else:
        sentence = (
            f"Nobody is named: for none of {members} is the evidence strong enough to keep the expected share of wrong "
            f"names at {level} or less."
        )
    floor = "1 / (n + 1) for n held-out people with as many photos"
    tested = f"{count(n.n_members)} members tested at once"
    return Answer(
        "Who?",
        sentence,
        "People who are not named are not cleared: there was not enough evidence to name them (see answer 6). The "
        "p-values are valid if members and held-out people were drawn at random from one source. Each member is "
        "compared with held-out people on the same number of photos.",
        [
            Line("People named", f"{count(n.n_exposed)} of {members}", f"false discovery rate {level}"),
            Line("Smallest p-value this audit can give", one_in(n.p_floor), floor),
            Line("Members who must reach it before anyone can be named", count(n.smallest_nameable), tested),
        ],
        [
            Line(
                f"Compared on {counted(s.photos, 'photo')}",
                f"{counted(s.n_members, 'member')}, smallest p {one_in(s.p_floor)}",
                counted(s.n_heldout, "held-out person", "held-out people"),
            )
            for s in n.strata
        ],
        charts.exposure_chart(findings),
    )


def which_samples(findings: Findings) -> Answer:
    """Answer 3."""
    r = findings.resemblance
    members, strangers = percent(r.members), percent(r.strangers)
    if isinstance(r.excess, Unresolvable):
        sentence = "It cannot be estimated how many more samples resemble members than strangers."
    elif r.excess.low > 0:
        sentence = (
            f"{members} of the samples resemble a member; {strangers} resemble a stranger. The difference, "
            f"{percent(r.excess.value)} of the samples, is what training added."
        )
    elif r.excess.high < 0:
        sentence = (
            f"Fewer samples resemble a member ({members}) than a stranger ({strangers}): no sign of a leak, but the "
            "two groups may differ in some other way."
        )
    else:
        sentence = (
            f"{members} of the samples resemble a member and {strangers} a stranger: no difference beyond chance."
        )
    if r.n_likenesses:
        sentence += f" {counted(r.n_likenesses, 'sample shows', 'samples show')} a named person."
    basis = f"{counted(r.n_samples, 'sample')}, {counted(r.gallery, 'person', 'people')} on each side"
    templates = f"cosine; templates of {counted(r.photos, 'photo')}"
    return Answer(
        "Which samples?",
        sentence,
        "A sample can resemble somebody by chance; that is why strangers are counted too. The excess is an average and "
        "does not say which samples cause it; the likenesses and copies are listed below.",
        [
            _line("Excess: share that resembles a member, minus share that resembles a stranger", r.excess, True),
            Line("Samples that resemble a member", members, basis),
            Line("Samples that resemble a stranger", strangers, basis),
        ],
        [
            Line("Samples that are a likeness of a named person", count(r.n_likenesses), "listed below"),
            Line("Similarity threshold for “resembles”", number(r.threshold, 3), templates),
        ],
        charts.resemblance_chart(findings),
    )


def copy_or_likeness(findings: Findings) -> Answer:
    """Answer 4."""
    c = findings.copies
    samples = counted(c.n_samples, "sample")
    sentence = f"No copy of a training photo was found among {samples}."
    if c.n_copies:
        sentence = (
            f"{count(c.n_copies)} of {samples} {'is a copy' if c.n_copies == 1 else 'are copies'} of a training photo. "
            "Copies are left out of every other answer."
        )
    photos = counted(c.calibrated_on, "held-out photo")
    more = [
        Line("Pixel correlation threshold for a copy", number(c.threshold, 3), f"set on {photos}"),
        _line("Held-out photos that would count as copies", c.heldout_rate, True),
    ]
    if c.highest is not None:
        more.insert(1, Line("Highest pixel correlation of any sample", number(c.highest, 3), "with a training photo"))
    few = "" if c.resolvable else f"With {photos}, false copies may be more frequent than 1 in 1,000. "
    return Answer(
        "Copy or likeness?",
        sentence,
        f"{few}A copy reproduces a whole training photo, even if re-encoded, resized, mirrored, slightly cropped or "
        "changed in brightness. Not found: copies of only a part of a photo, such as the background, and copies in "
        "which no face was detected.",
        [Line("Copies", f"{count(c.n_copies)} of {count(c.n_samples)}", "samples")],
        more,
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
        photos = counted(d.most_photos_count, "photo")
        sentence += f" The person with the most photos, {short(d.most_photos, 60)} ({photos}), {state}."
    points = []
    for p in d.points:
        span = f"{p.photos_from} to {p.photos_to} photos" if p.photos_to > p.photos_from else None
        label = f"Mean exposure, {span or counted(p.photos_from, 'photo')}"
        points.append(_line(label, p.mean_exposure, signed=True, basis=counted(p.n_members, "member")))
    return Answer(
        "Do more photos leak more?",
        sentence,
        "This is an association: people with many photos may differ in other ways. Only an experiment that assigns "
        "the number of photos at random (the lab) can show a cause. Everybody is compared on the same number of "
        "photos here.",
        [
            _line("Change in exposure for each doubling of the number of photos", slope, signed=True),
            _line("The same among held-out people", d.heldout_slope, signed=True),
        ],
        points,
        charts.dose_chart(findings),
    )


def what_was_missed(findings: Findings) -> Answer:
    """Answer 6."""
    power = findings.missed.power
    if isinstance(power, Unresolvable):
        sentence = f"The smallest leak that this audit would have found {absent(power)}."
        lines = [Line("Smallest leak found", absent(power), missing=True)]
    else:
        if power.smallest is None or power.share is None:
            sentence = "Possibly everything: even if every member had leaked, this audit might have named nobody."
            smallest = "none, not even all members"
        else:
            sentence = (
                f"If {count(power.smallest)} of {counted(power.n_members, 'member')} had leaked, this audit would "
                "probably have named somebody. A smaller leak might be missed."
            )
            smallest = f"{counted(power.smallest, 'member')} ({percent(power.share)})"
        planted = f"planted photos of {counted(power.n_planted, 'person', 'people')}"
        lines = [
            Line(f"Smallest leak found in {percent(power.target)} of cases", smallest, planted),
            Line("Simulated audits with a leak of that size that named somebody", percent(power.power), "simulation"),
            Line("Share of the leaked people named, on average", percent(power.named), "simulation"),
        ]
    return Answer(
        "How much could we have missed?",
        sentence,
        "The planted leaks are real photos, added to the samples. A generator's likeness is rarely as sharp as a "
        "photo, so this is the best case: a real leak of that size may still be missed.",
        lines,
    )


def can_the_recogniser_be_trusted(findings: Findings) -> Answer:
    """Answer 7."""
    trust = findings.trust[0]
    lines = []
    for r in trust.rates:
        lines.append(_line(f"False matches (FMR), threshold “{r.name}” ({number(r.threshold, 3)})", r.fmr, True))
        lines.append(_line(f"False non-matches (FNMR), threshold “{r.name}”", r.fnmr, True))
    sentence = "This cannot be answered: too few held-out people have a photo left to test with."
    for r in trust.rates:
        if isinstance(r.fmr, Estimate) and isinstance(r.fnmr, Estimate):
            sentence = (
                f"At the threshold “{r.name}” it mistakes two different people for one in {percent(r.fmr.value)} of "
                f"comparisons, and fails to recognise the same person in {percent(r.fnmr.value)}."
            )
            break
    trained_on = "" if trust.trained_on is None else f" The recogniser itself was trained on {trust.trained_on}."
    return Answer(
        "Can the recogniser be trusted here?",
        sentence,
        f"Measured on the held-out people of this audit: templates of {counted(trust.photos, 'photo')} against other "
        "single photos. Not broken down by group: recognisers make more errors for some groups of people than for "
        f"others.{trained_on}",
        lines,
    )


def _line(label: str, figure: Figure, share: bool = False, *, signed: bool = False, basis: str = "") -> Line:
    value = percent_figure(figure) if share else number_figure(figure, signed=signed)
    if isinstance(figure, Unresolvable):
        return Line(label, value, basis, missing=True)
    return Line(label, value, basis or f"n = {count(figure.n)}; {figure.method}")
