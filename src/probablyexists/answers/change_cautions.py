"""What a comparison of two audits is to be read with: cautions."""

from __future__ import annotations

from probablyexists.answers.change_verdict import N_WORSE, REPEATS
from probablyexists.answers.changes import MOST_DEALS, Change, can_reach
from probablyexists.answers.pooled_samples import Rows
from probablyexists.basis.errors import option
from probablyexists.results.findings import Findings
from probablyexists.stats.estimate import Estimate, Figure

LOW_POWER = 0.5
MOST_TIMES = 10
"""Times as many samples in one audit as in the other, from which the nearest that are kept may not be enough."""


def cautions(
    first: Findings,
    second: Findings,
    rows: Rows,
    sizes: tuple[int, int],
    *,
    change: Change,
    level: float,
    not_worse: bool | None,
    margin: float,
    power: Figure,
    area: Figure,
    filtered: bool,
) -> list[str]:
    """`rows`: people in both audits; `sizes`: samples of each; `change`: of the actual samples; `level`: of the
    verdict; `area`: AUROC of the second audit; `filtered`: strangers' likenesses were left out."""
    # A guard's threshold is of its own recogniser's similarities, so it is not asked for.
    known = filtered or (second.again is not None and second.again.guard is not None)
    return [
        *about_level(level),
        *_about_set(not_worse, margin),
        *_about_power(power),
        *_about_auroc(area, known),
        *about_unjudged(change),
        *_about_again(second, filtered),
        *_about_audits(first, second, rows, sizes),
    ]


def about_level(level: float) -> list[str]:
    """What no comparison at this level can say: known before it is made."""
    if can_reach(level, 1 / N_WORSE):
        return []
    words = '"worse"' if can_reach(level) else '"reduced" or "worse"'
    return [
        f"at a level of {level:.2g} no result can be {words}: samples are dealt again at most {MOST_DEALS:,} times; "
        "after so many looks, make a new first audit with new held-out people"
    ]


TRAINED_AGAIN = (
    "what is tested is whether one generator gave both sets of samples; two trainings differ by chance too, so if the "
    "generator was trained again, a difference is not yet the mitigation's: train several times, with it and without"
)
"""Of six pairs of trainings in which nothing was done, one is called "reduced" and one "worse"
(docs/results/mitigation.md)."""


SAME_EYES = (
    "the guard looks with the recogniser that judges here, so that what the guard does not see may not be seen here "
    "either; better: make both audits with a recogniser that took no part in filtering"
)
OTHER_EYES = "the guard looks with another recogniser, and an audit keeps similarities by the one that judges alone"
NO_THRESHOLD = "the guard's file does not say its threshold"
NOT_MIRRORED = (
    "strangers' likenesses were not left out by the guard's rule ({why}): the guard took samples away from members "
    "alone, so that members look safer than strangers in the second audit (its AUROC is too low, towards and below "
    "0.5) and the fall of exposure holds for what leaves the guard only"
)


def _about_again(after: Findings, filtered: bool) -> list[str]:
    again, said = after.again, []
    if again is None or not (again.same_generator or again.guard is not None or again.selection):
        said.append(TRAINED_AGAIN)
    if again is None:
        return [
            *said,
            "the second audit was not made by reaudit, so that nobody counts how often the first was looked at again",
        ]
    if again.selection:
        said.append("samples were selected from the first audit: this judges the selection, not the model")
    if again.same_generator:
        said.append("the same generator was sampled in both audits: what differs is chance")
    if again.n_in_before and not again.selection:
        said.append(
            f"{again.n_in_before:,} samples of the second audit are in the first too, byte by byte: counted as drawn "
            "anew" + (", as the user says" if again.drawn_anew else "")
        )
    if again.guard is not None:
        said.append(
            "the second audit's samples passed a guard: this judges what leaves it, not the generator behind it"
        )
        if again.guard.judges_too:
            said.append(SAME_EYES)
        if not filtered:
            said.append(NOT_MIRRORED.format(why=NO_THRESHOLD if again.guard.judges_too else OTHER_EYES))
    return said


def _about_set(not_worse: bool | None, margin: float) -> list[str]:
    if not_worse:
        return []
    return [f"that other members are no more exposed, by {margin:g} standard deviations on average, is not shown"]


def about_unjudged(change: Change) -> list[str]:
    before, after = change.before.unjudged, change.after.unjudged
    if not before.any() and not after.any():
        return []
    said = (
        f"neither named nor cleared are {before.sum():,} members in the first audit and {after.sum():,} in the second: "
        "too few held-out people to name somebody alone, or no fair split; it is no sign of a reduction"
    )
    if n := int(change.first_named.sum()):
        who = "1 of those of the first is" if n == 1 else f"{n:,} of those of the first are"
        said += f"; {who} named in the second, which does not count as newly exposed"
    return [said]


def _about_power(power: Figure) -> list[str]:
    if isinstance(power, Estimate) and power.value < LOW_POWER:
        return [f"a halving would be found with probability {100 * power.value:.0f} % only; more samples show more"]
    return []


def _about_auroc(area: Figure, known: bool) -> list[str]:
    if not isinstance(area, Estimate) or area.high >= 0.5:
        return []
    hint = "" if known else f"; if the samples passed a filter of members, give its threshold with {option('filtered')}"
    return [f"members look safer than strangers (AUROC {area.value:.3f}): that is a membership signal too{hint}"]


def _about_audits(first: Findings, second: Findings, rows: Rows, sizes: tuple[int, int]) -> list[str]:
    said = []
    if max(sizes) > MOST_TIMES * min(sizes):
        said.append(f"the audits have {sizes[0]:,} and {sizes[1]:,} samples: of fewer, less is found; draw as many")
    for which, audit in (("first", first), ("second", second)):
        sampling = audit.sampling
        repeated = sampling.n_samples - sampling.n_distinct
        if repeated > REPEATS * sampling.n_samples:
            said.append(
                f"{repeated:,} of {sampling.n_samples:,} samples of the {which} audit repeat a picture of another; "
                "unless they were drawn independently, p-values are too small"
            )
    judges = sum(one.judges for one in first.trust)
    if judges > 1 and first.neighbours is not None:
        said.append(f"of {judges} recognisers only {first.neighbours.recogniser} is compared")
    n_heldout = first.naming.n_heldout
    n_here = len({person for person, member in zip(rows.person, rows.is_member, strict=True) if not member})
    if n_here < n_heldout:
        said.append(
            f"{n_here:,} of {n_heldout:,} held-out people of the first audit are in both, and judge here: with fewer "
            "of them, fewer members are named than in the first audit"
        )
    return said
