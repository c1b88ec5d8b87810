"""Answers 3 and 4 as text: which samples resemble members, and which are copies?"""

from __future__ import annotations

from probablyexists.answers.copying import COPIES_P
from probablyexists.report.answer_parts import NOT_CLAIMED, Answer, Line, line
from probablyexists.report.charts import resemblance_chart
from probablyexists.report.copy_certainty import SureCopies, sure_copies
from probablyexists.report.words import count, counted, number, p_is, p_value, percent
from probablyexists.results.findings import Copies, Findings
from probablyexists.stats.estimate import Estimate, Unresolvable


def which_samples(findings: Findings) -> Answer:
    """Answer 3."""
    r = findings.resemblance
    templates = f"templates of {counted(r.photos, 'photo')}"
    threshold = Line("Cosine from which a sample resembles a person", number(r.threshold, 3), templates)
    if findings.naming.n_exposed is None:
        return Answer(
            "Which samples?",
            NOT_CLAIMED,
            "How many samples resemble members and strangers is in findings.json; with an unfair split the two numbers "
            "cannot be compared.",
            [],
            [threshold],
        )
    sentence = _excess(findings)
    if r.n_likenesses:
        sentence += f" {counted(r.n_likenesses, 'sample shows', 'samples show')} a named person."
    basis = f"{counted(r.n_samples, 'sample')}, {counted(r.gallery, 'person', 'people')} on each side"
    return Answer(
        "Which samples?",
        sentence,
        "A sample can resemble somebody by chance; that is why strangers are counted too. The excess is an average and "
        "does not say which samples cause it; the likenesses and copies are listed below.",
        [
            line("Excess: share that resembles a member, minus share that resembles a stranger", r.excess, True),
            Line("Samples that resemble a member", percent(r.members), basis),
            Line("Samples that resemble a stranger", percent(r.strangers), basis),
        ],
        [Line("Samples that are a likeness of a named person", count(r.n_likenesses), "listed below"), threshold],
        resemblance_chart(findings),
    )


def _excess(findings: Findings) -> str:
    r = findings.resemblance
    members, strangers = percent(r.members), percent(r.strangers)
    if isinstance(r.excess, Unresolvable):
        return "It cannot be estimated how many more samples resemble members than strangers."
    if r.excess.low > 0:
        by = f"{members} of the samples resemble a member; {strangers} resemble a stranger. The difference, "
        by += f"{percent(r.excess.value)} of the samples, is "
        return f"{by}{_beyond_chance(findings)}."
    if r.excess.high < 0:
        return (
            f"Fewer samples resemble a member ({members}) than a stranger ({strangers}): no sign of a leak, but the "
            "two groups may differ in some other way."
        )
    return f"{members} of the samples resemble a member and {strangers} a stranger: no difference beyond chance."


def _beyond_chance(findings: Findings) -> str:
    """What an excess above 0 is, as far as the split and the verdict allow to say."""
    split = findings.split_baseline
    if split.fairness != "fair":
        return "more than chance; there are too few people to check that training, and nothing else, added it"
    if any(isinstance(one, Estimate) and one.low > 0.5 for one in (split.auroc, split.same_attack)):
        return "more than chance; but members and strangers differ without the generator too (answer 1)"
    if findings.verdict == "leak":
        return "what training added"
    if findings.naming.n_exposed:
        return "more than chance, but the verdict does not rest on this figure"
    return "at the edge of chance, too little to count as a leak"


def copy_or_likeness(findings: Findings) -> Answer:
    """Answer 4."""
    c, sure = findings.copies, sure_copies(findings)
    photos = counted(c.calibrated_on, "held-out photo")
    lines = [Line("Copies" if c.beyond_chance or not c.n_copies else "Look like copies", *_of_samples(c))]
    if c.n_copies:
        lines.append(Line("Distinct pictures among them", count(c.n_distinct)))
    if c.beyond_chance:
        lines.append(Line("Certain and probable copies", sure.counts, "samples"))
        lines.append(Line("People copied", count(findings.affected.n_copied)))
    more = [
        Line("Pixel correlation threshold for a copy", number(c.threshold, 3), f"set on {photos}"),
        line("Held-out photos that would count as copies", c.heldout_rate, True),
    ]
    if c.highest is not None:
        more.insert(1, Line("Highest pixel correlation of any sample", number(c.highest, 3), "with a training photo"))
    if c.p is not None and not certain(c):
        more.append(
            Line("p if none of them is a copy", p_value(c.p), "distinct pictures", method="beta-binomial false copies")
        )
    few = "" if c.resolvable else f"With {photos}, false copies may be more frequent than 1 in 1,000. "
    return Answer(
        "Copy or likeness?",
        _copies(c, sure),
        f"{few}A copy reproduces a whole training photo, even if re-encoded, resized, mirrored, slightly cropped or "
        "changed in brightness. Not found: copies of only a part of a photo, such as the background, and copies in "
        "which no face was detected.",
        lines,
        more,
    )


def _of_samples(c: Copies) -> tuple[str, str]:
    return f"{count(c.n_copies)} of {count(c.n_samples)}", "samples"


def certain(c: Copies) -> str:
    """Why copies count whose number chance could explain: one is beyond doubt."""
    if not c.beyond_chance or c.p is None or c.p <= COPIES_P or c.highest is None:
        return ""
    return f" The closest has a pixel correlation of {number(c.highest, 3)}, which only the same photograph reaches."


def _copies(c: Copies, sure: SureCopies) -> str:
    samples = counted(c.n_samples, "sample")
    if not c.n_copies:
        return f"No copy of a training photo was found among {samples}."
    left_out = (
        f"{'It is' if c.n_copies == 1 else 'They are'} left out of all other figures, except the people "
        "affected and those with “copies in” (answer 1)."
    )
    distinct = f", {counted(c.n_distinct, 'distinct picture')}," if c.n_distinct < c.n_copies else ""
    if c.beyond_chance:
        are = "is" if c.n_copies == 1 else "are"
        what = f"{are} {sure.word('a copy' if c.n_copies == 1 else 'copies')} of a training photo"
        return f"{count(c.n_copies)} of {samples}{distinct} {what}.{certain(c)} {sure.sentence} {left_out}"
    look = "looks like a copy" if c.n_copies == 1 else "look like copies"
    chance = "" if c.p is None else f" ({p_is(c.p)})"
    return (
        f"{count(c.n_copies)} of {samples}{distinct} {look} of a training photo, no more than chance explains{chance}: "
        f"nobody counts as affected for that. In the other answers {'it counts' if c.n_copies == 1 else 'they count'} "
        "like all samples."
    )
