"""Do the intervals hold what they promise? Simulated audits with known truth; prints Markdown tables.

    python scripts/coverage.py                   # 200 audits a kind, and a longer run beside them; some 10 minutes
    python scripts/coverage.py --audits 1000     # another number instead of 200
    python scripts/coverage.py --only excess     # rows whose name has this word
    python scripts/coverage.py --truth 20000     # the truths that are no formula, by Monte Carlo

Audits are simulated at the level of scores: people with their own effects, photos inside people. Audit number s
of every kind draws from the seed (20260, s), so that the first 200 are the same in any longer run.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from probablyexists.answers.comparisons import photo_counts
from probablyexists.answers.credits import credit
from probablyexists.answers.split_baseline import without_samples
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import group
from probablyexists.sources.listing import Photo
from probablyexists.stats import contrast, rates, roc
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.roc import Side

SEED = 20260
PERSON, PHOTO = 0.8, 0.6
"""Standard deviations of a score between people and between the photos of one; together 1."""

Draw = np.random.Generator
Floats = NDArray[np.floating]
Scores = Callable[[Draw, int, Floats | float], Side]


@dataclass(frozen=True)
class Kind:
    """One kind of interval in one situation."""

    name: str
    truth: float
    audit: Callable[[Draw], Figure]
    most: int = 2000
    """Audits of the longer run."""


def photo_count(draw: Draw, n: int) -> NDArray[np.int64]:
    """1 to 8 photos a person, 2.7 on average."""
    return np.minimum(8, draw.geometric(0.35, n))


def nested(draw: Draw, counts: NDArray[np.int64], mean: Floats | float) -> Side:
    """Several photos a person, alike among themselves."""
    who = np.repeat(np.arange(len(counts)), counts)
    person = mean + draw.normal(0, PERSON, len(counts))
    return Side(person[who] + draw.normal(0, PHOTO, len(who)), who)


def photos(draw: Draw, n: int, mean: Floats | float) -> Side:
    """1 to 8 photos a person."""
    return nested(draw, photo_count(draw, n), mean)


def zipf(draw: Draw, n: int, mean: Floats | float) -> Side:
    """1 to 300 photos a person; few have many."""
    return nested(draw, np.minimum(300, np.floor(draw.pareto(1.2, n) + 1)).astype(np.int64), mean)


def holds(share: float) -> Scores:
    """One person holds this share of the photos, the others 1 to 8 each."""

    def scores(draw: Draw, n: int, mean: Floats | float) -> Side:
        counts = photo_count(draw, n)
        counts[0] = round(share / (1 - share) * counts[1:].sum())
        return nested(draw, counts, mean)

    return scores


def people(draw: Draw, n: int, mean: Floats | float) -> Side:
    """One score a person."""
    return Side.one_each(mean + draw.standard_normal(n))


def auroc(name: str, level: Scores, n: int, n_heldout: int, shift: float, share: float = 1.0, most: int = 2000) -> Kind:
    """A share of the members scores `shift` standard deviations higher."""

    def audit(draw: Draw) -> Figure:
        leaked = shift * (draw.random(n) < share)
        return roc.auroc_estimate(level(draw, n, leaked), level(draw, n_heldout, 0.0))

    truth = share * norm.cdf(shift / math.sqrt(2)) + (1 - share) / 2
    return Kind(f"AUROC, {name}; {n} members, {n_heldout} held out", truth, audit, most)


def tpr(
    name: str, level: Scores, n: int, n_heldout: int, shift: float, fpr: float, share: float = 1.0, most: int = 2000
) -> Kind:
    def audit(draw: Draw) -> Figure:
        leaked = shift * (draw.random(n) < share)
        return roc.tpr_estimate(level(draw, n, leaked), level(draw, n_heldout, 0.0), fpr, draw)

    truth = share * norm.sf(norm.isf(fpr) - shift) + (1 - share) * fpr
    return Kind(f"TPR at FPR {100 * fpr:g} %, {name}; {n} members, {n_heldout} held out", truth, audit, most)


def fmr(n: int, rate: float, effect: float) -> Kind:
    """Template i against photo j: both people's effects (correlated: it is one person) and the pair's own."""
    rest, limit = math.sqrt(1 - 2 * effect**2), norm.isf(rate)

    def audit(draw: Draw) -> Figure:
        template = draw.normal(0, effect, n)
        photo = 0.8 * template + 0.6 * draw.normal(0, effect, n)
        score = template[:, None] + photo + rest * draw.standard_normal((n, n), dtype=np.float32)
        match = (score >= limit).astype(np.float64)
        return rates.false_match_rate((match + match.T) / 2)

    return Kind(f"FMR, {2 * effect**2:.0%} of the variance people's; {n} people".replace("%", " %"), rate, audit)


def wolves(n: int, rate: float, sigma: float) -> Kind:
    """Everybody has a lognormal factor; two people match at `rate` times both factors, at most always."""

    def audit(draw: Draw) -> Figure:
        factor = np.exp(sigma * draw.standard_normal(n) - sigma**2 / 2)
        match = (draw.random((n, n)) < rate * factor[:, None] * factor).astype(np.float64)
        return rates.false_match_rate((match + match.T) / 2)

    spread, centre = sigma * math.sqrt(2), -math.log(rate) + sigma**2
    truth = rate * norm.cdf((centre - spread**2) / spread) + norm.sf(centre / spread)
    return Kind(f"FMR, wolves with lognormal factors, sigma {sigma:g}; {n} people", truth, audit)


def share(name: str, n: int, rate: float, alike: float | None) -> Kind:
    """One comparison a person, or 1 to 8 with a beta-distributed rate a person (correlation `alike`)."""

    def audit(draw: Draw) -> Figure:
        if alike is None:
            return rates.share_of_people((draw.random(n) < rate).astype(np.float64))
        of_person = draw.beta(rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1), n)
        counts = photo_count(draw, n)
        return rates.share_of_people(draw.binomial(counts, of_person) / counts)

    return Kind(f"{name}; {n} people", rate, audit)


def slope(n: int, most_photos: int) -> Kind:
    """Exposure is a maximum, hence Gumbel; its spread grows with the photo count; few people have many photos."""

    def audit(draw: Draw) -> Figure:
        x = np.log2(np.minimum(most_photos, np.floor(draw.pareto(1.2, n) + 1)))
        return contrast.slope(x, 0.3 * x + (draw.gumbel(size=n) - np.euler_gamma) * (0.6 + 0.4 * x))

    return Kind(f"slope of the dose, heteroscedastic; {n} people, up to {most_photos} photos", 0.3, audit)


def mean(n: int, exposed: float) -> Kind:
    """Mean exposure in a bin of the dose curve; a share of its people is exposed by 4 standard deviations."""

    def audit(draw: Draw) -> Figure:
        z = (draw.gumbel(size=n) - np.euler_gamma) * math.sqrt(6) / np.pi
        return contrast.mean(z + 4 * (draw.random(n) < exposed))

    return Kind(f"mean exposure, {exposed:.0%} exposed; {n} people".replace("%", " %"), 4 * exposed, audit)


# --- the excess: galleries and samples as embeddings -----------------------------------------------------------

DIM, SPREAD, NOISE = 24, 0.35, 0.45
AXES = np.arange(1, DIM + 1) ** -SPREAD
THRESHOLDS = {200: 0.78137, 300: 0.79283}
"""Cosine at which 1 % of photos resemble somebody else in a gallery of so many people (`--truth`)."""
EXCESS_TRUTHS = {"20 %": 0.03691, "10 %": 0.03685, "every": 0.22155, "heavy": 0.0704}
"""From 20,000 draws (`--truth`), standard errors 0.0001, 0.0001, 0.0002; the last from 6,000, 0.0006."""


def views(draw: Draw, centres: Floats) -> NDArray[np.float32]:
    """One photo or template of each: the person and noise, unit length."""
    x = centres + NOISE * AXES * draw.standard_normal(centres.shape)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def persons(draw: Draw, n: int) -> Floats:
    return draw.standard_normal((n, DIM)) * AXES


def resemblances(
    draw: Draw,
    n: int,
    n_heldout: int,
    n_samples: int,
    leak: float,
    exposed: float,
    sigma: float,
    modes: int,
    zipf: bool,
) -> Figure:
    """`leak` of the samples show members: a share `exposed` of them, with lognormal shares of the samples.

    The others are faces of nobody; with `modes`, of so many nobodies (mode collapse), equally often or with Zipf's
    weights, in another picture each time.
    """
    gallery = min(n, n_heldout)
    members, strangers = persons(draw, n), persons(draw, n_heldout)
    if modes:
        weights = 1 / np.arange(1, modes + 1) if zipf else np.ones(modes)
        shown = persons(draw, modes)[draw.choice(modes, n_samples, p=weights / weights.sum())]
    else:
        shown = persons(draw, n_samples)
    if leak:
        weight = (draw.random(n) < exposed) * np.exp(sigma * draw.standard_normal(n) - sigma**2 / 2) / (exposed * n)
        n_leaked = draw.binomial(n_samples, min(1.0, leak * weight.sum()))
        if n_leaked:
            shown[:n_leaked] = members[draw.choice(n, n_leaked, p=weight / weight.sum())]
    samples = views(draw, shown)
    ours = credit(views(draw, members), samples, THRESHOLDS[gallery], gallery)
    theirs = credit(views(draw, strangers), samples, THRESHOLDS[gallery], gallery)
    return contrast.excess(ours.people, theirs.people, n_samples, gallery)


def excess(
    name: str,
    truth: float,
    n: int,
    n_heldout: int,
    n_samples: int,
    leak: float = 0.0,
    exposed: float = 1.0,
    sigma: float = 1.0,
    modes: int = 0,
    zipf: bool = False,
    most: int = 2000,
) -> Kind:
    def audit(draw: Draw) -> Figure:
        return resemblances(draw, n, n_heldout, n_samples, leak, exposed, sigma, modes, zipf)

    title = f"excess, {name}; {n} members, {n_heldout} held out, {n_samples} samples"
    return Kind(title, truth, audit, most)


def excess_kinds() -> list[Kind]:
    t = EXCESS_TRUTHS
    return [
        excess("nothing leaks", 0.0, 200, 500, 1000),
        excess("nothing leaks", 0.0, 300, 1000, 2000, most=1000),
        excess("5 % of samples show 20 % of members", t["20 %"], 200, 500, 1000, 0.05, 0.2),
        excess("5 % of samples show 10 % of members", t["10 %"], 200, 500, 1000, 0.05, 0.1),
        excess("30 % of samples show members", t["every"], 200, 500, 1000, 0.3),
    ]


def heavy_kinds() -> list[Kind]:
    heavy = excess(
        "10 % of samples show 10 % of members, sigma 1.5", EXCESS_TRUTHS["heavy"], 300, 1000, 2000, 0.1, 0.1, 1.5
    )
    zipf = excess(
        "nothing leaks, half of the samples show 8 nobodies", 0.0, 200, 500, 1000, modes=100, zipf=True, most=1000
    )
    collapsed = [
        excess(f"nothing leaks, every sample shows one of {k} nobodies", 0.0, 200, 500, 1000, modes=k, most=1000)
        for k in (2, 8, 30, 100)
    ]
    distinct = [
        excess(f"nothing leaks, near-copies of {k} pictures, counted once each", 0.0, 200, 500, k, most=1000)
        for k in (8, 100)
    ]
    return [heavy, zipf, *collapsed, *distinct]


# --- the split baseline ---------------------------------------------------------------------------------------


def crowd(draw: Draw, n: int, name: str) -> Crowd:
    """People of one photo each, 32 numbers an embedding, all of one population."""
    x = draw.standard_normal((n, 32)) * np.arange(1, 33) ** -0.3
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    rows = [Photo(f"{name}/{i:04d}.png", f"{name}{i:04d}") for i in range(n)]
    hashes = tuple(i.to_bytes(32, "big") for i in range(n))
    table = Embedded(
        tuple(rows), hashes, x.astype(np.float32), np.zeros((n, 48, 48), np.uint8), np.ones(n, np.int32), (), n
    )
    return Crowd(table, group(table))


def blind_kind() -> Kind:
    def audit(draw: Draw) -> Figure:
        return without_samples(crowd(draw, 200, "m"), crowd(draw, 500, "h"), int(draw.integers(2**31)))

    return Kind("AUROC, split baseline of a fair split; 200 members, 500 held out", 0.5, audit, 400)


# --- the table ------------------------------------------------------------------------------------------------

MODERATE, MIDDLE, HIGH = 0.35829, 0.95387, 2.65982
"""Shifts whose AUROC is 0.6, 0.75 and 0.97."""


def kinds() -> list[Kind]:
    return [
        auroc("photos", photos, 200, 500, MIDDLE),
        auroc("photos", photos, 200, 500, HIGH),
        auroc("people", people, 200, 500, MODERATE),
        auroc("people", people, 200, 500, MIDDLE),
        auroc("people", people, 200, 500, HIGH),
        auroc("people, 10 % exposed", people, 200, 500, 3.5, 0.1),
        blind_kind(),
        tpr("photos", photos, 200, 300, 1.2, 0.01, most=1000),
        tpr("photos", photos, 200, 1000, 1.2, 0.01, most=1000),
        tpr("people", people, 200, 300, 1.2, 0.01, most=1000),
        tpr("people", people, 200, 1000, 1.2, 0.01, most=1000),
        tpr("people, 10 % exposed", people, 300, 1000, 4.0, 0.01, 0.1, most=1000),
        tpr("people, nothing leaks", people, 200, 300, 0.0, 0.01, most=1000),
        tpr("people", people, 200, 1000, 1.5, 0.001, most=1000),
        tpr("people", people, 200, 3000, 1.5, 0.001, most=500),
        tpr("photos", photos, 200, 3000, 1.5, 0.001, most=500),
        fmr(300, 0.01, 0.35),
        fmr(300, 0.001, 0.35),
        fmr(300, 0.001, 0.5),
        share("FNMR, one comparison a person", 300, 0.2, None),
        share("FNMR, one comparison a person", 300, 0.02, None),
        share("FNMR, 1 to 8 comparisons a person", 300, 0.2, 0.3),
        share("false copies, 1 to 8 photos a person", 500, 0.003, 0.3),
        *excess_kinds(),
        slope(200, 64),
        slope(60, 16),
        mean(100, 0.0),
        mean(100, 0.1),
    ]


def hard_kinds() -> list[Kind]:
    """Where the design says little can be known; printed apart, so that the limits are seen."""
    return [
        fmr(60, 0.001, 0.35),
        *(fmr(n, 0.01, effect) for effect in (0.5, 0.6) for n in (50, 60, 100)),
        fmr(100, 0.001, 0.5),
        *(wolves(n, 0.01, sigma) for sigma in (0.7, 1.0, 1.3) for n in (50, 60, 100, 300)),
        *(wolves(n, 0.001, 1.0) for n in (50, 100)),
        *(share("FNMR, one comparison a person", n, rate, None) for rate in (0.02, 0.2, 0.98) for n in (20, 60)),
        *(share("FNMR, 1 to 8 comparisons a person", n, rate, 0.3) for rate in (0.02, 0.2, 0.98) for n in (20, 60)),
        share("false copies, 1 to 8 photos a person", 2000, 0.001, 0.3),
        *heavy_kinds(),
        slope(30, 16),
        *(mean(n, exposed) for n in (4, 10, 30) for exposed in (0.0, 0.1)),
    ]


def grid_kinds() -> list[Kind]:
    """AUROC and TPR over their whole range, with few members, and with unequal photo counts."""
    shifts = [math.sqrt(2) * float(norm.ppf(a)) for a in (0.5, 0.6, 0.75, 0.9, 0.97, 0.99)]
    few = 1000
    return [
        *(
            auroc("people", people, n, n_heldout, shift, most=few)
            for shift in shifts
            for n in (20, 30, 60, 200)
            for n_heldout in (50, 200, 1000)
        ),
        auroc("people, 94 % exposed", people, 30, 1000, 6.0, 0.94, few),
        *(
            auroc(name, level, n, n_heldout, shift, most=few)
            for name, level in (
                ("photos", photos),
                ("1 to 300 photos", zipf),
                ("photos, one person holds a third", holds(1 / 3)),
                ("photos, one person holds 60 %", holds(0.6)),
                ("photos, one person holds 80 %", holds(0.8)),
            )
            for shift in (shifts[0], shifts[2], shifts[4])
            for n, n_heldout in ((30, 200), (200, 1000))
        ),
        *(
            tpr("people", people, n, n_heldout, shift, 0.01, most=400)
            for shift in (0.0, 1.2, 3.0, 5.0)
            for n in (20, 60)
            for n_heldout in (100, 300)
        ),
        tpr("photos", photos, 30, 300, 2.0, 0.01, most=200),
        tpr("1 to 300 photos", zipf, 60, 1000, 2.0, 0.01, most=200),
        tpr("1 to 300 photos", zipf, 200, 3000, 2.0, 0.01, most=200),
        tpr("photos, one person holds a third", holds(1 / 3), 60, 1000, 2.0, 0.01, most=200),
    ]


def rng(audit: int, *more: int) -> Draw:
    return np.random.default_rng([SEED, audit, *more])


ENOUGH = 0.925
"""The coverage that every row is to have."""


def run(kind: Kind, n_audits: int) -> tuple[float, str]:
    """Coverage of the longer run (1.0 if nothing was resolvable) and a row."""
    started = time.monotonic()
    figures = [kind.audit(rng(s)) for s in range(max(n_audits, kind.most))]
    seconds = time.monotonic() - started
    given = np.array([isinstance(f, Estimate) for f in figures])
    low, high = (
        np.array([getattr(f, end) if g else np.nan for f, g in zip(figures, given, strict=True)])
        for end in ("low", "high")
    )
    absent = f"{100 * (1 - given.mean()):.0f}"
    if not given.any():
        return 1.0, f"| {kind.name} | {kind.truth:.4g} | - | - | - | - | {absent} | {len(given)} | {seconds:.0f} |"
    covers = (low <= kind.truth) & (kind.truth <= high)
    first, every = covers[:n_audits][given[:n_audits]], covers[given]
    by_low, by_high = (low[given] > kind.truth).mean(), (high[given] < kind.truth).mean()
    ends = rates.wilson(float(every.mean()), len(every))
    width = float((high - low)[given].mean())
    in_first = f"{100 * first.mean():.1f}" if first.size else "-"
    return float(every.mean()), (
        f"| {kind.name} | {kind.truth:.4g} | {in_first} | {100 * every.mean():.1f} "
        f"({100 * ends[0]:.1f} to {100 * ends[1]:.1f}) | {100 * by_low:.1f} / {100 * by_high:.1f} | {width:.3g} "
        f"| {absent} | {len(given)} | {seconds:.0f} |"
    )


def table(rows: list[Kind], n_audits: int) -> list[float]:
    """Prints it; the coverages."""
    print(
        f"| interval (95 %) | truth | coverage %, first {n_audits} | coverage %, all (95 % interval) "
        "| truth below / above % | mean width | not resolvable % | audits | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    coverages = []
    for kind in rows:
        coverage, row = run(kind, n_audits)
        print(row, flush=True)
        coverages.append(coverage)
    print()
    return coverages


# --- false discoveries ----------------------------------------------------------------------------------------

LEVEL = 0.05
MOST = 32


@dataclass(frozen=True)
class World:
    """How scores depend on photo counts."""

    name: str
    exposed: float
    popularity: float = 0.0
    """What one doubling of a person's photos adds to their scores, in standard deviations, leak or no leak."""
    thinned: float = 1.0
    """Share of a member's photos that were trained on; held-out people keep theirs."""


WORLDS = [
    World("nothing planted", 0.0),
    World("10 % of members exposed", 0.1),
    World("nothing planted; popular people score higher (0.25 a doubling)", 0.0, 0.25),
    World("nothing planted; popular people score lower (0.25 a doubling)", 0.0, -0.25),
    World("nothing planted; popular people score higher, members' photos thinned to 70 %", 0.0, 0.25, 0.7),
    World("10 % exposed; popular people score higher, members' photos thinned to 70 %", 0.1, 0.25, 0.7),
]


def side(draw: Draw, world: World, n: int, thinned: float) -> tuple[NDArray[np.intp], Floats]:
    """((n,) photo counts, (n, MOST) scores on 1, 2, ... photos: a maximum, less noisy with every photo)."""
    owned = np.minimum(MOST, np.floor(draw.pareto(1.2, n) + 1)).astype(np.intp)
    counts = np.maximum(1, draw.binomial(owned, thinned)) if thinned < 1 else owned
    noise = np.cumsum(draw.standard_normal((n, MOST)), axis=1) / np.arange(1, MOST + 1)
    person = draw.gumbel(size=n) + world.popularity * np.log2(owned)
    return counts.astype(np.intp), person[:, None] + noise + 0.3 * np.log2(np.arange(1, MOST + 1))


def discoveries(draw: Draw, world: World, n: int, n_heldout: int) -> tuple[float, float, float]:
    """(false discovery proportion, 1.0 if anybody unexposed is named, share of the exposed that are named)."""
    ours, scores = side(draw, world, n, world.thinned)
    theirs, null = side(draw, world, n_heldout, 1.0)
    exposed = draw.random(n) < world.exposed
    scores = scores + exposed[:, None] * draw.uniform(2, 9, n)[:, None]
    compared_on = photo_counts(ours, theirs, LEVEL)
    p = np.empty(n)
    for k in np.unique(compared_on):
        here = compared_on == k
        p[here] = conformal_p(scores[here, k - 1], null[theirs >= k, k - 1])
    named = benjamini_hochberg(p) <= LEVEL
    false = named & ~exposed
    return false.sum() / max(1, named.sum()), float(false.any()), (named & exposed).sum() / max(1, exposed.sum())


def false_discoveries(n: int, n_heldout: int, n_audits: int, most: int) -> None:
    print(
        f"| false discoveries at q 0.05; {n} members, {n_heldout} held out, strata of photo counts "
        "| mean proportion % | audits that name somebody unexposed % | exposed who are named % | audits | s |"
    )
    print("|---|---|---|---|---|---|")
    for world in WORLDS:
        started = time.monotonic()
        results = np.array([discoveries(rng(s, 1), world, n, n_heldout) for s in range(max(n_audits, most))])
        seconds = time.monotonic() - started
        for part in (results[:n_audits], results):
            proportion, anybody, hits = 100 * part.mean(axis=0)
            error = 196 * part[:, 0].std(ddof=1) / math.sqrt(len(part))
            print(
                f"| {world.name} | {proportion:.1f} ± {error:.1f} | {anybody:.1f} "
                f"| {f'{hits:.0f}' if world.exposed else '-'} | {len(part)} | {seconds:.0f} |",
                flush=True,
            )
    print()


def truths(n_draws: int) -> None:
    """The truths that are no formula, from seeds that no audit uses, and their standard errors."""
    for gallery in THRESHOLDS:
        draw, best = rng(0, 2, gallery), []
        for _ in range(200):
            centres = persons(draw, gallery)
            alike = views(draw, centres) @ views(draw, centres).T
            np.fill_diagonal(alike, -1)
            best.append(alike.max(axis=1))
        print(f"threshold of a gallery of {gallery}: {np.quantile(np.concatenate(best), 0.99):.5f}")
    for kind in (*excess_kinds(), *heavy_kinds()):
        if "nothing leaks" in kind.name:
            continue  # zero: members and held-out people are exchangeable
        figures = [kind.audit(rng(s, 2)) for s in range(n_draws)]
        values = np.array([f.value for f in figures if isinstance(f, Estimate)])
        print(f"{kind.name}: {values.mean():.5f} (standard error {values.std() / math.sqrt(n_draws):.5f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--only", default="", help="rows whose name has this word; no false discoveries")
    parser.add_argument("--truth", type=int, metavar="DRAWS")
    chosen = parser.parse_args()
    if chosen.truth:
        truths(chosen.truth)
        return
    started = time.monotonic()
    coverages = []
    for title, rows in (
        ("As audits are:", kinds()),
        ("Situations at the edge of what can be known:", hard_kinds()),
        ("AUROC and TPR over their range, few members, unequal photo counts:", grid_kinds()),
    ):
        print(f"{title}\n")
        coverages += table([kind for kind in rows if chosen.only in kind.name], chosen.audits)
    below = sum(c < ENOUGH for c in coverages)
    print(f"{len(coverages)} rows; {below} cover less than {100 * ENOUGH:g} % in all their audits\n")
    if not chosen.only:
        false_discoveries(300, 1000, chosen.audits, 1000)
        false_discoveries(100, 3000, chosen.audits, 1000)
    print(f"\n{time.monotonic() - started:.0f} seconds")


if __name__ == "__main__":
    main()
