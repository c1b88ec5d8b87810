"""Two audits of the same people, compared: what `compare` returns."""

from __future__ import annotations

from typing import Literal

from probablyexists.results.findings import Frozen, Signature
from probablyexists.results.findings import Verdict as AuditVerdict
from probablyexists.stats.estimate import Figure

Verdict = Literal["reduced", "not shown", "worse", "not decidable"]
Set = Literal["treated", "others", "newly exposed"]
PersonSet = Literal["treated", "newly exposed", "not judged before"]
AfterAll = Literal["affected", "not affected", "not judged"]


class Compared(Frozen):
    """One of the two audits."""

    verdict: AuditVerdict
    """Its own verdict."""
    n_samples: int
    """Samples with a face that were compared, copies among them."""
    n_affected: int
    """Members affected, by the rule of this comparison."""
    auroc: Figure
    """AUROC by person: members against held-out people, copies among the samples, 0 to 1."""
    data_fingerprint: str
    """As in its findings."""
    date: str
    """When it ended: UTC, ISO 8601."""


class UnderNoChange(Frozen):
    """What a figure is if nothing changed: over samples dealt to the two audits at random, the selection of people done
    anew in each deal."""

    mean: float
    """Mean over the deals. For people who were chosen for being exposed it is below 0: regression to the mean."""
    low: float
    """Lower end of the middle 95 % of the deals."""
    high: float
    """Upper end of the middle 95 % of the deals."""


class SetChange(Frozen):
    """How one set of members changed."""

    set: Set
    """treated: affected in the first audit, or given; others: all other members; newly exposed: those of the others who
    are affected only in the second audit, by name if the first could have named them."""
    n: int
    """Members in the set."""
    n_before: int
    """Of these, affected in the first audit."""
    n_after: int
    """Of these, affected in the second audit."""
    n_unjudged_before: int
    """Of these, neither affected nor cleared in the first audit: it could not have named them."""
    n_unjudged_after: int
    """The same in the second audit. They are no sign of a reduction."""
    mean: float | None
    """Mean over people of exposure after less exposure before, in standard deviations of the held-out people; null of
    nobody."""
    difference: Figure
    """The same with its interval over people."""
    no_change: UnderNoChange
    """`mean` if nothing changed, over the deals in which somebody is treated; of those newly exposed, their number."""
    beyond: Figure
    """`difference` less its mean if nothing changed: what is not put down to selection."""
    shown_before: int
    """Samples of the first audit alike to somebody of the set, for each person, 64 at most: more similar to them
    than the nearest sample is to 9 in 10 held-out people, commonness taken out on both sides."""
    shown_after: int
    """The same in the second audit."""
    p_reduced: float | None
    """One-sided p-value that nothing changed, against a reduction; of the smaller of two statistics, exposure and how
    many samples are alike to a person, corrected for the choice. Null of those newly exposed."""
    p_worse: float
    """The same against more exposure; of those newly exposed, of their number."""
    not_worse: bool | None
    """Others only: whether the upper end of `beyond` is below the margin; null if it cannot be said."""


class PersonChange(Frozen):
    """One member who is treated, newly exposed, or named only in the second audit."""

    person: str
    """As in the findings of the first audit."""
    set: PersonSet
    """As in `SetChange`; not judged before: named in the second audit, and in the first neither named nor cleared, so
    that this is no sign of a change. They are counted among the others."""
    exposure_before: float
    """In standard deviations above the mean of the held-out people; copies are among the samples."""
    exposure_after: float
    """The same in the second audit."""
    after: AfterAll
    """In the second audit: affected is named or copied; not judged, neither affected nor cleared."""
    shown_before: int
    """Samples alike to the person, as in `SetChange`."""
    shown_after: int
    """The same in the second audit."""


class Filtered(Frozen):
    """What was done about samples that a filter of members had refused before the second audit."""

    threshold: float
    """Cosine from which the filter refused a sample as alike to a member."""
    n_dropped: int
    """Samples of the second audit that the same rule on held-out people refuses: left out for everybody."""
    auroc_unless_dropped: Figure
    """The second audit's AUROC with these left in: too low, because only members' likenesses are gone."""


class Cost(Frozen):
    """One figure beside the verdict, that a mitigation may make worse."""

    what: str
    """What is counted or measured."""
    group: str | None
    """Within this group; null for everybody."""
    before: Figure | float
    """In the first audit."""
    after: Figure | float
    """In the second audit."""


class Comparison(Frozen):
    """Two audits of the same people by the same recogniser, compared."""

    schema_version: Literal[2] = 2
    """Version of this format."""
    verdict: Verdict
    """reduced: those treated are less exposed, and no others more; worse: somebody is more exposed; not shown: neither;
    not decidable: after so many looks no p-value can reach the level, whatever changed.
    Never "removed": what free samples do not show may still be in the model."""
    sentence: str
    """The verdict in one sentence."""
    because: list[str]
    """The rules that fired."""
    cautions: list[str]
    """What limits the verdict."""
    level: float
    """One-sided significance level of the verdict."""
    margin: float
    """Largest mean rise of the others' exposure that counts as no worse, in standard deviations; fixed beforehand."""
    treated_by: Literal["affected before", "given"]
    """How those treated were chosen. If affected before, the choice is made anew in each deal of `no_change`."""
    n_deals: int
    """Deals at random; the p-values have 1 / (n_deals + 1) as their smallest value."""
    power: Figure
    """Probability that this test says "reduced" if samples show those treated half as often; from the
    first audit alone, with as many samples as the second audit has."""
    before: Compared
    """The first audit."""
    after: Compared
    """The second audit."""
    sets: list[SetChange]
    """Those treated, others, newly exposed."""
    people: list[PersonChange]
    """Those treated, those newly exposed and those not judged before, the most exposed after first."""
    filtered: Filtered | None
    """Null unless the second audit's samples had passed a filter."""
    costs: list[Cost]
    """What else changed."""
    signature: Signature
    """Versions and settings of this comparison; the recogniser is that of the audits."""

    def __repr__(self) -> str:
        treated = self.sets[0]
        return f"Comparison({self.verdict}: {treated.n_after:,} of {treated.n:,} people treated are still affected)"

    __str__ = __repr__
