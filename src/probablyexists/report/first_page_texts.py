"""The first page as text: the verdict for somebody who reads no further. All of it is in the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.answers.audit_verdict import LEAST_SAMPLES
from probablyexists.answers.comparisons import hardly_nameable
from probablyexists.report.copy_certainty import SureCopies, sure_copies
from probablyexists.report.first_page_steps import Step, next_steps
from probablyexists.report.limit_texts import leaked_share
from probablyexists.report.sample_texts import certain
from probablyexists.report.words import absent, capital, count, counted, in_a_row, p_is, percent
from probablyexists.results.findings import Findings, RoleData
from probablyexists.stats.estimate import Estimate, Unresolvable

LETTERS = 450
"""Letters of reasons, and of limits, that fit on the page; those that follow are told on the next."""


@dataclass(frozen=True)
class FirstPage:
    """What the first page says, each part a list of sentences."""

    because: Sequence[str]
    limits: Sequence[str]
    affected: Sequence[str]
    sure: Sequence[str]
    tested: Sequence[str]
    not_tested: Sequence[str]
    steps: Sequence[Step]
    more_because: Sequence[str]
    """Reasons that do not fit on the page."""
    more_limits: Sequence[str]


def first_page(findings: Findings) -> FirstPage:
    """The verdict's reasons and limits as far as they fit, who is affected, how sure, what was tested, what to do."""
    because, more_because = fitting(findings.because)
    limits, more_limits = fitting(findings.cautions)
    return FirstPage(
        because,
        limits,
        _affected(findings),
        _sure(findings),
        _tested(findings),
        _not_tested(findings),
        next_steps(findings),
        more_because,
        more_limits,
    )


def fitting(texts: Sequence[str], letters: int = LETTERS) -> tuple[list[str], list[str]]:
    """The first texts that have so many letters together at most, and the others.

    >>> fitting(["abc", "de", "f"], 5)
    (['abc', 'de'], ['f'])
    """
    n, used = 0, 0
    while n < len(texts) and used + len(texts[n]) <= letters:
        used += len(texts[n])
        n += 1
    return list(texts[:n]), list(texts[n:])


def _affected(findings: Findings) -> list[str]:
    a, naming, unfair = findings.affected, findings.naming, findings.naming.n_exposed is None
    said = []
    if a.n_named:
        said.append(
            f"{counted(a.n_named, 'person', 'people')} can be recognised: the samples show their likeness more "
            "strongly than chance explains."
        )
    if a.n_copied:
        both = a.n_named + a.n_copied - a.n
        also = f" {counted(both, 'person is', 'people are')} both." if both else ""
        said.append(f"{_copied(a.n_copied, sure_copies(findings))}{also}")
    elif findings.copies.beyond_chance:
        said.append("Samples reproduce training photos that were set aside, so it is not told whose they are.")
    if a.n:
        how = "by name" if findings.names_shown else "under pseudonyms"
        said.append(f"Those affected are listed, {how}, under “The people affected”.")
    if unfair:
        who = "Who else can be recognised" if a.n else "Who can be recognised"
        said.append(f"{who} is not claimed: members and strangers differ even without the generator.")
    elif not a.n_named and naming.smallest_nameable > naming.n_members:
        said.append(
            f"With {counted(naming.n_heldout, 'held-out person', 'held-out people')} nobody can be named, however "
            "clearly the samples show them: that nobody is named tells nothing."
        )
    elif not a.n_named and hardly_nameable(naming.smallest_nameable, naming.n_members):
        who = "Who else can be recognised" if a.n else "Who can be recognised"
        said.append(
            f"{who} is not judged: with {counted(naming.n_heldout, 'held-out person', 'held-out people')} nobody is "
            f"named unless about {count(naming.smallest_nameable)} people are strongly exposed at once."
        )
    elif not a.n and findings.verdict == "leak" and not findings.copies.beyond_chance:
        said.append(
            "Nobody in particular is named: members are given away as a group, and any of them may be affected."
        )
    elif not a.n:
        said.append("Nobody is named or copied. That clears nobody: there was not enough evidence to name them.")
    return [*said, *_clusters(findings)]


def _copied(n: int, sure: SureCopies) -> str:
    who = counted(n, "person is", "people are")
    if sure.certain:
        more = f", {count(len(sure.probable))} of them only probably" if sure.probable else ""
        return f"{who} copied{more}: a sample reproduces a training photo of theirs."
    reproduces = "probably reproduces" if sure.probable else "reproduces"
    return f"{who} {sure.copied}: a sample {reproduces} a training photo of theirs."


def _clusters(findings: Findings) -> list[str]:
    if findings.data.clusters is None:
        return []
    return ["The photos had no names: a person here is a group of similar faces, and somebody may be several."]


def _sure(findings: Findings) -> list[str]:
    a, copies, split = findings.affected, findings.copies, findings.split_baseline
    said = []
    if findings.verdict == "inconclusive":
        said.append("This audit shows neither that there is a leak nor that there is none.")
    if a.n_named:
        level = percent(findings.naming.level)
        said.append(f"At most {level} of the names that such an audit gives are expected to be wrong.")
        said += _for_the_verdict(findings)
    if copies.beyond_chance:
        by_chance = f" ({p_is(copies.p)})" if copies.p is not None and not certain(copies) else ""
        said.append(f"Chance does not explain the copies{by_chance}. {sure_copies(findings).sentence}".strip())
    if findings.verdict == "no evidence":
        said += leaked_share(findings)
    apart = [f for f in (split.auroc, split.same_attack) if isinstance(f, Estimate) and not f.low <= 0.5 <= f.high]
    if split.fairness == "fair" and not apart:
        said.append("Members and strangers do not differ without the generator, as far as could be checked.")
    if findings.naming.n_exposed is not None and not isinstance(findings.missed.power, Unresolvable):
        missed = "others may have been missed" if a.n else "a leak may have been missed"
        said.append(f"A likeness is rarely as clear as the photos that this audit was tried with: {missed}.")
    return [*said, _recogniser(findings)]


def _for_the_verdict(findings: Findings) -> list[str]:
    """What the verdict rests on where not all names count for it."""
    naming, n = findings.naming, findings.affected.n_named
    strong = naming.n_for_verdict
    if strong is None or strong >= n:
        return []
    rests = ["the copies"] if findings.copies.beyond_chance else []
    rests += ["members as a group"] if any("members as a group" in text for text in findings.because) else []
    level = percent(naming.verdict_level)
    if strong:
        also = f", and on {in_a_row(rests)}" if rests else ""
        these = f"{count(strong)} {'is' if strong == 1 else 'are'}"
        rest = "it" if strong == 1 else "these"
        return [
            f"Of the {count(n)} names, {these} strong enough for the verdict ({level}), which rests on {rest}{also}."
        ]
    none = f"None of the {count(n)} names is" if n > 1 else "The one name is not"
    if findings.verdict != "leak" or not rests:
        return [f"{none} strong enough for the verdict ({level})."]
    alone = " alone" if len(rests) == 1 else ""
    return [f"{none} strong enough for the verdict ({level}); the verdict rests on {in_a_row(rests)}{alone}."]


def _recogniser(findings: Findings) -> str:
    """How often the first recogniser that judges misses somebody."""
    judge = next((one for one in findings.trust if one.judges), findings.trust[0])
    which = "The recogniser" if len(findings.trust) == 1 else "The first recogniser that judges"
    at = [one for one in judge.rates if one.kind == "fmr-1-percent"]
    rates = [one.fnmr for one in at]
    for one in at:
        if isinstance(one.fnmr, Estimate) and isinstance(one.fmr, Estimate):
            missed, matched = percent(one.fnmr.value), percent(one.fmr.value)
            return f"{which} misses {missed} of matching faces where it wrongly matches {matched} of different people."
    why = f": {absent(rates[0])}" if rates and isinstance(rates[0], Unresolvable) else ""
    return f"How often the recogniser is wrong here is not known{why}."


def _tested(findings: Findings) -> list[str]:
    n, data = findings.naming, findings.data
    members = f"{counted(n.n_members, 'member')}{data.of_members_given}"
    strangers = counted(n.n_heldout, "stranger")
    training = _role(findings, "training")
    photos = counted(training.n_acquired, "training photo") if training else "a training photo"
    said = [
        f"Likeness: whether the samples show the {members}, people in the training set, more clearly than {strangers}, "
        "people held out from training.",
        f"Copies: whether a sample reproduces one of {photos}.",
    ]
    if _role(findings, "unseen"):
        said.append("Both the photos that were trained on and other photos of the same people.")
    n_judges = max(1, sum(one.judges for one in findings.trust))
    n_attacks = 1 + sum(one.kind == "attack" for one in findings.second_opinions)
    ways = "a way" if n_attacks == 1 else "ways"
    by = f"By {counted(n_judges, 'face recogniser')} and {counted(n_attacks, 'attack')}"
    said.append(f"{by}, {ways} to tell members from strangers.")
    if findings.groups:
        said.append(f"Each of {counted(len(findings.groups), 'group')} of people by itself (see “By group”).")
    return said


def _not_tested(findings: Findings) -> list[str]:
    said = []
    if findings.sampling.n_distinct < LEAST_SAMPLES:
        said.append(f"Enough samples: at least {count(LEAST_SAMPLES)} distinct ones are needed.")
    said.append("More samples than these: each is another chance to leak.")
    said.append(
        "Other attacks and recognisers, which may see more, and attacks with access to the generator’s weights."
    )
    said.append("Leaks of anything but faces, and copies of a part of a photo.")
    if not _role(findings, "unseen"):
        said.append("Other photos of the people in the training set: none were given.")
    if not findings.groups:
        said.append("Whether some groups of people are more at risk: no groups were given.")
    return [*said, *_set_aside(findings), "Whether the law is kept: this page says what was measured."]


def _set_aside(findings: Findings) -> list[str]:
    """What was given and took no part, by kind."""
    data, parts = findings.data, []
    for name, one in (("training", "training photo"), ("heldout", "held-out photo"), ("generated", "sample")):
        role = _role(findings, name)
        if role and role.n_set_aside:
            parts.append(f"{count(role.n_set_aside)} of {counted(role.n_images, one)}")
    said = [f"{capital(', '.join(parts))} that could not be used."] if parts else []
    twice = sum(data.n_duplicates_set_aside.values())
    clusters = sum(data.clusters.n_photos_set_aside.values()) if data.clusters else 0
    if twice + clusters:
        why = "that are in two roles, or show somebody who is" if clusters else "that are in two roles"
        said.append(f"{counted(twice + clusters, 'photo')} {why}.")
    return said


def _role(findings: Findings, name: str) -> RoleData | None:
    return next((role for role in findings.data.roles if role.role == name), None)
