"""What each mitigation does to an over-represented person, to the other members, and to the model. Prints Markdown.

    probablyexists lab run experiments/mitigation.toml --out lab/ --faces FACES --threads 1
    python scripts/mitigation.py experiments/mitigation.toml lab/

An exposure is the score of a person's nearest sample in standard deviations of the held-out people's scores. Every arm
has the people of "before", and is compared, person by person, with "no-op": retrained with other seeds, otherwise the
same. *The person*: mean of the changes, Student's interval over seeds. *Others*: mean change, Student's interval over
people (each seed has members of its own); it holds for these generators. How far another retraining alone moves both is
what the row "before" shows.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.lab.experiment import read_experiment
from probablyexists.lab.pool import AUDIT, SEEN, UNSEEN, scored_run, where
from probablyexists.lab.results_table import markdown
from probablyexists.lab.run import rows
from probablyexists.stats.conformal import conformal_p
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.estimate import LEVEL

NO_OP = "no-op"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One run: its row, and every member's exposure and p-value."""

    row: Mapping[str, Any]
    person: str
    """The over-represented one."""
    exposure: Mapping[str, float]
    p: Mapping[str, float]

    def others(self) -> list[str]:
        """The other members, in order."""
        return sorted(set(self.exposure) - {self.person})


def outcome(row: Mapping[str, Any], folder: Path, population: str) -> Outcome:
    """Of a finished run's folder."""
    run = scored_run(
        where(pq.read_table(folder / "scores.parquet"), attack=AUDIT, population=population, level="person")
    )
    people = [str(who) for who in run.member_people]
    exposure = standard_score(run.member_scores, run.heldout_scores)
    p = conformal_p(run.member_scores, run.heldout_scores)
    return Outcome(row, _most(folder), dict(zip(people, exposure, strict=True)), dict(zip(people, p, strict=True)))


def _most(folder: Path) -> str:
    lines = (folder / "split.csv").read_text(encoding="utf-8").splitlines()
    return Counter(line.split(",")[1] for line in lines if line.endswith(",training")).most_common(1)[0][0]


def interval(values: Floats, form: str = "+.2f") -> str:
    """Mean with Student's interval."""
    if len(values) < 2:
        return f"{values.mean():{form}}"
    half = float(t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * float(values.std(ddof=1)) / len(values) ** 0.5
    return f"{values.mean():{form}} ({values.mean() - half:{form}} to {values.mean() + half:{form}})"


def table(arms: Mapping[str, Sequence[Outcome]]) -> str:
    """A line an arm."""
    null = {_seed(one): one for one in arms[NO_OP]}
    lines = []
    for name, its in arms.items():
        paired = [one for one in its if _seed(one) in null and name != NO_OP]
        theirs = np.array([one.exposure[one.person] - null[_seed(one)].exposure[one.person] for one in paired])
        changes = [[one.exposure[who] - null[_seed(one)].exposure[who] for who in one.others()] for one in paired]
        named = [one.row["most"]["exposed"] for one in its]
        n_named = sum(one.row["n_named"] or 0 for one in its)
        lines.append(
            [
                name,
                f"{np.mean([one.row['n_trained_on'] for one in its]):.0f}",
                f"{np.mean([one.exposure[one.person] for one in its]):.2f}",
                interval(theirs) if len(theirs) else "",
                ", ".join(f"{one.p[one.person]:.3f}" for one in its),
                f"{sum(named)} of {len(named)}",
                f"{np.mean([[one.exposure[who] for who in one.others()] for one in its]):.2f}",
                interval(np.concatenate(changes)) if changes else "",
                f"{n_named - sum(named)} of {sum(len(one.others()) for one in its)}",
                f"{sum(one.row['n_copies'] for one in its) / sum(one.row['n_samples'] for one in its):.2%}",
                f"{np.mean([one.row['quality']['frechet_heldout'] for one in its]):.4f}",
                f"{np.mean([one.row['quality']['different_faces'] for one in its]):.2f}",
                f"{np.mean([one.row['training_seconds'] for one in its]):.0f}",
            ]
        )
    return markdown(
        "| arm | photos | the person | change from no-op | p | named | others | change from no-op | others named "
        "| copies | Frechet | different faces | seconds |",
        lines,
    )


def _seed(one: Outcome) -> int:
    design, training = one.row["design"], one.row["training"]
    return int(training["seed"] if design["people_seed"] is None else design["people_seed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("lab", type=Path)
    args = parser.parse_args()
    done = [row for row in rows(read_experiment(args.experiment), args.lab) if "failed" not in row]
    for name in dict.fromkeys(row["set"] for row in done):
        for population in (UNSEEN, SEEN):
            arms: dict[str, list[Outcome]] = {}
            for row in done:
                if row["set"] == name:
                    arms.setdefault(row["part"], []).append(outcome(row, args.lab / row["id"], population))
            if NO_OP in arms:
                print(f"### {name}, {population}\n\n{table(arms)}\n")


if __name__ == "__main__":
    main()
