"""How is a network fed? Tried on two photos each of some people: a network that is fed wrongly tells them apart worse.

The samples are not looked at, and people are drawn from all sources alike. If members and held-out people are a random
split of one set, the choice depends on that set and on the seed, not on who is a member: with the feed chosen, the
scores of members and held-out people remain exchangeable, and conformal p-values remain exact. Held-out people alone
would be seen at their best, and members not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError, WriteError
from probablyexists.basis.progress import Silent
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Look, Some, embed, open_store
from probablyexists.embeddings.feed import Feed, likely_feeds
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.faces.placing import FacesMode
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.rates import share_of_people

FIRST, MOST = 8, 24
"""People that every feed is tried on, and people that the best of them are tried on."""
KEPT = 3
"""Feeds that go on to the second round."""
FEWEST = 5
"""Fewest people with two usable photos; with fewer, nothing is tried."""
TELLS_APART = 0.75
"""A network whose AUROC is below this is refused. 0.5 is chance; at 0.75, FNMR at FMR 1 % is about 0.9."""
BEYOND_DOUBT = 2.0
"""Standard errors by which another feed must be better than the one in the table of known networks."""


@dataclass(frozen=True)
class Tried:
    """One feed, and how well the network tells people apart with it."""

    feed: Feed
    separation: float | None
    """By how much two photos of one person are more similar than photos of two, in standard deviations of the latter.
    None if the network gave no usable numbers. It finds the right one of two like feeds with fewer people than AUROC,
    which is near 1 for both, or d' (docs/results/feeds.md)."""
    auroc: Figure | None
    """Probability that two photos of one person are more similar than photos of two, the mean over people; or None."""
    n_people: int
    """People it was tried on."""
    similarity: NDArray[np.float64]
    """(n_people, n_people) cosine of the row's first photo and the column's second."""

    @property
    def tells_apart(self) -> bool:
        """Whether the network is of any use with this feed."""
        return isinstance(self.auroc, Estimate) and self.auroc.value >= TELLS_APART

    def __str__(self) -> str:
        if not isinstance(self.auroc, Estimate):
            return f"{self.feed}: no usable numbers"
        return f"{self.feed}: AUROC {self.auroc.value:.3f} ({self.n_people} people)"


@dataclass(frozen=True)
class Trial:
    """What was tried, and what came of it."""

    tried: tuple[Tried, ...]
    """The best first; empty if there were too few people with two photos."""
    chosen: Feed | None
    """None if the network is to be refused."""
    why: str
    """The reason in words, as the end of a message that names the recogniser."""


def try_feeds(
    recogniser: OnnxRecogniser,
    sources: Sequence[tuple[Source, FacesMode]],
    *,
    cache: Path,
    seed: int,
    look: Look | None = None,
) -> Trial:
    """Choose the feed with which a network tells people apart best, or refuse it.

    A feed that the user asked for is only tried, and kept if it tells people apart. That of the table of known networks
    is kept unless another is better beyond doubt. Embeddings are kept in the store, each feed's under its own id, so
    that the audit does not make them again. InputError if the store cannot be written.
    """
    rehearsal = _Rehearsal(recogniser, sources, cache=cache, seed=seed, look=look)
    if rehearsal.n_people < FEWEST:
        return _not_tried(recogniser, rehearsal.n_people)
    asked = rehearsal.of(recogniser.feed, MOST) if recogniser.asked else None
    if asked is not None and asked.tells_apart:
        return Trial((asked,), recogniser.feed, f"as asked ({asked})")
    tried = _two_rounds(rehearsal, recogniser)
    if tried[0].n_people < FEWEST:
        return _not_tried(recogniser, tried[0].n_people)
    if asked is not None and tried[0].tells_apart:
        return Trial(tried, None, f"does not tell people apart as asked ({asked}; 0.5 is chance), but with {tried[0]}")
    return _choice(tried, recogniser)


def _choice(tried: tuple[Tried, ...], recogniser: OnnxRecogniser) -> Trial:
    best, known = tried[0], recogniser.known
    if not best.tells_apart:
        return Trial(tried, None, f"tells people apart with none of {len(tried)} feeds ({best}; 0.5 is chance)")
    if known is None:
        return Trial(tried, best.feed, f"the best of {len(tried)} ({best}; then {tried[1]})")
    listed = next(one for one in tried if one.feed == recogniser.feed)
    if listed.tells_apart and not _better(best, listed):
        return Trial(tried, recogniser.feed, f"as {known.name} is known to be fed ({listed})")
    return Trial(tried, best.feed, f"better so than as {known.name} is said to be fed ({best}; {listed})")


def _not_tried(recogniser: OnnxRecogniser, n_people: int) -> Trial:
    there = "there is 1" if n_people == 1 else f"there are {n_people or 'none'}"
    needs = f"a trial needs {FEWEST} people with a name and two photos with a face, and {there}"
    return Trial((), recogniser.feed, f"and this was not tried: {needs}")


def _two_rounds(rehearsal: _Rehearsal, recogniser: OnnxRecogniser) -> tuple[Tried, ...]:
    feeds = list(likely_feeds(recogniser.side))
    if recogniser.feed not in feeds:
        feeds.insert(0, recogniser.feed)
    first = sorted((rehearsal.of(feed, FIRST) for feed in feeds), key=_best_first)
    if len(rehearsal.failures) == len(feeds):
        raise rehearsal.failures[0]
    if first[0].n_people < FEWEST:
        return tuple(first)
    kept = [one.feed for one in first[:KEPT]]
    if recogniser.known is not None and recogniser.feed not in kept:
        kept.append(recogniser.feed)
    second = sorted((rehearsal.of(feed, MOST) for feed in kept), key=_best_first)
    return (*second, *(one for one in first if one.feed not in kept))


def _best_first(tried: Tried) -> float:
    return np.inf if tried.separation is None else -tried.separation


def _better(one: Tried, other: Tried) -> bool:
    """Whether `one` separates people better beyond doubt: by the jackknife over people, both on the same ones."""
    if one.separation is None or other.separation is None:
        return one.separation is not None
    n = one.n_people
    without = [np.delete(np.arange(n), i) for i in range(n)]
    left_out = np.array(
        [
            _separation(one.similarity[np.ix_(rest, rest)]) - _separation(other.similarity[np.ix_(rest, rest)])
            for rest in without
        ]
    )
    error = float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
    return one.separation - other.separation > BEYOND_DOUBT * error


def _separation(similarity: NDArray[np.float64]) -> float:
    mated, others = np.diagonal(similarity), similarity[~np.eye(len(similarity), dtype=bool)]
    spread = others.std(ddof=1)
    return float((mated.mean() - others.mean()) / spread) if spread > 0 else 0.0


@dataclass(frozen=True)
class _Two:
    """Two photos of one person; `where`: the number of their source."""

    where: int
    photos: tuple[Photo, Photo]


def _two_photos_each(sources: Sequence[tuple[Source, FacesMode]], seed: int) -> list[_Two]:
    """The first and the last photo of each person with two, in an order drawn at random from all sources together."""
    found = []
    for where, (source, _) in enumerate(sources):
        of: dict[str, list[Photo]] = {}
        for photo in source.photos:
            if photo.person is not None:
                of.setdefault(photo.person, []).append(photo)
        found += [_Two(where, (its[0], its[-1])) for its in of.values() if len(its) > 1]
    return [found[i] for i in rng(seed, "feeds").permutation(len(found))]


@dataclass(frozen=True)
class _Held:
    """Some photos of a source in memory: an archive is read once, not once a feed."""

    name: str
    photos: tuple[Photo, ...]
    data: tuple[bytes | ImageError, ...]

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        these = set(wanted)
        return ((photo, data) for photo, data in zip(self.photos, self.data, strict=True) if photo in these)


class _Rehearsal:
    """A network, and people with two photos to feed it with."""

    def __init__(
        self,
        recogniser: OnnxRecogniser,
        sources: Sequence[tuple[Source, FacesMode]],
        *,
        cache: Path,
        seed: int,
        look: Look | None,
    ) -> None:
        self._recogniser, self._cache, self._look = recogniser, cache, look
        self._people = _two_photos_each(sources, seed)[: 2 * MOST]  # twice as many, because some photos have no face
        self._sources = []
        for where, (source, mode) in enumerate(sources):
            wanted = sorted(photo for one in self._people if one.where == where for photo in one.photos)
            read = list(source.stream(wanted)) if wanted else []
            photos = tuple(photo for photo, _ in read)
            self._sources.append((_Held(source.name, photos, tuple(data for _, data in read)), mode))
        self.n_people = len(self._people)
        self.failures: list[InputError] = []
        """Why feeds gave no usable numbers."""

    def of(self, feed: Feed, n_people: int) -> Tried:
        """The feed tried on so many people, or on all there are."""
        fed, asked = self._recogniser.fed(feed), n_people
        try:
            while True:
                vectors = self._embedded(fed, self._people[:asked])
                usable = [one for one in self._people[:asked] if all((one.where, p) in vectors for p in one.photos)]
                if len(usable) >= n_people or asked >= len(self._people):
                    break
                asked += n_people - len(usable)
        except WriteError:
            raise
        except InputError as error:  # numbers that are zero or not finite, as of a network that is fed wrongly
            self.failures.append(error)
            return Tried(feed, None, None, 0, np.empty((0, 0)))
        first, last = (
            np.array([vectors[one.where, one.photos[side]] for one in usable], np.float64).reshape(len(usable), fed.dim)
            for side in (0, 1)
        )
        return _tried(feed, first @ last.T)

    def _embedded(self, fed: OnnxRecogniser, people: Sequence[_Two]) -> dict[tuple[int, Photo], NDArray[np.float32]]:
        vectors: dict[tuple[int, Photo], NDArray[np.float32]] = {}
        for where, (held, mode) in enumerate(self._sources):
            these = {photo for one in people if one.where == where for photo in one.photos}
            some = Some(held, tuple(photo for photo in held.photos if photo in these))
            if some.photos:
                store = open_store(self._cache, fed, mode)
                table = embed(some, fed, store, mode, Silent(), "", self._look, pictures=False)
                vectors.update(((where, photo), row) for photo, row in zip(table.photos, table.embeddings, strict=True))
        return vectors


def _tried(feed: Feed, similarity: NDArray[np.float64]) -> Tried:
    n = len(similarity)
    if n < FEWEST:
        return Tried(feed, 0.0, None, n, similarity)
    mated, off = np.diagonal(similarity)[:, None], ~np.eye(n, dtype=bool)
    higher = [(mated > others) + 0.5 * (mated == others) for others in (similarity, similarity.T)]
    of_person = np.where(off, (higher[0] + higher[1]) / 2, 0.0).sum(axis=1) / (n - 1)
    return Tried(feed, _separation(similarity), share_of_people(of_person), n, similarity)
