"""The demo's generator before and behind a guard: is the over-represented person still named? Prints Markdown.

    python scripts/guard_demo.py --out folder/
    python scripts/guard_demo.py --out folder/ --scan

The generator is the demo's, trained on 20 drawn people, 400 photos of one of them. The guard is made from the training
photos and 1,200 further people of the same population, two photos each, who take no part in the verdict; the verdict is
the audit's, with its 700 held-out people. The samples before and behind the guard have seeds of their own, which no
threshold has seen. Each audit draws 12,000; a seed whose picture is refused is drawn again.

The same recogniser filters and judges, so a second audit of the same samples is by another one where `--judge` gives
it. `--scan`: the samples as they are, without those that guards of several rates refuse, none drawn again; p is then
the rank of the person's highest cosine with a sample among held-out people's, on templates of four photos, without
commonness: quicker than an audit, and not the audit's.

"Not named" is what was found in free samples, not a proof that nothing is remembered.
"""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

import probablyexists
from probablyexists.basis.progress import Console
from probablyexists.demo import GENERATOR, MOST, N_HELDOUT, N_MEMBERS, POPULATION, draw_everybody
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.embed import embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.engines.resources import default_cache
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.open_generator import open_generator
from probablyexists.guarding.calibrating import set_threshold
from probablyexists.guarding.likeness import faces_of
from probablyexists.guarding.redrawing import Guarded
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import group
from probablyexists.results.findings import Findings
from probablyexists.sources.open_source import open_source
from probablyexists.stats.conformal import conformal_p
from probablyexists.stats.estimate import Estimate, Figure

N_DESIGN, PHOTOS_DESIGN = 1200, 2
RATES = (0.01, 0.1)
SCANNED = (0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
SAMPLES, BEFORE, BEHIND = 12_000, 101, 201


def percent(figure: Figure | None) -> str:
    if not isinstance(figure, Estimate):
        return "-"
    low, value, high = (100 * part for part in (figure.low, figure.value, figure.high))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def row(what: str, judge: str, findings: Findings, refused: str) -> str:
    rows = {each["person"]: each for each in findings.people.to_pylist()}
    most = rows[f"person-{MOST:04d}"]
    others = sum(each["exposed"] for person, each in rows.items() if each is not most)
    unseen = next(m.auroc for m in findings.membership if (m.population, m.level) == ("unseen photos", "person"))
    auroc = f"{unseen.value:.2f} ({unseen.low:.2f} to {unseen.high:.2f})" if isinstance(unseen, Estimate) else "-"
    return (
        f"| {what} | {judge} | {refused} | {'yes' if most['exposed'] else 'no'} | {most['exposure']:.1f} "
        f"| {most['p']:.3f} | {others} | {findings.copies.n_copies} | {findings.copies.n_distinct} | {auroc} |"
    )


def scan(out: Path, samples: int) -> None:
    recogniser = DlibRecogniser(default_cache())
    with as_file(files("probablyexists") / "assets" / GENERATOR) as file:
        generator = open_generator(file)
        assert generator is not None
        source = GeneratedSource(generator, "the demo's", samples, BEFORE)
        about: dict[str, str | int] = {"generator": generator.id, "samples": samples}
        store = open_store(default_cache(), recogniser, "aligned", about)
        drawn = embed(source, recogniser, store, "aligned", Console(), "samples", pictures=False).embeddings
    store = open_store(default_cache(), recogniser, "aligned")
    people = {}
    for role in ("training", "heldout"):
        table = embed(open_source(out / role), recogniser, store, "aligned", Console(), role, pictures=False)
        crowd = Crowd(table, group(table))
        people[role] = crowd.templates(4)[0]
        if role == "training":
            most = crowd.people.names.index(f"person-{MOST:04d}")
    made = probablyexists.guard(out / "training", out / "design", rate=SCANNED[0], faces="aligned")
    scores = faces_of(made.content.members.templates).scores(drawn)[0]
    print("| rate % | samples refused | the person's highest cosine | held-out people's: 99 %, highest | p |")
    print("|---:|---:|---:|---|---:|")
    for rate in (0.0, *SCANNED):
        limit = set_threshold(made.content.with_about(rate=rate)).about.threshold if rate else None
        left = drawn if limit is None else drawn[scores <= limit]
        own = float((left @ people["training"][most]).max())
        others = (people["heldout"] @ left.T).max(axis=1)
        p = conformal_p(np.array([own]), others)[0]
        high = f"{np.quantile(others, 0.99):.3f}, {others.max():.3f}"
        print(f"| {100 * rate:g} | {len(drawn) - len(left):,} | {own:.3f} | {high} | {p:.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the drawn people")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--rates", type=float, nargs="*", default=RATES)
    parser.add_argument("--scan", action="store_true")
    parser.add_argument("--judge", help="another recogniser, which took no part in filtering")
    parser.add_argument("--threads", type=int)
    chosen = parser.parse_args()
    out, progress = chosen.out, Console()
    if not (out / "heldout").is_dir():
        draw_everybody(out, progress)
    first = N_MEMBERS + N_HELDOUT
    if not (out / "design").is_dir():
        write_population(out / "design", range(first, first + N_DESIGN), range(PHOTOS_DESIGN), POPULATION, kind="jpg")
    training, unseen = out / "training", out / "unseen"
    if chosen.scan:
        scan(out, chosen.samples)
        return
    print(f"{chosen.samples:,} samples each, person {MOST} has 400 of {N_MEMBERS * 10 + 390} photos.\n")
    print(
        "| samples | judged by | refused and drawn again | named | exposure | p | others named | copies | distinct "
        "| AUROC, unseen photos |\n" + "|---" * 10 + "|"
    )
    judges = ["dlib", *([chosen.judge] if chosen.judge else [])]
    with as_file(files("probablyexists") / "assets" / GENERATOR) as generator:

        def show(what: str, made: Path | Guarded, seed: int) -> None:
            for judge in judges:
                findings = probablyexists.audit(
                    training, out / "heldout", made, unseen=unseen, samples=chosen.samples, seed=seed,
                    faces="aligned", recogniser=judge, show_names=True, threads=chosen.threads, progress=progress,
                )  # fmt: skip
                counts = made.counts if isinstance(made, Guarded) else {}
                again = {name: n for name, n in counts.items() if name in ("likeness", "copy", "given up")}
                refused = ", ".join(f"{n:,} {name}" for name, n in again.items()) or "-"
                print(row(what, Path(judge).stem, findings, refused), flush=True)

        show("as they are", generator, BEFORE)
        said = []
        for number, rate in enumerate(chosen.rates):
            made = probablyexists.guard(
                training, out / "design", unseen=unseen, rate=rate, faces="aligned", threads=chosen.threads
            )
            about = made.content.about
            said.append(
                f"At {100 * rate:g} %: expected refusals of strangers {percent(about.refused)} %, unseen photos of "
                f"members missed {percent(about.missed)} %."
            )
            show(f"guard at {100 * rate:g} %", probablyexists.guarded(generator, made), BEHIND + number)
    print("\n" + "\n".join(said))


if __name__ == "__main__":
    main()
