"""What limits a verdict without deciding it, in words, by the estimates."""

from __future__ import annotations

from collections.abc import Sequence

from probablyexists.answers.comparisons import SUGGESTIVE_LEVEL
from probablyexists.answers.split_baseline import how_different
from probablyexists.results.findings import Copies, Data, Naming, SplitBaseline, Trust
from probablyexists.stats.estimate import Estimate

UNEQUAL_COUNTS = 0.75
"""AUROC of the number of photos above which (or below 1 minus which) people of different kinds may be compared."""


def cautions_of(copies: Copies, split: SplitBaseline, naming: Naming, trust: Sequence[Trust], data: Data) -> list[str]:
    """Each in a line."""
    found = []
    if data.clusters is not None:
        found.append(
            "people are groups of similar faces: where one person is several groups, small p-values of members as a "
            "group come too often (measured: p of 0.005 about 5 times as often with 2.1 groups a person)"
        )
    if copies.n_copies and not copies.beyond_chance:
        n = copies.n_copies
        found.append(
            f"{n:,} {'sample looks' if n == 1 else 'samples look'} like {'a copy' if n == 1 else 'copies'} of a "
            "training photo, no more than chance explains; nobody counts as affected for that"
        )
    for one in trust:
        if one.overlaps:
            roles = " and ".join(f"{role} photos" for role in one.overlaps)
            found.append(
                f"judging by the source's name, the {roles} may show people the recogniser {one.recogniser} was "
                "trained on; it recognises them better than others"
            )
        if not one.judges:
            found.append(
                f"the recogniser {one.recogniser} misses more than half of true matches here, so its p-values do not "
                "count; leave it out"
            )
    if naming.n_exposed and not naming.n_suggestive:
        found.append(
            f"{naming.n_exposed:,} named at the false discovery rate of {100 * naming.level:g} % that was asked for: "
            f"so large a share may be wrong; nobody is named at {100 * SUGGESTIVE_LEVEL:g} %, so the verdict does not "
            "count them"
        )
    found += _of_split(split, data)
    if not copies.resolvable:
        found.append(
            f"with {copies.calibrated_on:,} held-out photos, false copies may be more frequent than 1 in 1,000"
        )
    if split.fairness != "not fair":
        found += _hard_to_name(naming)
    return found


def _hard_to_name(naming: Naming) -> list[str]:
    if naming.smallest_nameable > naming.n_members:
        return [f"{naming.n_heldout:,} held-out people are too few to name any of {naming.n_members:,} members"]
    if naming.smallest_nameable > 1 and naming.n_exposed:
        return [
            f"with {naming.n_heldout:,} held-out people for {naming.n_members:,} members, one person alone could not "
            f"have been named: about {naming.smallest_nameable:,} must be strongly exposed at once"
        ]
    if naming.smallest_nameable > 1:
        return [
            f"with {naming.n_heldout:,} held-out people for {naming.n_members:,} members, nobody can be named unless "
            f"about {naming.smallest_nameable:,} people are strongly exposed"
        ]
    return []


def _of_split(split: SplitBaseline, data: Data) -> list[str]:
    """By the estimates, not by their lower limits: how different members and held-out people are."""
    found = []
    known = [figure for figure in (split.auroc, split.same_attack) if isinstance(figure, Estimate)]
    apart = [figure for figure in known if figure.low > 0.5 or figure.high < 0.5]
    differ = ""
    if apart:
        most = max(apart, key=lambda figure: abs(figure.value - 0.5))
        differ = (
            f"members and held-out people differ {how_different(most)} even without the generator (AUROC "
            f"{most.value:.2f} instead of 0.50"
        )
    if split.fairness == "not shown":
        few = "there are too few people to tell whether members and held-out people differ without the generator"
        if apart:
            between = f", {100 * most.level:g} % interval {most.low:.2f} to {most.high:.2f}"
            few = f"{differ}{between}): by how much, there are too few people to tell"
        found.append(f"{few}, so no difference between the groups is put down to training")
        needed, shift = split.names_shift, split.shift
        if needed is not None and isinstance(shift, Estimate) and needed <= shift.high:
            found.append(
                "that may matter for the people named: if strangers' scores were "
                f"{needed:.1f} standard deviations higher, nobody would be, and the baseline cannot exclude "
                f"a difference of {shift.high:.1f}"
            )
    elif apart and split.fairness == "fair":
        found.append(f"{differ})")
    if unequal_counts(split) and isinstance(split.photo_counts, Estimate):
        which = "more" if split.photo_counts.value > 0.5 else "fewer"
        found.append(
            f"members have far {which} photos than held-out people{_each_has(data)}, and people with many photos may "
            "look different: members as a group are not compared with strangers for the verdict; draw held-out people "
            "with as many photos"
        )
    return found


def _each_has(data: Data) -> str:
    """How many photos there are of a member and of a held-out person on average; empty where that is not known, as
    where people were left out, whose photos are counted."""
    photos = {role.role: role.n_acquired for role in data.roles}
    people = {role.role: role.n_people for role in data.roles}
    n_members, n_heldout = people.get("training"), people.get("heldout")
    both = [role for role in data.roles if role.role in ("training", "heldout")]
    left_out = any(role.n_people_given is not None and role.n_people != role.n_people_given for role in both)
    if not n_members or not n_heldout or left_out:
        return ""
    ours = (photos["training"] + photos.get("unseen", 0)) / n_members
    unseen = ", unseen photos counted" if "unseen" in photos else ""
    return f" ({ours:.3g} against {photos['heldout'] / n_heldout:.3g} on average{unseen})"


def unequal_counts(split: SplitBaseline) -> bool:
    """Whether members have far more or far fewer photos than held-out people."""
    counts = split.photo_counts
    return isinstance(counts, Estimate) and not 1 - UNEQUAL_COUNTS <= counts.value <= UNEQUAL_COUNTS
