"""How often does an audit say "leak" when nothing leaks? Whole audits of embeddings, in regimes that people will meet.

    python scripts/null_grid.py --work out/nulls --lfw path/to/lfw --celeba path/to/celeba --processes 2
    python scripts/null_grid.py --work out/nulls --regimes hubs siblings-sampled --audits 20

Members and held-out people are drawn alike, samples show other people, and everything after embedding is the audit's
own code. Audit s of a regime draws from the seed (20261, regime, s). One JSON line an audit is kept in --work, and what
is there is not done again. Pictures are noise, so that nothing is a copy; with 10,000 samples and with repeated ones
they are of 100 kinds, so that chance makes some look like copies. LFW and CelebA are read from the store of
embeddings, and what is not in it is embedded first; without --lfw and --celeba their regimes are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from probablyexists.answers.copying import find_copies
from probablyexists.answers.judges import Judge
from probablyexists.attacks.known import chosen
from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.progress import Console, Silent
from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Embedded, SetAside, embed, open_store
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.faces.acquire import NO_FACE
from probablyexists.intake.faces_seen import faces_seen
from probablyexists.intake.groups import Groups
from probablyexists.intake.people import find_people
from probablyexists.intake.settings import AuditSettings, checked
from probablyexists.matching.matcher import Matcher
from probablyexists.results.findings import Findings
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source, open_source
from probablyexists.stats.rates import wilson
from probablyexists.tasks.audit import conclude
from probablyexists.tasks.gather import Gathered

SEED = 20261
DIM = 48
AXES = np.arange(1, DIM + 1) ** -0.35
NOISE = 0.35
"""Spread of a person's photos, beside a spread of 1 between people."""

Draw = np.random.Generator
Floats = NDArray[np.floating]


# --- an audit from embeddings -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Photos:
    """One role: embeddings, people (None: photos without names) and pictures."""

    embeddings: NDArray[np.float32]
    """(n, dim), unit length."""
    people: Sequence[str] | None
    pictures: NDArray[np.uint8]
    """(n, 1, 48, 48)"""
    n_no_face: int = 0
    """Further images, without a face."""


@dataclass(frozen=True)
class World:
    """What an audit is given."""

    roles: Mapping[Role, Photos]
    more_views: Sequence[Mapping[Role, NDArray[np.float32]]] = ()
    """For each further recogniser, its embeddings of the same photos."""
    attacks: tuple[str, ...] = ()
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Person -> group."""


@dataclass(frozen=True)
class Given:
    """A source by its names alone: nothing is read from it."""

    name: str
    photos: tuple[Photo, ...]

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """Each photo is said to be unreadable."""
        return ((photo, ImageError("unreadable")) for photo in wanted)


@dataclass(frozen=True)
class Named:
    """A recogniser by its name alone."""

    id: str
    trained_on: str | None = None
    knows: tuple[str, ...] = ()


def audited(world: World, seed: int, **more: Any) -> Findings:
    """The audit's own steps, from the tables of embeddings on. `more`: further settings."""
    started = time.monotonic()
    settings = checked(
        AuditSettings,
        {name: Path(name) for name in world.roles} | {"more_attacks": world.attacks, "seed": seed, "threads": 1} | more,
    )
    return conclude(gathered(world, seed), settings, Silent(), started)


def gathered(world: World, seed: int) -> Gathered:
    """Embed -> match, from the tables of embeddings on."""
    matcher, groups = Matcher(threads=1), Groups(world.groups)
    tables = {role: _table(role, photos) for role, photos in world.roles.items()}
    sources: dict[Role, Source] = {
        role: Given(role, (*t.photos, *(aside.photo for aside in t.set_aside))) for role, t in tables.items()
    }
    people: dict[Role, Embedded] = {role: table for role, table in tables.items() if role != "generated"}
    named = world.roles["training"].people is not None
    crowds = find_people(people, named=named, seed=seed, threads=1)
    copied = find_copies(crowds.training, crowds.heldout, tables["generated"], matcher)
    recognisers = [Named(f"drawn-{number}/1") for number in range(1 + len(world.more_views))]
    first = Judge("drawn-0/1", crowds.by_role, tables["generated"], copied.left_out, matcher, groups.of)
    judges = [first]
    for recogniser, seen in zip(recognisers[1:], world.more_views, strict=True):
        again = {role: dataclasses.replace(table, embeddings=seen[role]) for role, table in tables.items()}
        judges.append(first.again(recogniser.id, again))
    generated = tables["generated"]
    return Gathered(
        sources=sources,
        recognisers=cast("list[Recogniser]", recognisers),
        feeding=[],
        tables=tables,
        seen=faces_seen(sources["generated"], generated, "detect", seed),
        pairs=[],
        crowds=crowds,
        copied=copied,
        judges=judges,
        attacks=chosen(world.attacks, has_reference="reference" in tables),
        matcher=matcher,
        groups=groups,
    )


def _table(role: Role, photos: Photos) -> Embedded:
    n = len(photos.embeddings)
    people: Sequence[str | None] = photos.people or [None] * n
    hashes = rng(0, role, n).bytes(32 * n)
    none = [Photo(f"{role}/none-{i:06d}.png", None) for i in range(photos.n_no_face)]
    return Embedded(
        tuple(Photo(f"{role}/{i:06d}.png", person) for i, person in enumerate(people)),
        tuple(hashes[32 * i : 32 * i + 32] for i in range(n)),
        photos.embeddings,
        photos.pictures,
        np.ones(n, np.int32),
        tuple(SetAside(photo, NO_FACE) for photo in none),
        n,
    )


# --- drawn people -----------------------------------------------------------------------------------------------


def noise(draw: Draw, n: int) -> NDArray[np.uint8]:
    """(n, 1, 48, 48) pictures of which no two are alike."""
    return np.frombuffer(draw.bytes(n * 48 * 48), np.uint8).reshape(n, 1, 48, 48)


def posed(draw: Draw, n: int) -> NDArray[np.uint8]:
    """(n, 1, 48, 48) pictures of 100 kinds, the same in every audit, so that some look like copies by chance."""
    kinds = rng(SEED, "kinds").standard_normal((100, 1, 12, 12))
    own = draw.uniform(0, 0.9, (n, 1, 1, 1))
    mixed = np.sqrt(own) * kinds[draw.integers(0, 100, n)] + np.sqrt(1 - own) * draw.standard_normal((n, 1, 12, 12))
    return (128 + 40 * mixed).clip(0, 255).astype(np.uint8).repeat(4, axis=2).repeat(4, axis=3)


def unit(x: Floats) -> NDArray[np.float32]:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def photographed(draw: Draw, centres: Floats, spread: float = NOISE) -> NDArray[np.float32]:
    """One photo of each."""
    return unit(centres + spread * AXES * draw.standard_normal(centres.shape))


def strangers(draw: Draw, n: int) -> Floats:
    """(n, DIM) people of one population."""
    return np.asarray(draw.standard_normal((n, DIM)) * AXES)


Population = Callable[[Draw, int], Floats]
Pictures = Callable[[Draw, int], NDArray[np.uint8]]


@dataclass(frozen=True)
class Sizes:
    """How many of each."""

    members: int = 200
    heldout: int = 700
    samples: int = 1000
    reference: int = 0


def people_of(draw: Draw, role: Role, centres: Floats, pictures: Pictures = noise) -> Photos:
    """1 to 8 photos of each person, 2.7 on average."""
    owner = np.repeat(np.arange(len(centres)), np.minimum(8, draw.geometric(0.35, len(centres))))
    names = [f"{role}-{i:05d}" for i in owner]
    return Photos(photographed(draw, centres[owner]), names, pictures(draw, len(owner)))


def samples_of(draw: Draw, centres: Floats, pictures: Pictures = noise) -> Photos:
    return Photos(photographed(draw, centres), None, pictures(draw, len(centres)))


def by_name(
    draw: Draw, sizes: Sizes = Sizes(), population: Population = strangers, pictures: Pictures = noise
) -> World:
    """Members, held-out people, and samples that show others of the same population."""
    roles: dict[Role, Photos] = {
        "training": people_of(draw, "training", population(draw, sizes.members), pictures),
        "heldout": people_of(draw, "heldout", population(draw, sizes.heldout), pictures),
        "generated": samples_of(draw, population(draw, sizes.samples), pictures),
    }
    if sizes.reference:
        roles["reference"] = people_of(draw, "reference", population(draw, sizes.reference))
    return World(roles)


def hubs(draw: Draw, n: int) -> Floats:
    """Everybody has a share of one face, from none to nearly all: a few look like everybody."""
    return strangers(draw, n) * draw.uniform(0.3, 1.0, (n, 1)) + 1.5 * draw.exponential(1.0, (n, 1)) * AXES


def look_alikes(draw: Draw, n: int) -> Floats:
    """A tenth is of one compact group."""
    found = strangers(draw, n)
    group = draw.random(n) < 0.1
    found[group] = 0.35 * found[group] + 1.2 * AXES
    return found


def sampled_siblings(draw: Draw) -> World:
    """Half of the samples show siblings of a third of the members and of the held-out people."""
    sizes = Sizes()
    everybody = strangers(draw, sizes.members + sizes.heldout)
    shown = strangers(draw, sizes.samples)
    parents = draw.permutation(len(everybody))[: len(everybody) // 3]
    with_sibling = draw.choice(parents, sizes.samples // 2)
    born = np.sqrt(0.5) * (everybody + strangers(draw, len(everybody)))
    shown[: len(with_sibling)] = born[with_sibling]
    return World(
        {
            "training": people_of(draw, "training", everybody[: sizes.members]),
            "heldout": people_of(draw, "heldout", everybody[sizes.members :]),
            "generated": samples_of(draw, shown),
        }
    )


def divided_siblings(draw: Draw) -> World:
    """Everybody has a sibling; which of them are members is chance."""
    sizes = Sizes()
    n = sizes.members + sizes.heldout
    family = np.repeat(strangers(draw, n // 2), 2, axis=0)
    everybody = draw.permutation(np.sqrt(0.5) * (family + strangers(draw, n)))
    return World(
        {
            "training": people_of(draw, "training", everybody[: sizes.members]),
            "heldout": people_of(draw, "heldout", everybody[sizes.members :]),
            "generated": samples_of(draw, strangers(draw, sizes.samples)),
        }
    )


def several_attacks(draw: Draw) -> World:
    world = by_name(draw, Sizes(reference=100))
    return dataclasses.replace(world, attacks=("nearest-10", "photo-set", "density-ratio"))


def several_recognisers(draw: Draw) -> World:
    """A second recogniser sees other noise, in other directions."""
    world = by_name(draw)
    turn = np.linalg.qr(draw.standard_normal((DIM, DIM)))[0]
    seen = {
        role: unit((photos.embeddings + 0.3 * AXES * draw.standard_normal(photos.embeddings.shape) / 3) @ turn)
        for role, photos in world.roles.items()
    }
    return dataclasses.replace(world, more_views=(seen,))


def repeated(draw: Draw, distinct: int, times: int) -> World:
    """Every picture is sampled several times, with a little noise."""
    world = by_name(draw, Sizes(members=100, samples=distinct), pictures=posed)
    once = world.roles["generated"]
    pictures = np.repeat(once.pictures, times, axis=0).astype(np.int16)
    pictures += draw.integers(-2, 3, pictures.shape, dtype=np.int16)
    again = unit(np.repeat(once.embeddings, times, axis=0) + 1e-3 * draw.standard_normal((distinct * times, DIM)))
    return World(dict(world.roles) | {"generated": Photos(again, None, pictures.clip(0, 255).astype(np.uint8))})


def faceless(draw: Draw) -> World:
    """In 9 of 10 samples no face is found."""
    world = by_name(draw, Sizes(samples=1500))
    return World(dict(world.roles) | {"generated": dataclasses.replace(world.roles["generated"], n_no_face=13_500)})


# --- people without names ---------------------------------------------------------------------------------------


@cache
def of_set(name: str) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """((n, dim) embeddings, (n,) number of each photo's person) of LFW or CelebA."""
    folder = Path(os.environ[name])
    recogniser = open_recogniser("dlib", default_cache())
    store = open_store(default_cache(), recogniser, "detect")
    table = embed(open_source(folder), recogniser, store, "detect", Console(), name, pictures=False)
    return table.embeddings, np.unique([str(p.person) for p in table.photos], return_inverse=True)[1].astype(np.intp)


def without_names(draw: Draw, name: str, members: int, heldout: int, others: int) -> World:
    """A random split of people whose names are hidden; samples are photos of other people."""
    x, person = of_set(name)
    order = draw.permutation(int(person.max()) + 1)
    ends = np.cumsum([0, members, heldout, others])
    roles: dict[Role, Photos] = {}
    for number, role in enumerate(("training", "heldout", "generated")):
        rows = draw.permutation(np.flatnonzero(np.isin(person, order[ends[number] : ends[number + 1]])))
        roles[cast("Role", role)] = Photos(x[rows], None, noise(draw, len(rows)))
    return World(roles)


REGIMES: dict[str, Callable[[Draw], World]] = {
    "by-name": by_name,
    "lfw-clusters-equal": partial(without_names, name="LFW", members=800, heldout=800, others=600),
    "lfw-clusters-unequal": partial(without_names, name="LFW", members=1300, heldout=300, others=600),
    "celeba-clusters-equal": partial(without_names, name="CELEBA", members=110, heldout=110, others=74),
    "celeba-clusters-unequal": partial(without_names, name="CELEBA", members=170, heldout=50, others=74),
    "hubs": partial(by_name, population=hubs),
    "look-alikes": partial(by_name, population=look_alikes),
    "siblings-sampled": sampled_siblings,
    "siblings-divided": divided_siblings,
    "20-members": partial(by_name, sizes=Sizes(members=20)),
    "40-members": partial(by_name, sizes=Sizes(members=40)),
    "60-members": partial(by_name, sizes=Sizes(members=60)),
    "several-attacks": several_attacks,
    "several-recognisers": several_recognisers,
    "repeated-200x50": partial(repeated, distinct=200, times=50),
    "samples-10": partial(by_name, sizes=Sizes(samples=10)),
    "samples-100": partial(by_name, sizes=Sizes(samples=100)),
    "samples-1000": partial(by_name, sizes=Sizes(samples=1000)),
    "samples-10000": partial(by_name, sizes=Sizes(members=100, samples=10_000), pictures=posed),
    "without-faces": faceless,
}
SETS = {"lfw": "LFW", "celeba": "CELEBA"}


# --- the grid ---------------------------------------------------------------------------------------------------

RULES = {"named": " named at a false discovery rate", "group": "members as a group score above", "copies": " reproduce"}


def one_audit(task: tuple[str, int]) -> dict[str, Any]:
    """Audit number s of a regime, as a line of the results."""
    regime, s = task
    draw = rng(SEED, regime, s)
    started = time.process_time()
    verdict: str
    try:
        with threadpool_limits(1):
            findings = audited(REGIMES[regime](draw), s)
    except InputError as error:
        verdict, because = "refused", [str(error)]
    else:
        verdict, because = findings.verdict, findings.because
    fired = [rule for rule, words in RULES.items() if verdict == "leak" and any(words in text for text in because)]
    seconds = round(time.process_time() - started, 2)
    return {"regime": regime, "audit": s, "verdict": verdict, "rules": fired, "because": because, "seconds": seconds}


def done(folder: Path) -> list[dict[str, Any]]:
    """What is in the folder; a line that was cut off counts as not done."""
    found = []
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return found


def run(folder: Path, regimes: Sequence[str], audits: int, processes: int) -> list[dict[str, Any]]:
    """Do what is missing; all lines of these regimes and audits."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {(line["regime"], line["audit"]) for line in done(folder)}
    todo = [(regime, s) for s in range(audits) for regime in regimes if (regime, s) not in there]
    if processes == 1:
        _keep(folder, map(one_audit, todo))
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            _keep(folder, pool.imap_unordered(one_audit, todo))
    return [line for line in done(folder) if line["regime"] in regimes and line["audit"] < audits]


def _keep(folder: Path, lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        with (folder / f"{line['regime']}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def table(lines: Sequence[Mapping[str, Any]], regimes: Sequence[str]) -> str:
    """One row a regime, in Markdown."""
    rows = [
        "| regime | audits | leak | leak % (95 % interval) | no evidence | inconclusive | refused | by names / group / "
        "copies | processor s an audit |",
        "|---" * 9 + "|",
    ]
    for regime in regimes:
        here = [line for line in lines if line["regime"] == regime]
        if not here:
            continue
        n = {verdict: sum(line["verdict"] == verdict for line in here) for verdict in VERDICTS}
        low, high = wilson(n["leak"] / len(here), len(here))
        rules = " / ".join(str(sum(rule in line["rules"] for line in here)) for rule in RULES)
        seconds = float(np.mean([line["seconds"] for line in here]))
        rows.append(
            f"| {regime} | {len(here)} | {n['leak']} | {100 * n['leak'] / len(here):.1f} ({100 * low:.1f} to "
            f"{100 * high:.1f}) | {n['no evidence']} | {n['inconclusive']} | {n['refused']} | {rules} | {seconds:.2f} |"
        )
    return "\n".join(rows)


VERDICTS = ("leak", "no evidence", "inconclusive", "refused")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for one line an audit")
    parser.add_argument("--regimes", nargs="+", choices=list(REGIMES), default=list(REGIMES))
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    for name in SETS:
        parser.add_argument(f"--{name}", type=Path, help="one folder a person")
    given = parser.parse_args()
    for name, variable in SETS.items():
        if folder := getattr(given, name):
            os.environ[variable] = str(folder)
            of_set(variable)
    left_out = tuple(name for name, variable in SETS.items() if variable not in os.environ)
    regimes = [regime for regime in given.regimes if not regime.startswith(left_out)]
    print(table(run(given.work, regimes, given.audits, given.processes), regimes))
    if len(regimes) < len(given.regimes):
        print(f"\nleft out, as their photos are not given: {', '.join(sorted(set(given.regimes) - set(regimes)))}")


if __name__ == "__main__":
    main()
