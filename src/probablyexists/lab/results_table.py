"""The lab's table, in Markdown: AUROC of members against strangers, by set and procedure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from probablyexists.lab.curves import Axis, Curve, curves
from probablyexists.lab.pool import SEEN, UNSEEN, Cell, answer_of, figure
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.rates import wilson

_HEAD = (
    "| set | procedure | people x photos | runs | unseen, by person | unseen, by photo | seen, by person "
    "| TPR at FPR 1 %, unseen photos | baseline | above it | named | copies | Frechet | images | minutes |"
)

_NULL_HEAD = "| nothing is true here | runs | intervals with the truth inside | share | mean |"

_AXES: Mapping[Axis, str] = {"people": "people", "photos": "photos a person", "size": "pixels"}

_SEEN_FROM = """*Seen from*: the smallest difference of which the interval would be above 0 with 80 % power, from the
interval's own width."""

LEGEND = """AUROC with its 95 % interval, people as units, pooled over the runs of a row. *Unseen*: photos of members
that were not trained on; *seen*: training photos; against people who were never in training. *TPR*: mean over the runs
(each run's report has its interval). *Baseline*: the same attack with photos of strangers in place of the samples,
AUROC by person on unseen photos, mean over the runs; 0.5 but for who happens to be a member. *Above it*: the AUROC less
the baseline's, person against the same person. *Named*: members at a false discovery rate of
5 %, of all. *Copies*: share of samples. *Frechet*: distance of the samples from the training photos in the recogniser's
space, mean. *Images*: training images shown, repeats counted; *minutes*: of training, mean."""


def table(cells: Sequence[Cell]) -> str:
    """One table a part, one line a cell; failed runs are counted."""
    parts: dict[str, list[Cell]] = {}
    for cell in cells:
        parts.setdefault(cell.part, []).append(cell)
    blocks = []
    for part, its in parts.items():
        blocks += [f"### {part}", markdown(_HEAD, map(_line, its))]
        blocks += [f"{cell.set}, {cell.procedure}: not pooled, {why}" for cell in its if (why := _not_pooled(cell))]
        blocks += [_dose_lines(cell) for cell in its if any(row["most"] or cell.dose for row in cell.rows)]
        if strangers := [cell for cell in its if cell.rows and cell.rows[0]["design"]["truth"] == "strangers"]:
            blocks.append(markdown(_NULL_HEAD, _null_lines(strangers)))
    for axis, name in _AXES.items():
        if found := curves(cells, axis):
            head = f"| set | procedure | equal | {name} | runs | above the baseline | seen from |"
            blocks += [f"### by {name}", markdown(head, _curve_lines(found)), _SEEN_FROM]
    return "\n\n".join([*blocks, LEGEND])


def _curve_lines(found: Sequence[Curve]) -> list[list[str]]:
    return [
        [
            *(curve.set, curve.procedure, curve.equal, str(point.x), str(point.n_runs)),
            *(shown(point.above, "+.2f"), f"+{point.seen_from:.2f}"),
        ]
        for curve in found
        for point in curve.points
    ]


def _not_pooled(cell: Cell) -> str:
    """Why there is no pooled figure; empty if there is, or if nothing is to be pooled."""
    found = cell.auroc.get((UNSEEN, "person"))
    return found.reason if isinstance(found, Unresolvable) and len(cell.rows) > 1 else ""


def markdown(head: str, rows: Iterable[Sequence[str]]) -> str:
    """A table of `rows`, each with a cell for every column of `head`."""
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in row) for row in rows]
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *lines])


def _dose_lines(cell: Cell) -> str:
    """The over-represented person of each run, and the slope where numbers of photos were drawn at random."""
    lines = []
    for population, slope in cell.dose.items():
        text = f"{shown(slope)} standard deviations a doubling" if isinstance(slope, Estimate) else slope.reason
        lines.append(f"- {cell.set}, {cell.procedure}, exposure by dose on {population}: {text}")
    if cell.named_at is not None:
        shares = ", ".join(
            f"{dose:g}: {at.n_named} of {at.n} ({_interval(at.share)})" for dose, at in cell.named.items()
        )
        any_form, logistic = map(_photos, cell.named_at)
        lines += [
            f"- {cell.set}, {cell.procedure}, named by number of training photos: {shares}",
            f"- {cell.set}, {cell.procedure}, 80 % are named at: {any_form}; if the curve is logistic: {logistic}",
        ]
    for row in cell.rows:
        if most := row["most"]:
            lines.append(
                f"- {cell.set}, {cell.procedure}, seed {row['training']['seed']}: the person with most photos "
                f"({most['photos']}) has p = {most['p']:.4f}, q = {most['q']:.3f}, "
                f"{'named' if most['exposed'] else 'not named'}; {named([row])} members are"
            )
    return "\n".join(lines)


def _interval(share: Figure) -> str:
    return f"{share.low:.0%} to {share.high:.0%}" if isinstance(share, Estimate) else share.reason


def _photos(dose: Figure) -> str:
    return f"{shown(dose, '.3g')} photos" if isinstance(dose, Estimate) else dose.reason


def named(rows: Sequence[Mapping[str, Any]]) -> str:
    """Members named, of those in runs where people may be: not where the split is not fair."""
    claimed = [row for row in rows if row["n_named"] is not None]
    unfair = f" ({len(rows) - len(claimed)} not claimed)" if len(claimed) < len(rows) else ""
    return f"{sum(row['n_named'] for row in claimed)} of {sum(row['n_members'] for row in claimed)}{unfair}"


def people_x_photos(row: Mapping[str, Any]) -> str:
    """20 x 8, or 20 x dose."""
    design = row["design"]
    return f"{design['people']} x {'dose' if design['dose'] else design['photos']}"


def _null_lines(cells: Sequence[Cell]) -> list[list[str]]:
    """How many runs' intervals contain 0.5, and those of the difference to the baseline 0, where that is the truth."""
    lines = []
    for population in (UNSEEN, SEEN):
        for level in ("person", "photo"):
            alone = [f for cell in cells for f in cell.each.get((population, level), ())]
            lines.append(_null_line(f"AUROC of {population}, by {level} (0.5)", alone, 0.5))
        above = [figure(row["above_baseline"][population]) for cell in cells for row in cell.rows]
        lines.append(_null_line(f"the same by person, less the split baseline's (0), {population}", above, 0.0))
    return lines


def _null_line(what: str, figures: Sequence[Figure], truth: float) -> list[str]:
    found = [f for f in figures if isinstance(f, Estimate)]
    if not found:
        return [what, "0", "", "", ""]
    hits = sum(f.low <= truth <= f.high for f in found)
    low, high = wilson(hits / len(found), len(found))
    share = f"{hits / len(found):.1%} ({low:.1%} to {high:.1%})"
    return [what, str(len(found)), str(hits), share, f"{mean(f.value for f in found):.3f}"]


def _line(cell: Cell) -> list[str]:
    runs = str(len(cell.rows)) + (f" (+{cell.n_failed} failed)" if cell.n_failed else "")
    if not cell.rows:
        return [cell.set, cell.procedure, "", runs, *[""] * 11]
    first, rows = cell.rows[0], cell.rows
    answers = [answer for row in rows if (answer := answer_of(row, UNSEEN, "photo")) is not None]
    tpr = _values([answer["tpr_at_fpr_1_percent"] for answer in answers])
    baseline = _values([row["baseline"][UNSEEN] for row in rows if UNSEEN in row["baseline"]])
    copies = sum(r["n_copies"] for r in rows) / sum(r["n_samples"] for r in rows)
    return [
        cell.set,
        cell.procedure,
        people_x_photos(first),
        runs,
        *(shown(cell.auroc.get(kind)) for kind in ((UNSEEN, "person"), (UNSEEN, "photo"), (SEEN, "person"))),
        f"{mean(tpr):.1%}" if tpr else "not resolvable",
        f"{mean(baseline):.2f}" if baseline else "-",
        shown(cell.above.get(UNSEEN), "+.2f"),
        named(rows),
        f"{copies:.1%}",
        f"{mean(r['frechet'] for r in rows):.2f}",
        f"{first['images']:,}",
        f"{mean(r['training_seconds'] for r in rows) / 60:.1f}",
    ]


def _values(figures: Sequence[Mapping[str, Any]]) -> list[float]:
    """Those that could be estimated, from JSON."""
    return [found.value for found in map(figure, figures) if isinstance(found, Estimate)]


def shown(value: Figure | None, form: str = ".2f") -> str:
    """0.71 (0.62 to 0.79), or a dash; `form`: how each number is written."""
    if not isinstance(value, Estimate):
        return "-"
    return f"{value.value:{form}} ({value.low:{form}} to {value.high:{form}})"
