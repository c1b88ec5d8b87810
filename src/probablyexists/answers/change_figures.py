"""The figures of a comparison of two audits: each set of members, each person, the AUROC, what it cost."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from probablyexists.answers.changes import N_TREATED, NEW, NEW_BY, OTHERS, SHOWN, TREATED, Comparing
from probablyexists.answers.changes import Side as Audit
from probablyexists.answers.pooled_samples import Pooled, Rows
from probablyexists.answers.sampling import FEWEST
from probablyexists.results.comparison import Cost, PersonChange, PersonSet, Set, SetChange, UnderNoChange
from probablyexists.results.findings import FaceVariety, Findings
from probablyexists.stats.contrast import mean, mean_difference
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.relabelling import no_change, p_high, p_low, smallest_of
from probablyexists.stats.roc import Side, auroc_estimate


def sets(comparing: Comparing, dealt: NDArray[np.float64], margin: float) -> list[SetChange]:
    """Those treated, the others, those newly exposed.

    What nothing changed gives for a set of people who were chosen is taken over the deals in which somebody is in it.
    """
    actual, is_member = comparing.actual, comparing.pooled.people.is_member
    others = _set(comparing, "others", is_member & ~actual.treated, dealt[:, OTHERS])
    somebody = dealt[dealt[:, N_TREATED] > 0] if (dealt[:, N_TREATED] > 0).any() else dealt
    renewed = dealt[dealt[:, NEW] > 0] if (dealt[:, NEW] > 0).any() else dealt
    beyond = others.beyond
    both = [TREATED, SHOWN]
    less = smallest_of(actual.statistics[both], dealt[:, both])
    more = smallest_of(-actual.statistics[both], -dealt[:, both])
    by = actual.statistics
    return [
        _set(comparing, "treated", actual.treated, somebody[:, TREATED]).model_copy(
            update={"p_reduced": p_low(*less), "p_worse": p_low(*more)}
        ),
        others.model_copy(
            update={
                "p_reduced": p_low(by[OTHERS], dealt[:, OTHERS]),
                "p_worse": p_high(by[OTHERS], dealt[:, OTHERS]),
                "not_worse": beyond.high <= margin if isinstance(beyond, Estimate) else None,
            }
        ),
        _set(comparing, "newly exposed", actual.new, dealt[:, NEW], renewed[:, NEW_BY]).model_copy(
            update={"p_worse": p_high(by[NEW], dealt[:, NEW])}
        ),
    ]


def _set(
    comparing: Comparing,
    name: Set,
    chosen: NDArray[np.bool_],
    dealt: NDArray[np.float64],
    differences: NDArray[np.float64] | None = None,
) -> SetChange:
    """Without p-values. `dealt`: what `no_change` is of; `differences`: mean differences, if that is something else."""
    actual = comparing.actual
    found = mean_difference(actual.difference[chosen])
    none = no_change(dealt)
    by = none.mean if differences is None else float(differences.mean())
    return SetChange(
        set=name,
        n=int(chosen.sum()),
        n_before=int(actual.before.affected[chosen].sum()),
        n_after=int(actual.after.affected[chosen].sum()),
        n_unjudged_before=int(actual.before.unjudged[chosen].sum()),
        n_unjudged_after=int(actual.after.unjudged[chosen].sum()),
        mean=float(actual.difference[chosen].mean()) if chosen.any() else None,
        difference=found,
        no_change=UnderNoChange(mean=none.mean, low=none.low, high=none.high),
        beyond=_less(found, by),
        shown_before=int(actual.before.shown[chosen].sum()),
        shown_after=int(actual.after.shown[chosen].sum()),
        p_reduced=None,
        p_worse=1.0,
        not_worse=None,
    )


def _less(figure: Figure, by: float) -> Figure:
    if not isinstance(figure, Estimate):
        return figure
    method = f"{figure.method}; less the mean of the deals"
    return Estimate(figure.value - by, figure.low - by, figure.high - by, figure.level, method, figure.n)


def people(comparing: Comparing) -> list[PersonChange]:
    """Those treated, newly exposed, and not judged before; the most exposed after first."""
    actual, rows = comparing.actual, comparing.pooled.people
    after = actual.after
    which: list[tuple[int, PersonSet]] = [(int(i), "treated") for i in np.flatnonzero(actual.treated)]
    which += [(int(i), "newly exposed") for i in np.flatnonzero(actual.new)]
    which += [(int(i), "not judged before") for i in np.flatnonzero(actual.first_named)]
    which.sort(key=lambda one: (-after.exposure[one[0]], rows.person[one[0]]))
    return [
        PersonChange(
            person=rows.called[i] or rows.person[i],
            set=name,
            exposure_before=float(actual.before.exposure[i]),
            exposure_after=float(after.exposure[i]),
            after="affected" if after.affected[i] else "not judged" if after.unjudged[i] else "not affected",
            shown_before=int(actual.before.shown[i]),
            shown_after=int(after.shown[i]),
        )
        for i, name in which
    ]


def auroc(pooled: Pooled, audit: Audit) -> Figure:
    """Of exposures: members against held-out people, who may be in several comparisons."""
    rows = pooled.people
    strangers = np.flatnonzero(~rows.is_member)
    _, who = np.unique([rows.person[i] for i in strangers], return_inverse=True)
    theirs = Side(audit.exposure[strangers], who.astype(np.intp))
    return auroc_estimate(Side.one_each(audit.exposure[rows.is_member]), theirs)


def costs(before: Findings, after: Findings, rows: tuple[Rows, Rows], tables: tuple[pa.Table, pa.Table]) -> list[Cost]:
    """What a mitigation may make worse, as far as both audits recorded it."""
    found = [
        Cost(
            what="distinct pictures among the samples",
            group=None,
            before=before.sampling.n_distinct,
            after=after.sampling.n_distinct,
        ),
        Cost(
            what="share of samples in which the detector sees a face",
            group=None,
            before=before.sampling.with_face,
            after=after.sampling.with_face,
        ),
    ]
    ours, theirs = before.sampling, after.sampling
    different, distance = (_of_faces(ours.faces, theirs.faces, which) for which in ("different", "distance"))
    what = "different faces among the samples, effective number"
    found.append(Cost(what=what, group=None, before=different[0], after=different[1]))
    what = "distance of the samples from held-out people's photos (squared Frechet)"
    found.append(Cost(what=what, group=None, before=distance[0], after=distance[1]))
    if ours.refused is not None or theirs.refused is not None:
        what = "share of the pictures drawn that a guard refused"
        refused = (
            Unresolvable("samples were not drawn behind a guard") if x is None else x
            for x in (ours.refused, theirs.refused)
        )
        found.append(Cost(what=what, group=None, before=next(refused), after=next(refused)))
    groups = {group for group, _ in rows[0].stratum}
    for group in [None, *sorted(filter(None, groups))]:
        (near, n_pictures), (near_after, n_after) = (
            _of_strangers(one, table, group) for one, table in zip(rows, tables, strict=True)
        )
        what = "held-out people's similarity to the sample nearest to them, mean"
        found.append(Cost(what=what, group=group, before=mean(near), after=mean(near_after)))
        what = "different pictures among the samples nearest to held-out people"
        found.append(Cost(what=what, group=group, before=n_pictures, after=n_after))
    return found


def _of_faces(
    before: FaceVariety | None, after: FaceVariety | None, which: Literal["different", "distance"]
) -> tuple[Figure | float, Figure | float]:
    """A figure of both audits; why it is not there where it was not measured, or cannot be compared."""
    if before is not None and after is not None and before.n != after.n:
        differs = Unresolvable(f"not compared: n differs ({before.n:,} and {after.n:,}), and it depends on n")
        return differs, differs
    few = Unresolvable(f"fewer than {FEWEST} samples or held-out people's photos")
    first, second = (few if one is None else float(getattr(one, which)) for one in (before, after))
    return first, second


def _of_strangers(rows: Rows, table: pa.Table, group: str | None) -> tuple[NDArray[np.float64], int]:
    """Similarities to their nearest samples, and how many different pictures these are; each person once."""
    columns = (table[name].to_pylist() for name in ("person", "photos", "picture"))
    picture = {(person, photos): number for person, photos, number in zip(*columns, strict=True)}
    one_each: dict[str, int] = {}
    for row in np.flatnonzero(~rows.is_member):
        if group is None or rows.stratum[row][0] == group:
            one_each.setdefault(rows.person[row], int(row))
    chosen = list(one_each.values())
    shown = {picture[rows.person[row], rows.stratum[row][1]] for row in chosen if rows.samples[row, 0] >= 0}
    return rows.similarity[chosen, 0], len(shown)
