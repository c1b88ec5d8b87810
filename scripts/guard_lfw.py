"""What a guard refuses and misses on LFW, which score it compares by, and what a check costs. Prints Markdown.

    python scripts/guard_lfw.py path/to/lfw
    python scripts/guard_lfw.py path/to/lfw --scores
    python scripts/guard_lfw.py path/to/lfw --names --seeds 3
    python scripts/guard_lfw.py path/to/lfw --speed

Promise: 300 members drawn from people whose names begin N to Z and who have two photos or more, half of each one's
photos (at least one) for training and the others unseen; 3,000 strangers and the held-out people drawn from everybody
else. The guard is made by `probablyexists.guard`; every photo of the strangers is checked. All who are drawn, and so
the errors of several draws, are dependent: the held-out people and strangers of each draw are other parts of the same
people.

`--scores` compares scores on people A to M alone, who take no part as members above: that is where the score was
chosen; then the chosen one and the cosine on people N to Z alone. Members are 300 or 50 of these, held-out people all
the others of the same letters, at most four photos each; misses on unseen photos. In brackets how many more than by the
cosine: differences paired by draw, with their standard error.

`--names`: the same members and held-out people. Whoever is added to a guard is compared with the people in it: how many
of 1,000 strangers, with all their photos, are told to look like somebody; how many members are found by their unseen
photos; and how many photos of both are refused as photos of a member.

`--speed`: a guard of 10,000 people and 20,000 photos (LFW's own and ones made from them, so that hashes are as close
as they get), asked about photos one by one and in batches, on one thread, without the time of finding and embedding
faces, which is told apart.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import csv
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import probablyexists
from bench import machine
from probablyexists.basis.progress import Silent
from probablyexists.copies.search import SAME_PICTURE, find_all
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.engines.resources import default_cache
from probablyexists.guarding.calibrating import members_of, missed_unseen, set_threshold, strangers_of
from probablyexists.guarding.checking import Guard
from probablyexists.guarding.kept_out import About, Content, Members, Strangers
from probablyexists.guarding.likeness import WEIGHT, faces_of
from probablyexists.guarding.looking import Looked
from probablyexists.matching.commonness import N_KEPT_OUT
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import People
from probablyexists.sources.open_source import open_source
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.rates import share_of_people
from probablyexists.stats.refusals import refusal_limit

RATES = (0.01, 0.003, 0.001)
N_MEMBERS, N_STRANGERS = 300, 3000
N_ADDED = 1000
N_PEOPLE, N_PHOTOS, N_ASKED = 10_000, 20_000, 200
CHOSEN = f"cosine less {WEIGHT} x {N_KEPT_OUT} most similar others"
Rows = dict[str, NDArray[np.intp]]


def percent(figure: Figure | None) -> str:
    if not isinstance(figure, Estimate):
        return "not resolvable"
    low, value, high = (100 * part for part in (figure.low, figure.value, figure.high))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def table_of(lfw: Path) -> tuple[Embedded, Rows]:
    """LFW's faces, and the rows of each person."""
    recogniser = DlibRecogniser(default_cache())
    store = open_store(default_cache(), recogniser, "auto")
    table = embed(open_source(lfw), recogniser, store, "auto", Silent(), "LFW")
    rows: dict[str, list[int]] = {}
    for row, photo in enumerate(table.photos):
        rows.setdefault(str(photo.person), []).append(row)
    return table, {name: np.array(its) for name, its in rows.items()}


def manifest(path: Path, lfw: Path, table: Embedded, rows: Iterable[int]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "person"])
        writer.writerows((lfw / table.photos[row].path, table.photos[row].person) for row in rows)
    return path


def looked(table: Embedded, rows: NDArray[np.intp]) -> Looked:
    """Rows of the table as a guard sees them."""
    sha256 = tuple(table.sha256[row] for row in rows)
    return Looked(table.embeddings[rows], table.pictures[rows], (None,) * len(rows), sha256)


def some_people(rows: Rows, people: NDArray[np.str_]) -> NDArray[np.intp]:
    return np.concatenate([rows[name] for name in people])


Names = NDArray[np.str_]
Halves = tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]


def draw(rows: Rows, seed: int) -> tuple[Names, Names, Names, Halves]:
    """Members, strangers, held-out people, and the members' rows for training and unseen ones."""
    rng = np.random.default_rng(seed)
    several = [name for name, its in rows.items() if name[0].upper() > "M" and len(its) > 1]
    members = rng.permutation(several)[:N_MEMBERS]
    others = rng.permutation(sorted(set(rows) - set(members)))
    shuffled = [rng.permutation(rows[name]) for name in members]
    halves = [its[: max(1, len(its) // 2)] for its in shuffled], [its[max(1, len(its) // 2) :] for its in shuffled]
    return members, others[:N_STRANGERS], others[N_STRANGERS:], halves


def promise(lfw: Path, table: Embedded, rows: Rows, seed: int) -> dict[float, tuple[Content, Figure, int]]:
    """Rate -> the guard's figures, the share of strangers' photos refused, and how many of these as copies."""
    members, strangers, heldout, halves = draw(rows, seed)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        made = probablyexists.guard(
            manifest(at / "training.csv", lfw, table, np.concatenate(halves[0])),
            manifest(at / "heldout.csv", lfw, table, some_people(rows, heldout)),
            unseen=manifest(at / "unseen.csv", lfw, table, np.concatenate(halves[1])),
            rate=RATES[0],
            threads=1,
        )
    asked = some_people(rows, strangers)
    whose = np.repeat(np.arange(len(strangers)), [len(rows[name]) for name in strangers])
    unseen = Crowd(table, People(tuple(members), tuple(halves[1])))
    found = {}
    for rate in RATES:
        content = set_threshold(made.content.with_about(rate=rate))
        content = content.with_about(missed=missed_unseen(content, unseen, 1))
        decisions = Guard(content, made.recogniser).decide(looked(table, asked))
        refused = np.array([not decision.allowed for decision in decisions])
        copies = sum(decision.kind == "copy" for decision in decisions)
        found[rate] = content, share_of_people(np.bincount(whose, refused) / np.bincount(whose)), copies
    return found


def show_promise(lfw: Path, seeds: int) -> None:
    table, rows = table_of(lfw)
    drawn = [promise(lfw, table, rows, seed) for seed in range(seeds)]
    n = {len(found[RATES[0]][0].strangers.prints) for found in drawn}
    print(f"{N_MEMBERS} members, {N_STRANGERS:,} strangers, {min(n):,} to {max(n):,} held-out people, {seeds} draws.\n")
    print("| asked % | expected % | strangers' photos refused % | of these copies | unseen photos missed % |")
    print("|---:|---|---|---:|---|")
    for rate in RATES:
        content, refused, copies = drawn[0][rate]
        about = content.about
        cells = (percent(about.refused), percent(refused), str(copies), percent(about.missed))
        print(f"| {100 * rate:g} | {' | '.join(cells)} |")
    print(
        "\n| asked % | expected %, mean of draws | refused %, mean (least to most) | draws whose interval holds what "
        "was asked | draws in which the guard's interval holds what was refused | missed %, mean (least to most) |"
    )
    print("|---:|---:|---|---:|---:|---|")
    for rate in RATES:
        promised = [said for found in drawn if (said := found[rate][0].about.refused) is not None]
        seen = [its for found in drawn if isinstance(its := found[rate][1], Estimate)]
        missed = [100 * one.value for found in drawn if isinstance(one := found[rate][0].about.missed, Estimate)]
        own = sum(share.low <= rate <= share.high for share in seen)
        held = sum(limits.low <= share.value <= limits.high for limits, share in zip(promised, seen, strict=True))
        values = [100 * share.value for share in seen]
        expected = 100 * np.mean([said.value for said in promised])
        print(
            f"| {100 * rate:g} | {expected:.3f} | {np.mean(values):.3f} ({min(values):.2f} to {max(values):.2f}) | "
            f"{own} of {seeds} | {held} of {seeds} | {np.mean(missed):.1f} ({min(missed):.1f} to {max(missed):.1f}) |"
        )


# --- the score ------------------------------------------------------------------------------------------------------


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def misses(table: Embedded, rows: Rows, n_members: int, seed: int) -> dict[str, list[float]]:
    """Score -> the share of unseen photos missed at each of the rates; `rows` of the people who take part."""
    rng, x = np.random.default_rng(seed), table.embeddings
    members = rng.permutation([name for name, its in rows.items() if len(its) > 1])[:n_members]
    shuffled = [rng.permutation(rows[name]) for name in members]
    training = [its[: max(1, len(its) // 2)] for its in shuffled]
    unseen = [its[max(1, len(its) // 2) :] for its in shuffled]
    rest = [its[:4] for name, its in rows.items() if name not in set(members)]
    whose = np.repeat(np.arange(len(rest)), [len(its) for its in rest])
    asked, owner = np.concatenate(unseen), np.repeat(np.arange(n_members), [len(its) for its in unseen])
    photos = np.concatenate(training)
    of = np.repeat(np.arange(n_members), [len(its) for its in training])
    faces = faces_of(unit(np.array([x[its].mean(axis=0) for its in training])), 1)
    both = x[np.concatenate(rest)], x[asked]
    plain = [vectors @ faces.templates.T for vectors in both]
    starts = np.flatnonzero(np.diff(of, prepend=-1))
    by_photo = [np.maximum.reduceat(vectors @ x[photos].T, starts, axis=1) for vectors in both]
    photo_alike = x[photos] @ faces.templates.T
    photo_alike[np.arange(len(photos)), of] = np.nan
    mean, spread = np.nanmean(photo_alike, axis=0), np.nanstd(photo_alike, axis=0)
    scores = {
        "cosine": plain,
        "cosine with the most similar photo": by_photo,
        "mean of both": [(one + other) / 2 for one, other in zip(plain, by_photo, strict=True)],
        "standardised by other members' photos": [(one - mean) / spread for one in plain],
    }
    alike = faces.templates @ faces.templates.T
    np.fill_diagonal(alike, -1)
    alike = np.sort(alike, axis=1)[:, ::-1]
    for k in (1, 3, 5, 10):
        for weight in (0.3, 0.4, 0.5, 0.7, 1.0):
            name = f"cosine less {weight} x {k} most similar others"
            scores[name] = [one - weight * alike[:, :k].mean(axis=1) for one in plain]
    found = {}
    for name, (strangers, own) in scores.items():
        limits = [refusal_limit(strangers.max(axis=1), whose, rate).value for rate in RATES]
        missed = [np.bincount(owner, own.max(axis=1) <= limit) / np.bincount(owner) for limit in limits]
        found[name] = [float(share.mean()) for share in missed]
    return found


def show_scores(lfw: Path, seeds: int) -> None:
    table, rows = table_of(lfw)
    halves: dict[str, Rows] = {"A to M": {}, "N to Z": {}}
    for name, its in rows.items():
        halves["A to M" if name[0].upper() <= "M" else "N to Z"][name] = its
    for letters, n_members in (("A to M", 300), ("A to M", 50), ("N to Z", 300)):
        drawn = [misses(table, halves[letters], n_members, seed) for seed in range(seeds)]
        plain = np.array([found["cosine"] for found in drawn])
        print(f"\n{n_members} members of people {letters}, {seeds} draws: unseen photos missed %\n")
        print("| score | " + " | ".join(f"at {100 * rate:g} %" for rate in RATES) + " |\n|---|---|---|---|")
        for name in drawn[0] if letters == "A to M" else ("cosine", CHOSEN):
            values = np.array([found[name] for found in drawn])
            apart = values - plain
            error = apart.std(axis=0, ddof=1) / np.sqrt(seeds)
            cells = [
                f"{100 * value:.1f}" + ("" if name == "cosine" else f" ({100 * more:+.1f} ± {100 * se:.1f})")
                for value, more, se in zip(values.mean(axis=0), apart.mean(axis=0), error, strict=True)
            ]
            print(f"| {name} | {' | '.join(cells)} |")


# --- what it costs --------------------------------------------------------------------------------------------------


def large_guard(table: Embedded) -> Guard:
    """10,000 people with two photos each: of LFW, then of LFW mirrored and shifted."""
    n = len(table)
    picture = np.resize(np.arange(n), N_PHOTOS)
    pictures = table.pictures[picture].copy()
    pictures[n:] = np.roll(pictures[n:, :, :, ::-1], 3, axis=2)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, (N_PHOTOS, table.embeddings.shape[1])).astype(np.float32)
    embeddings = unit(table.embeddings[picture] + noise)
    owner = np.repeat(np.arange(N_PEOPLE), 2).astype(np.int32)
    members = Members(
        tuple(f"P-{i}" for i in range(N_PEOPLE)),
        embeddings,
        pictures,
        owner,
        np.zeros((N_PHOTOS, 8), np.uint8),
        np.full(N_PHOTOS, 0.85, np.float32),
    )
    recogniser = DlibRecogniser(default_cache())
    about = About(
        made_by="scripts/guard_lfw.py",
        recogniser="dlib",
        recogniser_id=recogniser.id,
        feed=None,
        faces="auto",
        salt="0" * 64,
        half=False,
        rate=0.001,
        threshold=0.6,
    )
    none, no_prints = np.empty(0, np.int32), np.empty((0, 32), np.uint8)
    nobody = Strangers(table.embeddings[:0], none, none, no_prints[:, :8], no_prints)
    return Guard(Content(about, members, nobody), recogniser)


def show_speed(lfw: Path) -> None:
    table, _ = table_of(lfw)
    made = large_guard(table)
    rows = np.random.default_rng(1).permutation(len(table))[:N_ASKED]
    paths = [lfw / table.photos[row].path for row in rows]
    started = time.process_time()
    made.decide(looked(table, rows[:1]))
    prepared = time.process_time() - started
    started = time.process_time()
    for row in rows:
        made.decide(looked(table, np.array([row])))
    one = 1000 * (time.process_time() - started) / N_ASKED
    started = time.process_time()
    made.decide(looked(table, rows))
    batch = 1000 * (time.process_time() - started) / N_ASKED
    started = time.process_time()
    for path in paths:
        made.check(path)
    whole = 1000 * (time.process_time() - started) / N_ASKED
    with tempfile.TemporaryDirectory() as folder:
        made.write(Path(folder) / "guard.pe")
        size = (Path(folder) / "guard.pe").stat().st_size / 2**20
        started = time.process_time()
        probablyexists.open_guard(Path(folder) / "guard.pe")
        opened = time.process_time() - started
    print(f"{machine()}; one thread, seconds of the processor; {N_PEOPLE:,} people, {N_PHOTOS:,} photos.\n")
    print("| what | |\n|---|---:|")
    print(f"| a check beyond embedding, one picture at a time, ms | {one:.1f} |")
    print(f"| the same, {N_ASKED} pictures at once, ms a picture | {batch:.1f} |")
    print(f"| a whole check of a file (decode, find the face, embed, decide), one at a time, ms | {whole:.1f} |")
    print(f"| opening the file, s | {opened:.1f} |")
    print(f"| preparing the first check, s | {prepared:.1f} |")
    print(f"| size of the file, MiB | {size:.0f} |")


def crowd(table: Embedded, names: Iterable[str], its: list[NDArray[np.intp]]) -> Crowd:
    """These people with these rows, and nobody else."""
    ends = np.cumsum([len(one) for one in its])
    return Crowd(table.take(np.concatenate(its)), People(tuple(names), tuple(np.split(np.arange(ends[-1]), ends[:-1]))))


def show_names(lfw: Path, seeds: int) -> None:
    table, rows = table_of(lfw)
    print("| draw | rate % | strangers said to look like a member | members found by other photos "
          "| photos of strangers, of members, refused as the same |\n|---:|---:|---:|---:|---|")  # fmt: skip
    for seed in range(seeds):
        names, strangers, heldout, (known, unseen) = draw(rows, seed)
        members = members_of(crowd(table, names, known), b"", 1)
        held = strangers_of(crowd(table, heldout, [rows[name] for name in heldout]), members, b"", 1)
        new = members_of(crowd(table, strangers[:N_ADDED], [rows[name] for name in strangers[:N_ADDED]]), b"", 1)
        again = members_of(crowd(table, names, unseen), b"", 1)
        same = [{row for row, _ in find_all(one.pictures, members.pictures, SAME_PICTURE, 1)} for one in (new, again)]
        pictures = ", ".join(
            f"{len(found)} of {len(one.pictures):,}" for found, one in zip(same, (new, again), strict=True)
        )
        common = faces_of(members.templates, 1).common
        for rate in RATES:
            about = About(made_by="", recogniser=None, recogniser_id="", feed=None, faces="auto", salt="0" * 64,
                          half=False, rate=rate)  # fmt: skip
            limit = set_threshold(Content(about, members, held)).about.threshold
            assert limit is not None
            alike = int((new.templates @ members.templates.T - common > limit).any(axis=1).sum())
            found = int(((again.templates * members.templates).sum(axis=1) - common > limit).sum())
            print(f"| {seed} | {100 * rate:g} | {alike} of {N_ADDED:,} | {found} of {N_MEMBERS} | {pictures} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lfw", type=Path)
    parser.add_argument("--scores", action="store_true")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--seeds", type=int, default=8)
    chosen = parser.parse_args()
    lfw = chosen.lfw.resolve()
    if chosen.scores:
        show_scores(lfw, chosen.seeds)
    elif chosen.names:
        show_names(lfw, chosen.seeds)
    elif chosen.speed:
        show_speed(lfw)
    else:
        show_promise(lfw, chosen.seeds)


if __name__ == "__main__":
    main()
