"""The charts of the answers: what is drawn where, and the same in words."""

from __future__ import annotations

import math

from probablyexists.report.marks import (
    ALARM,
    LETTER,
    LINE,
    MEMBER,
    MUTED,
    STRANGER,
    Chart,
    Drawing,
    Scale,
    bar,
    below,
    beside,
    both,
    interval,
    intervals,
    label_at,
    mark,
    round_ticks,
    stroke,
    text_at,
)
from probablyexists.report.words import counted, number, percent, short
from probablyexists.results.findings import DosePoint, Findings, GroupFindings, Membership
from probablyexists.stats.estimate import Estimate, Figure

MOST_GROUPS = 12
"""With more groups there is only the table."""


def by_importance(membership: list[Membership]) -> list[Membership]:
    """Seen photos first, copies left out first, people first."""
    return sorted(membership, key=lambda m: (m.population == "unseen photos", m.copies == "in", m.level == "photo"))


def membership_chart(findings: Findings) -> Chart | None:
    """AUROC of every population by person, with copies in and out, and of the baselines; None without an AUROC."""
    rows: list[tuple[str, Figure, str]] = []
    for m in by_importance(findings.membership):
        if m.level == "person":
            rows.append((f"{m.population}{', copies in' if m.copies == 'in' else ''}", m.auroc, MEMBER))
    rows.append(("split baseline", findings.split_baseline.auroc, STRANGER))
    if isinstance(findings.split_baseline.same_attack, Estimate):
        rows.append(("same attack", findings.split_baseline.same_attack, STRANGER))
    lows = [figure.low for _, figure, _ in rows if isinstance(figure, Estimate)]
    if not lows:
        return None
    left = max(0.0, math.floor(min([0.4, *lows]) * 10) / 10)
    values = [f"{name} {number(f.value) if isinstance(f, Estimate) else 'cannot be estimated'}" for name, f, _ in rows]
    unfair = findings.split_baseline.fairness == "not fair"
    return both(
        intervals(rows, (left - 0.01, 1.01), round_ticks(left, 1.0, 7), "AUROC", (0.5, "guessing")),
        "How well members can be told from strangers: 0.5 is guessing, 1 is certainty. Dot: estimate; line: 95 % "
        "interval; grey: without the generator."
        + (" Here the grey ones are not at 0.5, so the others say nothing about the generator." if unfair else ""),
        f"AUROC on a line from {number(left, 1)} to 1, guessing at 0.5: {'; '.join(values)}.",
    )


def resemblance_chart(findings: Findings) -> Chart:
    """The share of samples that resemble a member, and the share that resemble a stranger."""
    r = findings.resemblance
    rows = (("resemble a member", r.members, MEMBER), ("resemble a stranger", r.strangers, STRANGER))

    def draw(width: int) -> Drawing:
        x = Scale(0, max(r.members, r.strangers, 1e-9), LETTER * len(rows[1][0]) + 8, width - 64)
        marks = []
        for y, (label, share, colour) in zip((28, 72), rows, strict=True):
            marks.append(label_at(x.start - 8, y, label, "end"))
            marks.append(bar(x.start, y - 12, x(share) - x.start, 24, colour))
            marks.append(label_at(x(share) + 6, y, percent(share), "start"))
        marks.append(stroke(x.start, 8, x.start, 92, LINE))
        return Drawing(width, 118, [*marks, text_at(x.start, 110, "share of samples", MUTED, text_anchor="start")])

    return both(
        draw,
        "Samples that resemble a member, and samples that resemble somebody in an equally large group of strangers.",
        f"Two bars: {percent(r.members)} of samples resemble a member, {percent(r.strangers)} a stranger.",
    )


def dose_chart(findings: Findings) -> Chart | None:
    """Mean exposure against the number of training photos, and the person with most; None if all have as many."""
    points = findings.dose.points
    drawn = [(i, p.mean_exposure) for i, p in enumerate(points) if isinstance(p.mean_exposure, Estimate)]
    if not drawn or len(points) < 2:
        return None
    most = person_with_most(findings)
    names = [_span(point) for point in points]

    def draw(width: int) -> Drawing:
        ends = [0.0, *(v for _, f in drawn for v in (f.low, f.high)), *([] if most is None else [most[2]])]
        space = 0.08 * (max(ends) - min(ends) or 1.0)
        y = Scale(min(ends) - space, max(ends) + space, 196, 10)
        ticks = round_ticks(y.low, y.high, 5)
        x = Scale(-0.5, len(points) - 0.5, 32 + LETTER * max(len(label) for _, label in ticks), width - 8)
        marks = beside(y, x, ticks, "mean exposure")
        marks.append(stroke(x.start, y(0), x.end, y(0), MUTED, stroke_dasharray="4 3"))
        for i, figure in drawn:
            marks += interval((x(i), y(figure.low), x(i), y(figure.high)), (x(i), y(figure.value)), MEMBER)
        if most is not None:
            person, photos, exposure = most
            at, who = x(len(points) - 1) + 14, f"{short(person, 16)}, {counted(photos, 'photo')}"
            marks.append(mark("rect", x=at - 5, y=y(exposure) - 5, width=10, height=10, fill=ALARM))
            said = f"{who}: {number(exposure, 1, signed=True)}"
            marks.append(label_at(at - 11, y(exposure), said, "end", halo=True))
        labels = [(float(i), label) for i, label in enumerate(names)]
        return Drawing(width, 240, marks + below(x, y.start, labels, "training photos of the person"))

    alt = (
        "Mean exposure by number of training photos. "
        f"{'; '.join(f'{names[i]}: {number(f.value, 1)}' for i, f in drawn)}."
    )
    caption = (
        "Mean exposure of people with about the same number of training photos. Dot: mean; line: 95 % interval; "
        "dashed: strangers."
    )
    if most is not None:
        caption += " Square: the person with the most photos."
        alt += f" The person with the most photos: {number(most[2], 1)}."
    return both(draw, caption, alt)


def _span(point: DosePoint) -> str:
    low, high = point.photos_from, point.photos_to
    return str(low) if low == high else f"{low}–{high}"


def person_with_most(findings: Findings) -> tuple[str, int, float] | None:
    """The person with the most training photos, how many, and their exposure; None if several have as many."""
    d = findings.dose
    if d.most_photos is None or d.most_photos_count is None:
        return None
    for person, exposure in zip(
        findings.people["person"].to_pylist(), findings.people["exposure"].to_pylist(), strict=True
    ):
        if person == d.most_photos:
            return person, d.most_photos_count, exposure
    return None


def curve_chart(findings: Findings) -> Chart | None:
    """People named against the number of samples; None with fewer than two points, or where nobody may be named."""
    curve = findings.sampling.curve
    if len(curve) < 2 or findings.naming.n_exposed is None:
        return None
    top = max(1, *(point.named_high for point in curve))
    aurocs = [(i, p.auroc) for i, p in enumerate(curve) if isinstance(p.auroc, Estimate)]
    floor = math.floor(10 * min([0.4, *(f.low for _, f in aurocs)])) / 10

    def draw(width: int) -> Drawing:
        labels = [(float(i), _thousands(point.n_samples)) for i, point in enumerate(curve)]
        ticks = round_ticks(0, top, 4, smallest_step=1)
        y = Scale(0, 1.08 * top, 120, 10)
        x = Scale(-0.5, len(curve) - 0.5, 32 + LETTER * max(4, len(ticks[-1][1])), width - 8)
        upper = beside(y, x, ticks, "named")
        for i, p in enumerate(curve):
            ends = (x(i), y(p.named_low), x(i), y(p.named_high))
            upper += interval(ends, (x(i), y(p.named)), ALARM)
        if not aurocs:
            return Drawing(width, 164, upper + below(x, y.start, labels, "samples"))
        y = Scale(floor, 1.0, 250, 150)
        lower = beside(y, x, round_ticks(floor, 1.0, 3), "AUROC")
        lower.append(stroke(x.start, y(0.5), x.end, y(0.5), MUTED, stroke_dasharray="4 3"))
        for i, f in aurocs:
            lower += interval((x(i), y(f.low), x(i), y(f.high)), (x(i), y(f.value)), MEMBER)
        return Drawing(width, 294, upper + lower + below(x, y.start, labels, "samples"))

    said = "; ".join([f"{counted(p.n_samples, 'sample')}: {number(p.named, 1)} named" for p in curve])
    return both(
        draw,
        "What fewer samples would have told. Above: people named (dot: mean over parts of the samples; line: fewest to "
        "most). Below: AUROC of seen photos with its 95 % interval; dashed: guessing.",
        f"People named by number of samples. {said}.",
    )


def _thousands(n: int) -> str:
    return f"{n:,}" if n < 10_000 else f"{n / 1000:g}k"


def group_chart(findings: Findings) -> Chart | None:
    """False match rate of each group at one threshold; None with fewer than two groups that have one, or too many."""
    groups = [group for group in findings.groups if isinstance(group.fmr, Estimate)]
    if len(groups) < 2 or len(findings.groups) > MOST_GROUPS:
        return None
    rows = [(short(group.group, 16), _in_percent(group.fmr), MEMBER) for group in findings.groups]
    high = max(figure.high for _, figure, _ in rows if isinstance(figure, Estimate))
    ticks = round_ticks(0, high, 5)
    return both(
        intervals(rows, (-0.02 * high, 1.03 * max(high, 1.0)), ticks, "false match rate in %", (1.0, "all members")),
        "How often two different people of a group are taken for one, at the threshold at which "
        f"{percent(0.01)} of all members' comparisons are. Dot: estimate; line: 95 % interval.",
        f"False match rate by group. {'; '.join([_fmr(group) for group in findings.groups])}.",
    )


def _fmr(group: GroupFindings) -> str:
    value = percent(group.fmr.value) if isinstance(group.fmr, Estimate) else "cannot be estimated"
    return f"{short(group.group, 40)}: {value}"


def _in_percent(figure: Figure) -> Figure:
    if not isinstance(figure, Estimate):
        return figure
    return Estimate(100 * figure.value, 100 * figure.low, 100 * figure.high, figure.level, figure.method, figure.n)
