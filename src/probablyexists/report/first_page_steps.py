"""What to do next, on the first page: withhold, retrain without, inform, ask again, as far as the findings call for."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from probablyexists.answers.comparisons import hardly_nameable
from probablyexists.report.people_texts import at_floor, is_unjudged
from probablyexists.report.words import capital, count, counted, in_a_row, percent, short
from probablyexists.results.findings import Findings
from probablyexists.stats.conformal import heldout_needed

GUARD = "The generator can make more, of which a guard refuses some (probablyexists guard)."


MOST_UNJUDGED = 3
"""People who are named as unjudged; more are counted."""


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    name: str
    text: str


def next_steps(findings: Findings) -> list[Step]:
    """In the order in which they are to be done. What the law asks for is not said."""
    if findings.verdict == "leak":
        return [
            _withhold(findings),
            _retrain(findings),
            _inform(findings),
            *_more_heldout(findings),
            _ask_again_changed(),
        ]
    if findings.verdict == "no evidence":
        return [
            _withhold(findings),
            Step(
                "Say what was found",
                "Pass the verdict on with its limits: it clears neither a person nor the generator.",
            ),
            *_more_heldout(findings),
            Step("Ask again", "Audit again before more samples than these are published, and after every change."),
            _one_person(),
        ]
    possibly = [_possibly(findings)] if findings.affected.n else []
    return [
        _withhold(findings),
        *possibly,
        *_more_heldout(findings),
        Step("Ask again", "Mend what is listed under “Because”, and audit again: until then nothing is cleared."),
        _one_person(),
    ]


def n_leaked(findings: Findings) -> int:
    """Samples that are copies or likenesses: the lines of withhold.txt."""
    return int(pc.sum(pc.not_equal(findings.samples["kind"], "none")).as_py() or 0)


def n_unjudged(findings: Findings) -> int:
    """Samples that resemble somebody who is neither named nor cleared, and are no copies or likenesses."""
    return len(findings.samples) - int(findings.samples["unjudged"].null_count)


def _withhold(findings: Findings) -> Step:
    n, unsure = n_leaked(findings), n_unjudged(findings)
    drawn = "generator" in findings.signature.settings
    alike = f"{counted(unsure, 'sample')} that {'resembles' if unsure == 1 else 'resemble'} somebody who is neither "
    alike += "named nor cleared"
    too = f" Hold back too, as withhold does: {alike}." * bool(unsure)
    if n:
        the = f"the {counted(n, 'sample')}" if n > 1 else "the sample"
        rest = "The others are not cleared." if findings.verdict == "inconclusive" else GUARD
        if findings.verdict == "no evidence":
            rest = "They look like copies, if no more of them than chance explains."
        how = " (probablyexists withhold copies the others)"
        if drawn:
            how = " (probablyexists draw writes all into a folder, withhold copies the others)"
        return Step("Withhold", f"Do not publish {the} that withhold.txt lists{how}. {rest}{too}")
    if findings.verdict == "leak":
        return Step("Withhold", "No single sample stands out, so none can be picked out: publish none of them.")
    if findings.verdict == "no evidence":
        return Step("Withhold", too.strip() or "No sample was found that has to be withheld.")
    least = f", least of all {alike}" if unsure else ""
    found = "" if unsure else "No sample was found that has to be withheld, but "
    return Step("Withhold", capital(f"{found}none is cleared: do not publish them yet{least}."))


def _more_heldout(findings: Findings) -> list[Step]:
    """How many held-out people it takes to name one person alone, and who is unjudged until then."""
    naming = findings.naming
    if naming.n_exposed is None or naming.smallest_nameable <= 1:
        return []
    rows = [row for row in findings.people.to_pylist() if row["reason"] is None and at_floor(findings, row)]
    if not rows and not hardly_nameable(naming.smallest_nameable, naming.n_members):
        return []
    n_attacks = 1 + sum(one.kind == "attack" for one in findings.second_opinions)
    level = min(naming.level, naming.verdict_level)
    needed = heldout_needed(n_attacks * naming.n_members, 1, level)
    text = (
        f"To name one person alone among {counted(naming.n_members, 'member')} (q of {percent(level)} or less), "
        f"{count(needed)} held-out people are needed; here are {count(naming.n_heldout)}."
    )
    if rows:
        names = [short(row["person"]) for row in rows[:MOST_UNJUDGED]]
        more = [f"{count(len(rows) - MOST_UNJUDGED)} more"] if len(rows) > MOST_UNJUDGED else []
        text += f" Unjudged until then, not cleared: {in_a_row([*names, *more])}; no held-out person is as exposed."
    return [Step("Add held-out people", text)]


def unjudged_line(findings: Findings) -> list[str]:
    """Who is neither named nor cleared, and the samples held back for that, in a line for the terminal."""
    naming, n = findings.naming, n_unjudged(findings)
    rows = [row for row in findings.people.to_pylist() if is_unjudged(findings, row)]
    why = "the split is not fair"
    if naming.n_exposed is not None:
        why = "too few held-out people to name one person alone"
        if not hardly_nameable(naming.smallest_nameable, naming.n_members):
            why = "no held-out person is as exposed, and more would be needed"
    if not rows and not n:
        return []
    held = f"; held back for them too: {counted(n, 'sample')}" if n else ""
    return [f"Not judged by likeness, not cleared: {counted(len(rows), 'member')} ({why}){held}"]


def _retrain(findings: Findings) -> Step:
    keep = "Do not publish the generator as it is."
    a = findings.affected
    if a.n:
        whom = "the person" if a.n == 1 else f"the {counted(a.n, 'person', 'people')}"
        return Step("Retrain without", f"{keep} Train it again without the photos of {whom} affected.")
    if findings.copies.beyond_chance:
        return Step("Retrain without", f"{keep} Train it again without the photos that are copied.")
    return Step("Retrain", f"{keep} Nobody is named whom it could be trained without: train it in another way.")


def _inform(findings: Findings) -> Step:
    a = findings.affected
    if not a.n:
        return Step("Inform the people", "Nobody is named, so all people in the training set may be concerned.")
    whom = "the person" if a.n == 1 else f"the {counted(a.n, 'person', 'people')}"
    who = ""
    if findings.data.clusters is not None:
        who = " Their photos have no names: who they are has to be found out by hand."
    elif not findings.names_shown:
        who = " The same audit with --show-names tells whose the pseudonyms are."
    return Step("Inform the people", f"Decide whether {whom} affected must be told.{who}")


def _possibly(findings: Findings) -> Step:
    n = findings.affected.n
    whom = "the person" if n == 1 else f"the {counted(n, 'person', 'people')}"
    return Step("Be careful", f"Treat {whom} named as possibly affected.")


def _ask_again_changed() -> Step:
    return Step(
        "Ask again",
        "Audit the changed generator with new samples (probablyexists reaudit), and compare both audits "
        "(probablyexists compare): a second look at the same samples shows nothing.",
    )


def _one_person() -> Step:
    return Step(
        "If a person asks",
        "No audit of everybody clears one person: compare their own photos (probablyexists ask).",
    )
