"""Answer 1 as text: can an attacker tell? One test decides one sentence, and an unfair split says nothing."""

from __future__ import annotations

from probablyexists.answers.comparisons import SUGGESTIVE_LEVEL
from probablyexists.answers.split_baseline import how_different
from probablyexists.report.answer_parts import Answer, Line, line
from probablyexists.report.charts import by_importance, membership_chart
from probablyexists.report.copy_certainty import sure_copies
from probablyexists.report.words import (
    absent,
    capital,
    count,
    counted,
    in_a_hundred,
    number,
    number_figure,
    p_is,
    p_value,
    percent,
    reasons,
)
from probablyexists.results.findings import Findings, Membership, SplitBaseline
from probablyexists.stats.estimate import Estimate, Figure

NEARLY_CERTAIN, CLEAR, SLIGHT = 0.95, 0.75, 0.60
"""AUROC from which the answer is "nearly certainly" and "clearly", and below which it is "a little"."""
FOUND_BY_CHANCE = 0.02
"""Twice what 1 % false alarms find if members are strangers: up to here nobody in particular is found."""


def can_an_attacker_tell(findings: Findings) -> Answer:
    """Answer 1."""
    test, tried = _attacks(findings)
    unfair = findings.split_baseline.fairness == "not fair"
    baseline = [
        line("Split baseline: AUROC without the generator", findings.split_baseline.auroc),
        line(
            "The same attack with strangers' photos in place of the samples: AUROC", findings.split_baseline.same_attack
        ),
    ]
    lines: list[Line] = []
    more: list[Line] = []
    for m in by_importance(findings.membership):
        if m.copies == "in" and m.level == "photo":
            continue
        what = f"{m.population}{', by photo' if m.level == 'photo' else ''}{', copies in' if m.copies == 'in' else ''}"
        shown = lines if m.level == "person" else more
        shown.append(line(f"AUROC, {what}", m.auroc))
        if unfair:
            continue
        shown.append(line(f"Members found at 1 % false alarms, {what}", m.tpr_at_fpr_1_percent, True))
        more.append(line(f"Members found at 0.1 % false alarms, {what}", m.tpr_at_fpr_0_1_percent, True))
        if m.p is not None and m.copies == "out":
            n = counted(m.auroc.n, "person", "people") if isinstance(m.auroc, Estimate) else ""
            more.append(Line(f"p-value, {what}", p_value(m.p), n, method=test))
    if unfair:
        lines, more = [], [*lines, *more]
    lines += baseline
    more += _shifts(findings.split_baseline)
    for second in findings.second_opinions:
        for population, auroc in second.auroc.items():
            more.append(line(f"AUROC, {population}, by person, {second.kind} {second.id}", auroc))
            if population in second.less_first:
                less = f"The same, less that of the figures above, {population}, {second.kind} {second.id}"
                more.append(line(less, second.less_first[population]))
            for share, tpr in (("1", second.tpr_at_fpr_1_percent), ("0.1", second.tpr_at_fpr_0_1_percent)):
                if population in tpr and not unfair:
                    found = f"Members found at {share} % false alarms, {population}, {second.kind} {second.id}"
                    more.append(line(found, tpr[population], True))
        if second.n_exposed is not None:
            alone = f"Members named with {second.kind} {second.id} alone"
            more.append(Line(alone, count(second.n_exposed), f"false discovery rate {percent(findings.naming.level)}"))
    more.append(
        line(
            "AUROC of the number of photos in doublings, members against strangers",
            findings.split_baseline.photo_counts,
        )
    )
    sentence, detail = (_unfair(findings), "") if unfair else _told(findings)
    return Answer(
        "Can an attacker tell?",
        sentence,
        "These figures do not tell what the generator learned from what the groups were before."
        if unfair
        else f"{tried} An average can hide a few people who leak; answer 2 looks at each. Only unseen photos show that "
        "the generator remembers people, not just pictures.",
        lines,
        more,
        membership_chart(findings),
        detail,
    )


def whose_figures(findings: Findings) -> tuple[str, str]:
    """Whose the group's p-values are, and whose the figures beside them; empty where one attack gives both."""
    n_attacks, n_strict = _tried(findings)
    best, nearest = (f" by the best of {n_attacks} attacks", "the nearest sample") if n_attacks > 1 else ("", "")
    largest, first = (f", the largest of {n_strict} recognisers'", "the first recogniser") if n_strict > 1 else ("", "")
    return best + largest, " with ".join(filter(None, (nearest, first)))


def _tried(findings: Findings) -> tuple[int, int]:
    """Attacks, and recognisers that judge each alone (0 where they judge together)."""
    strict = findings.signature.settings.get("consensus") == "strict"
    n_attacks = 1 + sum(second.kind == "attack" for second in findings.second_opinions)
    return n_attacks, sum(one.judges for one in findings.trust) if strict else 0


def _attacks(findings: Findings) -> tuple[str, str]:
    """The test behind the p-values, and the attacks and recognisers that were tried."""
    (n_attacks, n_strict), n_recognisers = _tried(findings), sum(one.judges for one in findings.trust)
    test = "Mann-Whitney, one-sided"
    tried = "Only one attack was tried, the nearest neighbour; a better one may find more."
    if n_attacks > 1:
        test = f"permutation test on the largest of {n_attacks} rank sums"
        tried = (
            f"{n_attacks} attacks were tried. The figures are from the nearest neighbour; the p-values are from the "
            "best attack, corrected for picking the best."
        )
    if n_strict > 1:
        test += f"; largest p of {n_strict} recognisers"
        tried += (
            f" {n_recognisers} recognisers judge, each alone: each p-value is the largest of them, so all must agree. "
            "All other figures are from the first."
        )
    elif n_recognisers > 1:
        tried += (
            f" {n_recognisers} recognisers judge together: the similarity of two faces is the weighted mean of theirs. "
            "What each finds alone is among the details."
        )
    return test, tried


def _unfair(findings: Findings) -> str:
    """Why nothing is claimed, and what to do; said once on the page."""
    split = findings.split_baseline
    known = [figure for figure in (split.auroc, split.same_attack) if isinstance(figure, Estimate)]
    worst = max(known, key=lambda figure: abs(figure.value - 0.5), default=None)
    how = "" if worst is None else f": AUROC {number_figure(worst)}, where 0.5 is fair"
    copies = " Copies need no strangers and stand (answer 4)." if findings.copies.beyond_chance else ""
    return (
        f"This cannot be answered: members and strangers can be told apart even without the generator{how}. Any "
        f"difference between them may come from there, so none is put down to training and nobody is named.{copies} "
        "Draw the held-out people at random from the same source as the members, before training (probablyexists "
        "split does it), and audit again."
    )


def _told(findings: Findings) -> tuple[str, str]:
    """What matters: those found one by one, then members as a group. And its details, what limits it, unseen photos."""
    tested = {m.population: m for m in findings.membership if m.level == "person" and m.copies == "out"}
    with_copies = {m.population: m for m in findings.membership if m.level == "person" and m.copies == "in"}
    seen, unseen, every = tested.get("seen photos"), tested.get("unseen photos"), with_copies.get("seen photos")
    if seen is None or seen.p is None:
        return "This cannot be answered: there are too few members or too few held-out people.", ""
    shown = seen.p <= SUGGESTIVE_LEVEL
    named = findings.affected.n_named
    found = seen.tpr_at_fpr_1_percent
    as_many = isinstance(found, Estimate) and found.value >= named / findings.naming.n_members
    said = _found(findings, in_figures=shown and _some(found) and as_many) + _copies_in(every)
    if said and not every and shown and isinstance(found, Estimate) and _some(found):
        said.append(f"By the nearest sample alone, {_found_at(found)}.")
    else:
        who = "identity alone, copies left out: " if every else "for members as a group: " if said else ""
        yes = _how(seen.auroc, found, spread=not named) if shown else "not shown"
        said.append(capital(f"{who}{yes}."))
    whose = whose_figures(findings)
    detail = [_picks(seen, every, *whose)]
    if unseen is not None and unseen.p is not None:
        detail.append(_unseen(unseen, whose[0], spread=not named))
    elif unseen is None:
        detail.append("No unseen photos of members were given, so this is about training photos only.")
    somehow = any(m.p is not None and m.p <= SUGGESTIVE_LEVEL for m in tested.values())
    return " ".join(said), " ".join(detail + _about_the_split(findings.split_baseline, somehow))


def _found(findings: Findings, *, in_figures: bool) -> list[str]:
    """People found one by one, where the average would hide them. `in_figures`: the share found says as much."""
    a = findings.affected
    if not a.n or (in_figures and not a.n_copied):
        return []
    n = findings.naming
    if not a.n_copied and not n.n_for_verdict:
        return [
            f"For some, perhaps: {counted(a.n, 'person is', 'people are')} named at a false discovery rate of "
            f"{percent(n.level)}, but nobody at the {percent(n.verdict_level)} that the verdict asks for (answer 2)."
        ]
    copied = sure_copies(findings).copied
    how = f"given away ({reasons(a, copied)}; answer 2)" if a.n_named else f"{copied} (answer 2)"
    return [f"For some, yes: {counted(a.n, 'person is', 'people are')} {how}."]


def _copies_in(every: Membership | None) -> list[str]:
    """What an attacker sees, with the copies among the samples."""
    if every is None:
        return []
    found, sees = every.tpr_at_fpr_1_percent, "What an attacker sees, copies included:"
    if isinstance(found, Estimate) and _some(found):
        return [f"{sees} {_found_at(found)}."]
    if isinstance(every.auroc, Estimate):
        return [f"{sees} the member is picked in {in_a_hundred(every.auroc.value)} (guessing: 50)."]
    return []


def _some(found: Figure) -> bool:
    """Whether more members are found than chance finds."""
    return isinstance(found, Estimate) and found.value > FOUND_BY_CHANCE


def _found_at(found: Estimate) -> str:
    return f"{percent(found.value)} of members are found at 1 % false alarms"


def _how(auroc: Figure, found: Figure, *, spread: bool) -> str:
    """The size of an effect that was shown, by its estimates. `spread`: nobody in particular is named."""
    if isinstance(found, Estimate) and _some(found):
        return f"{'yes, for most' if found.value > 0.5 else 'for some yes, for the others no'}: {_found_at(found)}"
    if not isinstance(auroc, Estimate):
        return "yes"
    if auroc.value >= NEARLY_CERTAIN:
        return "yes, nearly certainly"
    if auroc.value >= CLEAR:
        return "yes, clearly"
    return f"yes{', a little' * (auroc.value < SLIGHT)}{', spread over many people' * spread}"


def _picks(seen: Membership, every: Membership | None, tested_by: str, attack: str) -> str:
    """How often the attack is right about two people; whether that is shown is decided by the test alone."""
    assert seen.p is not None
    p = p_is(seen.p) + tested_by
    chance = ", which chance can explain" if seen.p > SUGGESTIVE_LEVEL else ""
    if not isinstance(seen.auroc, Estimate):
        return f"Members against strangers: {p}{chance}."
    copies = ""
    if every is not None and isinstance(every.auroc, Estimate):
        copies = f"; with the copies in {in_a_hundred(every.auroc.value)}"
        if copies.endswith(in_a_hundred(seen.auroc.value)):
            copies = "; with the copies as often"
    said = (
        f"Given training photos of a member and photos of a stranger, {attack or 'the attack'} picks the member in "
        f"{in_a_hundred(seen.auroc.value)}{chance} (guessing: 50; {p}){copies}."
    )
    if seen.auroc.high < 0.5:
        said += " Members score lower than strangers: the two groups may differ in some other way."
    return said


def _unseen(m: Membership, tested_by: str, *, spread: bool) -> str:
    """Other photos of the same people."""
    assert m.p is not None
    picked = f"{in_a_hundred(m.auroc.value)}, " if isinstance(m.auroc, Estimate) else ""
    how = "not shown" if m.p > SUGGESTIVE_LEVEL else _how(m.auroc, m.tpr_at_fpr_1_percent, spread=spread)
    return f"With other photos of the same people, not trained on: {how} ({picked}{p_is(m.p)}{tested_by})."


def _about_the_split(split: SplitBaseline, shown: bool) -> list[str]:
    """How far the split allows to put the difference down to training."""
    said = []
    apart = [f for f in (split.auroc, split.same_attack) if isinstance(f, Estimate) and not f.low <= 0.5 <= f.high]
    differ = ""
    if apart:
        most = max(apart, key=lambda figure: abs(figure.value - 0.5))
        differ = f"two groups differ {how_different(most)} even without the generator (AUROC {number_figure(most)})"
    if split.fairness == "not shown" and shown:
        few = "There are too few people to check that the two groups are alike without the generator"
        if apart:
            few = f"The {differ}: by how much, there are too few people to tell"
        said.append(f"{few}, so the difference between them is not put down to training.")
    elif apart and shown:
        said.append(f"But the {differ}, so training may not be the only cause.")
    elif apart:
        said.append(f"The {differ}.")
    if shown and split.group_shift is not None:
        needed = (
            f"To explain this away, strangers' scores would have to be {number(split.group_shift)} standard deviations "
            "higher; without the generator the difference"
        )
        if isinstance(split.shift, Estimate):
            there = f"is {number_figure(split.shift, signed=True)}{not_excluded(split.group_shift, split.shift)}"
        else:
            there = absent(split.shift)
        said.append(f"{needed} {there}.")
    return said


def not_excluded(needed: float, shift: Estimate) -> str:
    """What the two numbers mean: whether a difference between the sources may be all there is."""
    if shift.high >= needed:
        return ", so this is not excluded"
    return ", which is less"


def _shifts(split: SplitBaseline) -> list[Line]:
    """How large a difference between the sources would explain the result, beside the one there is."""
    lines = [
        Line(f"Strangers' scores would have to be higher, for {what}", f"by {number(shift)} standard deviations")
        for what, shift in (
            ("members as a group not to be above them", split.group_shift),
            ("nobody to be named", split.names_shift),
        )
        if shift is not None and split.fairness != "not fair"
    ]
    return [
        *lines,
        line("Without the generator, members' scores are higher by (standard deviations)", split.shift, signed=True),
    ]
