"""The verdict on two audits: reduced, worse, not shown, or not decidable. Never "removed"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.answers.changes import MOST_DEALS, can_reach
from probablyexists.results.comparison import SetChange, Verdict
from probablyexists.stats.estimate import Estimate, Figure

LEVEL = 0.025
"""One-sided, by default: if nothing changed, "reduced" is said of at most 2.5 % of pairs of audits."""
MARGIN = 0.2
"""Standard deviations by which the others may be more exposed on average and count as no worse."""
N_WORSE = 3
"""Ways to be worse, which share the level: those treated, the others, the number of newly exposed."""
REPEATS = 0.1
"""Share of samples that repeat a picture of another from which dealing sample by sample is in doubt."""
FREE = "free samples"


@dataclass(frozen=True)
class Judgement:
    """The verdict and why."""

    verdict: Verdict
    sentence: str
    because: list[str]


def judge(changes: Sequence[SetChange], level: float, power: Figure, samples: str = FREE) -> Judgement:
    """By rules fixed before the second audit. `samples`: what those of the second audit are."""
    if not can_reach(level):
        why = f"samples are dealt again at most {MOST_DEALS:,} times, and no p-value can be as small as {level:.2g}"
        sentence = f"Not decidable at this look: {why}. Make a new first audit with new held-out people."
        return Judgement("not decidable", sentence, [why])
    treated, others, new = changes
    usual = new.no_change.mean
    worse = [
        text
        for one, text in (
            (treated, f"those treated are more exposed (p = {treated.p_worse:.2g})"),
            (others, f"other members are more exposed (p = {others.p_worse:.2g})"),
            (
                new,
                f"{new.n:,} members are newly exposed, {usual:.1f} if nothing changed (p = {new.p_worse:.2g})",
            ),
        )
        if one.p_worse <= level / N_WORSE
    ]
    if worse:
        return Judgement("worse", f"Exposure rose: {'; '.join(worse)}.", worse)
    if not treated.n:
        unsure = others.n_unjudged_before
        but = f" ({unsure:,} {'was' if unsure == 1 else 'were'} neither named nor cleared)" * bool(unsure)
        why = f"nobody was affected in the first audit{but}, so there is nobody whose exposure could be shown to fall"
        return Judgement("not shown", f"A reduction is not shown: {why}.", [why])
    by = f"by {treated.mean:+.2f} standard deviations, {treated.no_change.mean:+.2f} if nothing changed"
    still = f"{treated.n_after:,} of {treated.n:,} treated {'is' if treated.n_after == 1 else 'are'} still affected"
    if unsure := treated.n_unjudged_after:
        still += f", and {unsure:,} {'is' if unsure == 1 else 'are'} neither named nor cleared"
    assert treated.p_reduced is not None
    beyond = f"Whoever is not found in {samples} may still be in the model."
    p = f"p = {treated.p_reduced:.2g}"
    if treated.p_reduced <= level:
        sentence = f"Those treated are less exposed than selection alone explains ({p}); {still}. {beyond}"
        return Judgement("reduced", sentence, [f"exposure of those treated changed {by} ({p})"])
    said = f"exposure of those treated changed {by} ({p}, needed {level:.3g})"
    found = f" A halving is found with probability {100 * power.value:.0f} %." if isinstance(power, Estimate) else ""
    return Judgement("not shown", f"A reduction is not shown ({p}); {still}.{found} {beyond}", [said])
