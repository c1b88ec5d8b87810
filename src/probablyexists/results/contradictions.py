"""Whether findings that are read back agree with themselves: a careless change of findings.json by hand is found.

It is no signature: who changes all that belongs together is not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    from probablyexists.results.findings import Findings

_ROUNDED = 1e-9
_MOST_BINS = 1000


def contradiction(findings: Findings) -> str | None:
    """The first thing in which the findings contradict themselves, or None."""
    return _people(findings) or _strangers(findings) or _names(findings) or _samples(findings)


def _people(findings: Findings) -> str | None:
    """Counts of people against their rows."""
    people, naming, affected = findings.people, findings.naming, findings.affected
    reasons = people["reason"].to_pylist()
    names = people["person"].to_pylist()
    if len(set(names)) < len(names):
        return "a person is in two rows of people"
    if not np.isfinite(people["exposure"].to_numpy()).all():
        return "the exposure of a person is no number"
    for what, said, rows in (
        ("naming.n_members", naming.n_members, len(names)),
        ("naming.strata", sum(stratum.n_members for stratum in naming.strata), len(names)),
        ("naming.n_exposed", naming.n_exposed or 0, pc.sum(people["exposed"]).as_py() or 0),
        ("affected.n", affected.n, sum(reason is not None for reason in reasons)),
        ("affected.n_named", affected.n_named, sum(reason in ("named", "named and copied") for reason in reasons)),
        ("affected.n_copied", affected.n_copied, sum(reason in ("copied", "named and copied") for reason in reasons)),
    ):
        if said != rows:
            return f"{what} is {said:,}, and the people are {rows:,}"
    return None


def _strangers(findings: Findings) -> str | None:
    """The histogram that each person's page draws."""
    held = findings.naming.strangers
    if held is None:
        return None
    sound = 0 <= held.high - held.low < np.inf and len(held.counts) <= _MOST_BINS and min(held.counts, default=0) >= 0
    return None if sound else "naming.strangers is no histogram"


def _names(findings: Findings) -> str | None:
    """p, q and who is named."""
    people, naming = findings.people, findings.naming
    p, q = (people[name].to_numpy() for name in ("p", "q"))
    exposed = people["exposed"].to_numpy()
    if not (((p > 0) & (p <= 1)).all() and (q >= p - _ROUNDED).all() and (q <= 1).all()):
        return "p and q of people are not above 0 to 1, or q is below p"
    by_p = np.lexsort((q, p))
    if not findings.groups and (np.diff(q[by_p]) < -_ROUNDED).any():
        return "q of people does not follow from their p: it falls where p rises"
    if naming.n_exposed is not None and (exposed != (q <= naming.level)).any():
        return f"who is named does not follow from q and the level {naming.level:g}"
    named = np.array([reason in ("named", "named and copied") for reason in people["reason"].to_pylist()], dtype=bool)
    return None if (named == exposed).all() else "the reasons of people do not follow from who is named"


def _samples(findings: Findings) -> str | None:
    """People whom samples show, and the number of likenesses."""
    samples, known = findings.samples, set(findings.people["person"].to_pylist())
    if samples["sample"].null_count or not set(pc.unique(samples["kind"]).to_pylist()) <= {"copy", "likeness", "none"}:
        return "a sample has no name, or is neither copy nor likeness nor none"
    shown = {*pc.unique(samples["person"]).to_pylist(), *pc.unique(samples["unjudged"]).to_pylist()} - {None}
    if strangers := shown - known:
        return f"a sample shows {ascii(min(strangers))[:40]}, who is not among the people"
    likenesses = pc.sum(pc.equal(samples["kind"], "likeness")).as_py() or 0
    if likenesses != findings.resemblance.n_likenesses:
        return f"resemblance.n_likenesses is {findings.resemblance.n_likenesses:,}, and the samples have {likenesses:,}"
    return None
