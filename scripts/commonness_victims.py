"""What trained generators lose or win if a person's commonness is taken out of the scores. Prints Markdown.

    probablyexists lab run experiments/over-represented.toml --out lab/ --faces FACES
    python scripts/commonness_victims.py lab/*

Takes folders of finished lab runs. Each generator is sampled again and its members are ranked as in an audit, by the
scores that `commonness.py` compares. All members were trained on, so the smaller their p-values the better. One
generator is one observation: differences are paired, with the standard error over generators.
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
from probablyexists.tasks.audit import gather


def view_of(folder: Path) -> tuple[View, Run]:
    """The people and the samples of a finished run, as its audit sees them."""
    row = json_object(folder / "row.json", MOST_RESULT)
    run = Run.model_validate({key: row[key] for key in Run.model_fields})
    settings = audit_settings(run, folder, folder / "training" / "generator", default_cache(), None)
    with engine(settings.resources, Silent()) as work:
        return gather(settings, work, Silent()).views[0], run


def world(one: Comparison, samples: NDArray[np.float32]) -> World:
    """`commonness.py` has two photos a person: here both are the template."""
    templates = np.concatenate([one.ours.templates, one.theirs.templates]).astype(np.float64)
    nobody = np.zeros(len(templates), bool)
    photos = np.repeat(templates[:, None], 2, axis=1)
    return World(photos, samples.astype(np.float64), len(one.ours), nobody, nobody)


def p_values(view: View, score: str) -> NDArray[np.float64]:
    """(n_members,)"""
    p = np.empty(len(view.training.people))
    for one in comparisons(view):
        here = world(one, view.samples.embeddings)
        scores = SCORES[score](here)
        p[one.members] = conformal_p(scores[: here.n_members], scores[here.n_members :])
    return p


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs, or the folder they are in")
    found: dict[str, list[list[float]]] = {name: [] for name in FEW}
    print("| generator | seed | held out | score | mean p | mean log p | named | p of the person with most photos |")
    print("|---" * 8 + "|")
    for folder in find_victims(parser.parse_args().runs):
        view, run = view_of(folder)
        most = int(view.training.people.counts.argmax()) if run.design.most else None
        for name in FEW:
            p = p_values(view, name)
            n_named = int((benjamini_hochberg(p) <= LEVEL).sum())
            found[name].append([p.mean(), np.log(p).mean(), n_named, np.nan if most is None else np.log(p[most])])
            print(
                f"| {run.set} {run.training.procedure} | {run.seed} | {len(view.heldout.people)} | {name} | "
                f"{p.mean():.3f} | {np.log(p).mean():.2f} | {n_named} of {p.size} | "
                f"{'-' if most is None else f'{p[most]:.4f}'} |",
                flush=True,
            )
    print("\n| score | generators | mean p, more than by the nearest sample | mean log p | log p of the most | named |")
    print("|---" * 6 + "|")
    for name, rows in found.items():
        more = np.array(rows) - np.array(found[PLAIN])
        mean_p, log_p, named, of_most = (paired(values[~np.isnan(values)]) for values in more.T)
        print(f"| {name} | {len(rows)} | {mean_p} | {log_p} | {of_most} | {named} |")


def paired(more: NDArray[np.float64]) -> str:
    """The mean of several differences, with its standard error."""
    return f"{more.mean():+.3f} ± {more.std(ddof=1) / len(more) ** 0.5:.3f}" if len(more) > 1 else "-"


if __name__ == "__main__":
    main()
