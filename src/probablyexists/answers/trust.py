"""Answer 7: can the recogniser be trusted here? FMR and FNMR on the held-out people of this audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.resemblance import resemblance_threshold
from probablyexists.answers.view import View
from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.matching.cosines import similarities
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.results.findings import ErrorRates, Threshold, Trust
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.rates import false_match_rate, share_of_people

WORST_FNMR = 0.50
"""FNMR at FMR 1 % above which a recogniser is too weak for this data."""
MOST_PEOPLE = 3000
"""Non-mated comparisons grow with the square of the people; these are enough for an FMR of 1 in 100,000."""

_NAMES: dict[Threshold, str] = {"resemblance": "resemblance (answer 3)", "fmr-1-percent": "FMR 1 % on the members"}


def trust(
    view: View,
    recogniser: Recogniser,
    source_names: Mapping[Role, str],
    seed: int,
) -> Trust:
    """FMR and FNMR of templates against photos that are not in them, at thresholds set on the members.

    `source_names`: role -> name of its source. A source is an overlap if its name contains that of a set that shares
    people with the recogniser's training data. A recogniser that misses more than half of true matches does not
    judge (but see `judges.who_judges`).
    """
    training, heldout = view.training, view.heldout
    photos = max(1, min(common_count(heldout.people.counts) - 1, common_count(training.people.counts)))
    common = common_count(training.people.counts, heldout.people.counts)
    thresholds: dict[Threshold, float] = {"resemblance": resemblance_threshold(training, heldout, common)}
    at_one_percent = _threshold_for_fmr(training, photos, 0.01, seed)
    if at_one_percent is not None:
        thresholds["fmr-1-percent"] = at_one_percent
    rates = [_rates(kind, heldout, photos, value, seed) for kind, value in thresholds.items()]
    overlaps = [role for role, name in source_names.items() if any(part in name.lower() for part in recogniser.knows)]
    return Trust(
        recogniser=recogniser.id,
        judges=not _blind(rates, training, photos, seed),
        trained_on=recogniser.trained_on,
        overlaps=overlaps,
        photos=photos,
        rates=rates,
    )


def _blind(rates: Sequence[ErrorRates], training: Crowd, photos: int, seed: int) -> bool:
    """Whether more than half of true matches are missed at FMR 1 %: of held-out people, else of members."""
    for at in rates:
        if at.kind == "fmr-1-percent":
            fnmr = at.fnmr
            if isinstance(fnmr, Unresolvable):
                fnmr = _rates(at.kind, training, photos, at.threshold, seed).fnmr
            return isinstance(fnmr, Estimate) and fnmr.value > WORST_FNMR
    return False


def _some(
    templates: NDArray[np.float32], who: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """At most `MOST_PEOPLE` templates, drawn at random, and the people they belong to."""
    chosen = np.sort(rng(seed, "trust").permutation(len(who))[:MOST_PEOPLE])
    return templates[chosen], who[chosen]


def _threshold_for_fmr(training: Crowd, photos: int, fmr: float, seed: int) -> float | None:
    """The threshold at which a share `fmr` of the members' non-mated comparisons match; None below 3 members."""
    templates, who = _some(*training.templates(photos), seed)
    if len(who) < 3:
        return None
    probes = training.table.embeddings[[training.people.rows[i][-1] for i in who]]
    scores = similarities(probes, templates)[~np.eye(len(who), dtype=bool)]
    return float(np.quantile(scores, 1 - fmr, method="higher"))


def group_rates(heldout: Crowd, error_rates: Trust, seed: int) -> tuple[Figure, Figure]:
    """(FMR, FNMR) among these held-out people, at the threshold at which 1 % of all members' comparisons match.

    `error_rates`: those of all people, with that threshold.
    """
    at = [rates.threshold for rates in error_rates.rates if rates.kind == "fmr-1-percent"]
    if not at:
        few = Unresolvable("needs at least 3 members for the threshold", 3, None)
        return few, few
    rates = _rates("fmr-1-percent", heldout, error_rates.photos, at[0], seed)
    return rates.fmr, rates.fnmr


def _rates(kind: Threshold, heldout: Crowd, photos: int, threshold: float, seed: int) -> ErrorRates:
    templates, who = _some(*heldout.templates(photos, skip=1), seed)
    fmr: Figure
    fnmr: Figure
    if len(who) < 3:
        reason = f"needs at least 3 held-out people with {photos + 1} photos, has {len(who)}"
        fmr = fnmr = Unresolvable(reason, 3, len(who))
    else:
        match = (similarities(heldout.probes(who).embeddings, templates) >= threshold).astype(np.float64)
        fmr, fnmr = false_match_rate((match + match.T) / 2), share_of_people(1 - np.diagonal(match))
    return ErrorRates(kind=kind, name=_NAMES[kind], threshold=threshold, fmr=fmr, fnmr=fnmr)
