"""What each mitigation does to an over-represented person, to the other members, and to the model. Prints Markdown.

    probablyexists lab run experiments/mitigation.toml --out lab/ --faces FACES --threads 1
    python scripts/mitigation.py experiments/mitigation.toml lab/

An exposure is the score of a person's nearest sample in standard deviations of the held-out people's scores. Every arm
has the people of "before", and is compared, person by person, with "no-op": retrained with other seeds, otherwise the
same. *The person*, *others*: mean exposures, and mean changes with Student's interval over draws of people (set and
seed), each of which is one pair of trainings: a change of the others' mean within one pair is mostly the retraining's.
What a retraining alone does, with an interval of the same kind, is the row "before". Then `probablyexists compare` of
each run with the no-op of its draw, the person as the one treated: p-values that nothing changed, one a seed. There,
too, "before" shows what it says of a retraining alone.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.basis.progress import Silent
from probablyexists.engines.resources import default_cache
from probablyexists.lab.behind_guard import MANIFEST
from probablyexists.lab.experiment import Run, read_experiment
from probablyexists.lab.pool import AUDIT, SEEN, UNSEEN, scored_run, where
from probablyexists.lab.results_table import markdown
from probablyexists.lab.run import audit_settings, rows
from probablyexists.results.comparison import Comparison
from probablyexists.stats.conformal import conformal_p
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.estimate import LEVEL
from probablyexists.tasks.audit import run as audit
from probablyexists.tasks.compare import compare

NO_OP = "no-op"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One run: its row, and the scores of one population by person."""

    row: Mapping[str, Any]
    person: str
    """The over-represented one."""
    members: Mapping[str, float]
    strangers: Mapping[str, float]
    """Of held-out people."""
    setting: frozenset[str]
    """Held-out people who set the threshold of this run's guard."""

    def exposure(self, without: frozenset[str]) -> dict[str, float]:
        """Of every member, against the held-out people but these."""
        found = standard_score(np.array(list(self.members.values())), self._strangers(without))
        return dict(zip(self.members, found.tolist(), strict=True))

    def p(self) -> float:
        """Of the over-represented person, against the held-out people who set nothing."""
        (found,) = conformal_p(np.array([self.members[self.person]]), self._strangers(self.setting))
        return float(found)

    def others(self) -> list[str]:
        """The other members, in order."""
        return sorted(set(self.members) - {self.person})

    def _strangers(self, without: frozenset[str]) -> Floats:
        return np.array([score for who, score in self.strangers.items() if who not in without])


def outcome(row: Mapping[str, Any], folder: Path, population: str) -> Outcome:
    """Of a finished run's folder."""
    scores = pq.read_table(folder / "scores.parquet")
    run = scored_run(where(scores, attack=AUDIT, population=population, level="person"))
    members = dict(zip(map(str, run.member_people), run.member_scores.tolist(), strict=True))
    strangers = dict(zip(map(str, run.heldout_people), run.heldout_scores.tolist(), strict=True))
    setting = frozenset(_people(folder / MANIFEST, "heldout")) if (folder / MANIFEST).exists() else frozenset()
    most = Counter(_people(folder / "split.csv", "training")).most_common(1)[0][0]
    return Outcome(row, most, members, strangers, setting)


def _people(manifest: Path, role: str) -> list[str]:
    """Of each photo in this role."""
    with manifest.open(encoding="utf-8", newline="") as file:
        return [line["person"] for line in csv.DictReader(file) if line["role"] == role]


def interval(values: Sequence[float], form: str = "+.2f") -> str:
    """Mean with Student's interval; a dash without values."""
    if not values:
        return "-"
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return f"{mean:{form}}"
    half = float(t.ppf(0.5 + LEVEL / 2, n - 1)) * float(np.std(values, ddof=1)) / n**0.5
    return f"{mean:{form}} ({mean - half:{form}} to {mean + half:{form}})"


def table(arms: Mapping[str, Sequence[Outcome]]) -> str:
    """A line an arm."""
    null = {_draw(one): one for one in arms[NO_OP]}
    lines = []
    for name, its in arms.items():
        if not its:
            continue
        theirs, others, changes, change_of_others = [], [], [], []
        for one in its:
            now = one.exposure(one.setting)
            theirs.append(now[one.person])
            others += [now[who] for who in one.others()]
            if name != NO_OP and _draw(one) in null:
                then = null[_draw(one)].exposure(one.setting)
                changes.append(now[one.person] - then[one.person])
                change_of_others.append(float(np.mean([now[who] - then[who] for who in one.others()])))
        named = [one.row["most"]["exposed"] for one in its]
        n_named = sum(one.row["n_named"] or 0 for one in its)
        lines.append(
            [
                name,
                f"{np.mean([one.row['n_trained_on'] for one in its]):.0f}",
                f"{np.mean(theirs):.2f}",
                interval(changes),
                ", ".join(f"{one.p():.3f}" for one in its),
                f"{sum(named)} of {len(named)}",
                f"{np.mean(others):.2f}",
                interval(change_of_others),
                f"{n_named - sum(named)} of {sum(len(one.others()) for one in its)}",
                f"{sum(one.row['n_copies'] for one in its) / sum(one.row['n_samples'] for one in its):.2%}",
                *_quality(its, null if name != NO_OP else {}),
                _refused(its),
            ]
        )
    return markdown(
        "| arm | photos | the person | change from no-op | p | named | others | change from no-op | others named "
        "| copies | Frechet | change | different faces | change | refused |",
        lines,
    )


def _quality(its: Sequence[Outcome], null: Mapping[tuple[str, int], Outcome]) -> list[str]:
    """Both figures, each followed by its change from no-op."""
    cells = []
    for name, form in (("frechet_heldout", ".4f"), ("different_faces", ".2f")):
        values = {_draw(one): one.row["quality"][name] for one in its}
        changes = [value - null[draw].row["quality"][name] for draw, value in values.items() if draw in null]
        cells += [f"{np.mean(list(values.values())):{form}}", interval(changes, f"+{form}")]
    return cells


def compared(arms: Mapping[str, Sequence[Outcome]], lab: Path) -> str:
    """What `probablyexists compare` says of each run against the no-op of its seed; the person is the one treated."""
    null = {_draw(one): one for one in arms[NO_OP]}
    lines = []
    for name, its in arms.items():
        pairs = [(null[_draw(one)], one) for one in its if name != NO_OP and _draw(one) in null]
        found = [_compare(before, after, lab) for before, after in pairs]
        if not found:
            continue
        sets = [{its.set: its for its in one.sets} for one in found]
        lines.append(
            [
                name,
                *(f"{sum(one.verdict == verdict for one in found)}" for verdict in ("reduced", "not shown", "worse")),
                ", ".join(f"{its['treated'].p_reduced:.4f}" for its in sets),
                ", ".join(f"{its['treated'].p_worse:.4f}" for its in sets),
                ", ".join(f"{its['others'].p_worse:.3f}" for its in sets),
                ", ".join(f"{its['newly exposed'].n}" for its in sets),
            ]
        )
    return markdown(
        "| arm | reduced | not shown | worse | p: reduced | p: risen | p: others risen | newly exposed |",
        lines,
    )


def _compare(before: Outcome, after: Outcome, lab: Path) -> Comparison:
    with TemporaryDirectory() as folder:
        people = Path(folder) / "treated.txt"
        people.write_text(f"{before.person}\n", encoding="utf-8")
        return compare(lab / before.row["id"] / "audit", _audit(after, before, lab), people=people)


def _audit(one: Outcome, other: Outcome, lab: Path) -> Path:
    """The folder of a run's audit; with another seed than the other's it chose other photos, and is made again."""
    folder, others = (lab / str(it.row["id"]) for it in (one, other))
    run, like = (Run.model_validate({key: it.row[key] for key in Run.model_fields}) for it in (one, other))
    if run.seed == like.seed:
        return folder / "audit"
    again = folder / "audit-again"
    if not (again / "findings.json").exists():
        generator = folder / "training" / "generator"
        audit(audit_settings(like, others, generator, default_cache(), 1, out=again), Silent())
    return again


def _refused(its: Sequence[Outcome]) -> str:
    """Share of the pictures drawn that a guard refused."""
    counts = [one.row["guarded"] for one in its if "guarded" in one.row]
    refused = sum(its["copy"] + its["likeness"] for its in counts)
    return f"{refused / sum(its['drawn'] for its in counts):.1%}" if counts else ""


def _draw(one: Outcome) -> tuple[str, int]:
    """Which people: the set, and the seed that they were drawn with."""
    design, training = one.row["design"], one.row["training"]
    return str(one.row["set"]), int(training["seed"] if design["people_seed"] is None else design["people_seed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("lab", type=Path)
    args = parser.parse_args()
    done = [row for row in rows(read_experiment(args.experiment), args.lab) if "failed" not in row]
    names = list(dict.fromkeys(row["set"] for row in done))
    for population in (UNSEEN, SEEN):
        of_all: dict[str, list[Outcome]] = {}
        for row in done:
            of_all.setdefault(row["part"], []).append(outcome(row, args.lab / row["id"], population))
        of_set = {
            name: {arm: [it for it in its if it.row["set"] == name] for arm, its in of_all.items()} for name in names
        }
        for name, arms in {**of_set, "all sets together": of_all}.items():
            print(f"### {name}, {population}\n\n{table(arms)}\n", flush=True)
    for name, arms in of_set.items():
        print(f"### {name}, probablyexists compare\n\n{compared(arms, args.lab)}\n", flush=True)


if __name__ == "__main__":
    main()
