"""A comparison of two audits in a dozen lines for the terminal."""

from __future__ import annotations

from pathlib import Path

from probablyexists.cli.summary import show
from probablyexists.results.comparison import Comparison, SetChange
from probablyexists.stats.estimate import Estimate

MOST_PEOPLE = 5


def comparison_summary(found: Comparison, out: Path | None) -> str:
    """Plain text: the verdict, a line for each set of members, and what it cost."""
    lines = [f"verdict: {found.verdict}", found.sentence, ""]
    lines.append(
        f"Level: {found.level:.2g}, one-sided, over {found.n_deals:,} deals. Copies are among the samples here; the "
        "exposures in an audit's own report leave them out"
    )
    lines += [_set(one) for one in found.sets]
    for one in found.people[:MOST_PEOPLE]:
        lines.append(
            f"  {one.person!a} ({one.set}): exposure {one.exposure_before:+.1f} -> {one.exposure_after:+.1f}, alike "
            f"samples {one.shown_before:,} -> {one.shown_after:,}; {one.after} after"
        )
    if len(found.people) > MOST_PEOPLE:
        lines.append(f"  and {len(found.people) - MOST_PEOPLE:,} more")
    lines.append(f"Members against held-out people: AUROC {show(found.before.auroc)} -> {show(found.after.auroc)}")
    if found.filtered is not None:
        lines.append(
            f"Filtered at {found.filtered.threshold:g}: {found.filtered.n_dropped:,} samples as alike to held-out "
            f"people left out; with them AUROC {show(found.filtered.auroc_unless_dropped)}"
        )
    lines.append(f"Would a halving be found? {show(found.power, as_percent=True)}")
    for cost in found.costs:
        which = f" ({cost.group!a})" if cost.group is not None else ""
        before, after = (f"{x:,.6g}" if isinstance(x, float | int) else show(x) for x in (cost.before, cost.after))
        absent_alike = before == after and before.startswith("not given")
        lines.append(f"Cost: {cost.what}{which}: {before}" + ("" if absent_alike else f" -> {after}"))
    lines += ["", *(f"caution: {text}" for text in found.cautions)]
    return "\n".join([*lines, *([f"page: {out / 'comparison.html'}"] if out is not None else [])])


def _set(one: SetChange) -> str:
    none = one.no_change
    if one.set == "newly exposed":
        usual = f"{none.mean:.1f} ({none.low:g} to {none.high:g}) if nothing changed"
        return f"Newly exposed: {one.n:,}; {usual}, p = {one.p_worse:.2g}"
    if one.mean is None:
        return f"{one.set.capitalize()}: nobody"
    interval = (
        f" ({one.difference.low:+.2f} to {one.difference.high:+.2f})" if isinstance(one.difference, Estimate) else ""
    )
    unsure = f", not judged {one.n_unjudged_before:,} -> {one.n_unjudged_after:,}"
    if not one.n_unjudged_before and not one.n_unjudged_after:
        unsure = ""
    return (
        f"{one.set.capitalize()}: {one.n:,}, of whom affected {one.n_before:,} -> {one.n_after:,}{unsure}; exposure "
        f"{one.mean:+.2f}{interval}, {none.mean:+.2f} ({none.low:+.2f} to {none.high:+.2f}) if nothing changed; "
        f"p = {one.p_reduced:.2g} reduced, {one.p_worse:.2g} worse"
    )
