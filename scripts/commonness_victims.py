"""What trained generators lose or win if a person's commonness is taken out of the scores. Prints Markdown.

    probablyexists lab run experiments/over-represented.toml --out lab/ --faces FACES
    python scripts/commonness_victims.py lab/

Takes folders of finished lab runs. Each generator is sampled again and its members are ranked as in an audit, by the
scores that `commonness.py` compares. All members were trained on, so the smaller their p-values the better. But members
who by chance are of a common kind have small p-values by the nearest sample whatever the generator has seen: *blind* is
the mean p of the same members against generators of the same set that were not trained on them. What a score finds
is the difference. Generators with the same members (set and seed) are one observation of the differences.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from commonness import FEW, LEVEL, PLAIN, SCORES, World
from probablyexists.answers.comparisons import Comparison, comparisons
from probablyexists.answers.view import View
from probablyexists.basis.plain_files import MOST_RESULT, json_object
from probablyexists.basis.progress import Silent
from probablyexists.engines.choose import engine
from probablyexists.engines.resources import default_cache
from probablyexists.lab.experiment import Run
from probablyexists.lab.run import audit_settings
from probablyexists.lab.victims import find_victims
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p
from probablyexists.tasks.gather import gather


def view_of(folder: Path) -> tuple[View, Run]:
    """The people and the samples of a finished run, as its audit sees them."""
    row = json_object(folder / "row.json", MOST_RESULT)
    run = Run.model_validate({key: row[key] for key in Run.model_fields})
    settings = audit_settings(run, folder, folder / "training" / "generator", default_cache(), None)
    with engine(settings.resources, Silent()) as work:
        return gather(settings, work, Silent()).judges[0].view, run


def world(one: Comparison, samples: NDArray[np.float32]) -> World:
    """`commonness.py` has two photos a person: here both are the template."""
    templates = np.concatenate([one.ours.templates, one.theirs.templates]).astype(np.float64)
    nobody = np.zeros(len(templates), bool)
    photos = np.repeat(templates[:, None], 2, axis=1)
    return World(photos, samples.astype(np.float64), len(one.ours), nobody, nobody)


def p_values(view: View, score: str, samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n_members,)"""
    p = np.empty(len(view.training.people))
    for one in comparisons(view):
        here = world(one, samples)
        scores = SCORES[score](here)
        p[one.members] = conformal_p(scores[: here.n_members], scores[here.n_members :])
    return p


def blind(runs: list[tuple[View, Run]], view: View, run: Run, score: str) -> tuple[float, float]:
    """Mean p and mean log p of the members whom another generator was not trained on, over those generators."""
    found = []
    for other, its in runs:
        if its.set == run.set and its.seed != run.seed and its.training.procedure == run.training.procedure:
            unknown = ~np.isin(view.training.people.names, other.training.people.names)
            p = p_values(view, score, other.samples.embeddings)[unknown]
            found.append([p.mean(), np.log(p).mean()])
    p, log_p = np.mean(found, axis=0)
    return float(p), float(log_p)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs, or the folder they are in")
    runs = [view_of(folder) for folder in find_victims(parser.parse_args().runs)]
    found: dict[str, dict[tuple[str, int], list[list[float]]]] = {name: {} for name in FEW}
    print("| generator | seed | held out | score | mean p | blind | mean log p | blind | named | p of the most |")
    print("|---" * 10 + "|")
    for view, run in runs:
        most = int(view.training.people.counts.argmax())
        for name in FEW:
            p = p_values(view, name, view.samples.embeddings)
            named = int((benjamini_hochberg(p) <= LEVEL).sum())
            blind_p, blind_log = blind(runs, view, run, name)
            figures = [
                p.mean(),
                np.log(p).mean(),
                blind_p - p.mean(),
                blind_log - np.log(p).mean(),
                np.log(p[most]),
                named,
            ]
            found[name].setdefault((run.set, run.seed), []).append(figures)
            print(
                f"| {run.set} {run.training.procedure} | {run.seed} | {len(view.heldout.people)} | {name} | "
                f"{p.mean():.3f} | {blind_p:.3f} | {np.log(p).mean():.2f} | {blind_log:.2f} | {named} of {p.size} | "
                f"{p[most]:.4f} |",
                flush=True,
            )
    heads = ("mean p", "mean log p", "mean p below blind", "log p below blind", "log p of the most", "named")
    for set_ in sorted({run.set for _, run in runs}):
        print(f"\n| {set_}: more than by the nearest sample | {' | '.join(heads)} |\n" + "|---" * 7 + "|")
        for name, by_draw in found.items():
            here = [(rows, found[PLAIN][key]) for key, rows in by_draw.items() if key[0] == set_]
            more = np.array([np.mean(rows, axis=0) - np.mean(plain, axis=0) for rows, plain in here])
            print(f"| {name} | {' | '.join(paired(values) for values in more.T)} |")


def paired(more: NDArray[np.float64]) -> str:
    """The mean of several differences, with its standard error."""
    return f"{more.mean():+.3f} ± {more.std(ddof=1) / len(more) ** 0.5:.3f}" if len(more) > 1 else "-"


if __name__ == "__main__":
    main()
