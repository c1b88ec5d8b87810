"""What to do next, on the first page: withhold, retrain without, inform, ask again, as far as the findings call for."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from probablyexists.report.words import counted
from probablyexists.results.findings import Findings

GUARD = "The generator can make more, of which a guard refuses some (probablyexists guard)."


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    name: str
    text: str


def next_steps(findings: Findings) -> list[Step]:
    """In the order in which they are to be done. What the law asks for is not said."""
    if findings.verdict == "leak":
        return [_withhold(findings), _retrain(findings), _inform(findings), _ask_again_changed()]
    if findings.verdict == "no evidence":
        return [
            _withhold(findings),
            Step(
                "Say what was found",
                "Pass the verdict on with its limits: it clears neither a person nor the generator.",
            ),
            Step("Ask again", "Audit again before more samples than these are published, and after every change."),
            _one_person(),
        ]
    possibly = [_possibly(findings)] if findings.affected.n else []
    return [
        _withhold(findings),
        *possibly,
        Step("Ask again", "Mend what is listed under “Because”, and audit again: until then nothing is cleared."),
        _one_person(),
    ]


def n_leaked(findings: Findings) -> int:
    """Samples that are copies or likenesses: the lines of withhold.txt."""
    return int(pc.sum(pc.not_equal(findings.samples["kind"], "none")).as_py() or 0)


def _withhold(findings: Findings) -> Step:
    n = n_leaked(findings)
    if n:
        the = f"the {counted(n, 'sample')}" if n > 1 else "the sample"
        rest = "The others are not cleared." if findings.verdict == "inconclusive" else GUARD
        if findings.verdict == "no evidence":
            rest = "They look like copies, if no more of them than chance explains."
        how = "" if "generator" in findings.signature.settings else " (probablyexists withhold copies the others)"
        return Step("Withhold", f"Do not publish {the} that withhold.txt lists{how}. {rest}")
    if findings.verdict == "leak":
        return Step("Withhold", "No single sample stands out, so none can be picked out: publish none of them.")
    if findings.verdict == "no evidence":
        return Step("Withhold", "No sample was found that has to be withheld.")
    return Step(
        "Withhold", "No sample was found that has to be withheld, but none is cleared: do not publish them yet."
    )


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
