"""The lab's table, in Markdown: AUROC of members against strangers, by set and procedure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from probablyexists.lab.pool import SEEN, UNSEEN, Cell, figure
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.rates import wilson

_HEAD = (
    "| set | procedure | people x photos | runs | unseen, by person | unseen, by photo | seen, by person "
    "| TPR at FPR 1 %, unseen photos | baseline | above it | named | copies | Frechet | images | minutes |"
)

_NULL_HEAD = "| nothing is true here | runs | intervals with the truth inside | share | mean |"

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
        blocks.append("\n".join([f"### {part}", "", *_headed(_HEAD), *(_line(cell) for cell in its)]))
        strangers = [cell for cell in its if cell.rows and cell.rows[0]["design"]["truth"] == "strangers"]
        blocks += [
            _dose_lines(cell) for cell in its if cell.rows and any(row["most"] or cell.dose for row in cell.rows)
        ]
        if strangers:
            blocks.append("\n".join([*_headed(_NULL_HEAD), *_null_lines(strangers)]))
    return "\n\n".join([*blocks, LEGEND])


def _headed(head: str) -> list[str]:
    return [head, "|---" * (head.count("|") - 1) + "|"]


def _dose_lines(cell: Cell) -> str:
    """The over-represented person of each run, and the slope where numbers of photos were drawn at random."""
    lines = []
    for population, slope in cell.dose.items():
        text = f"{shown(slope)} standard deviations a doubling" if isinstance(slope, Estimate) else slope.reason
        lines.append(f"- {cell.set}, {cell.procedure}, exposure by dose on {population}: {text}")
    for row in cell.rows:
        most = row["most"]
        if most:
            lines.append(
                f"- {cell.set}, {cell.procedure}, seed {row['training']['seed']}: the person with most photos "
                f"({most['photos']}) has p = {most['p']:.4f}, q = {most['q']:.3f}, "
                f"{'named' if most['exposed'] else 'not named'}; {row['n_named']} of {row['n_members']} members are"
            )
    return "\n".join(lines)


def _null_lines(cells: Sequence[Cell]) -> list[str]:
    """How many runs' intervals contain 0.5, and those of the difference to the baseline 0, where that is the truth."""
    lines = []
    for population in (UNSEEN, SEEN):
        for level in ("person", "photo"):
            alone = [f for cell in cells for f in cell.each.get((population, level), ())]
            lines.append(_null_line(f"AUROC of {population}, by {level} (0.5)", alone, 0.5))
        above = [figure(row["above_baseline"][population]) for cell in cells for row in cell.rows]
        lines.append(_null_line(f"the same by person, less the split baseline's (0), {population}", above, 0.0))
    return lines


def _null_line(what: str, figures: Sequence[Figure], truth: float) -> str:
    found = [f for f in figures if isinstance(f, Estimate)]
    if not found:
        return f"| {what} | 0 | | | |"
    hits = sum(f.low <= truth <= f.high for f in found)
    low, high = wilson(hits / len(found), len(found))
    return (
        f"| {what} | {len(found)} | {hits} | {hits / len(found):.1%} ({low:.1%} to {high:.1%}) "
        f"| {mean(f.value for f in found):.3f} |"
    )


def _line(cell: Cell) -> str:
    runs = str(len(cell.rows)) + (f" (+{cell.n_failed} failed)" if cell.n_failed else "")
    if not cell.rows:
        return f"| {cell.set} | {cell.procedure} | | {runs} |" + " |" * 11
    first, rows = cell.rows[0], cell.rows
    design = first["design"]
    photos = "dose" if design["dose"] else design["photos"]
    tpr = [figure(m["tpr_at_fpr_1_percent"]) for r in rows for m in r["membership"] if _is(m, UNSEEN, "photo")]
    known = [t.value for t in tpr if isinstance(t, Estimate)]
    baseline = [figure(r["baseline"][UNSEEN]) for r in rows if UNSEEN in r["baseline"]]
    fair = [b.value for b in baseline if isinstance(b, Estimate)]
    copies = sum(r["n_copies"] for r in rows) / sum(r["n_samples"] for r in rows)
    return " | ".join(
        [
            f"| {cell.set}",
            cell.procedure,
            f"{design['people']} x {photos}",
            runs,
            *(shown(cell.auroc.get(kind)) for kind in ((UNSEEN, "person"), (UNSEEN, "photo"), (SEEN, "person"))),
            f"{mean(known):.1%}" if known else "not resolvable",
            f"{mean(fair):.2f}" if fair else "-",
            signed(cell.above.get(UNSEEN)),
            f"{sum(r['n_named'] for r in rows)} of {sum(r['n_members'] for r in rows)}",
            f"{copies:.1%}",
            f"{mean(r['frechet'] for r in rows):.2f}",
            f"{first['images']:,}",
            f"{mean(r['training_seconds'] for r in rows) / 60:.1f} |",
        ]
    )


def _is(answer: dict[str, object], population: str, level: str) -> bool:
    return answer["population"] == population and answer["level"] == level


def shown(value: Figure | None) -> str:
    """0.71 (0.62 to 0.79), or a dash."""
    if not isinstance(value, Estimate):
        return "-"
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def signed(value: Figure | None) -> str:
    """+0.21 (+0.12 to +0.30), or a dash."""
    if not isinstance(value, Estimate):
        return "-"
    return f"{value.value:+.2f} ({value.low:+.2f} to {value.high:+.2f})"
