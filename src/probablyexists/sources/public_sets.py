"""Two public face sets as scikit-learn keeps them: through its own fetchers, or from a folder in their layout.

Nothing that lies in such a folder is unpickled: of `olivetti_py3.pkz`, a pickle, only the numbers at its end are read,
and `olivettifaces.mat` is opened only if its hash is the one that scikit-learn expects.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import FULL, ImageError, InputError, WriteError, option
from probablyexists.basis.files import sha256_file
from probablyexists.basis.plain_files import read_plain
from probablyexists.basis.text import shown
from probablyexists.sources.listing import Left, NotRead, Photo, count
from probablyexists.sources.open_source import Source, left_of, open_source

SetName = Literal["lfw", "olivetti"]

ABOUT: dict[SetName, str] = {
    "lfw": (
        "Labeled Faces in the Wild: 13,233 photos of 5,749 people, 230 MB, from news pages of 2002 to 2004. It states "
        "no licence: the photos belong to their photographers and agencies, and nobody in them was asked. It was made "
        "for research; do not publish or pass on the photos. Cite: Huang, Ramesh, Berg and Learned-Miller, University "
        "of Massachusetts, Amherst, Technical Report 07-49, 2007."
    ),
    "olivetti": (
        "Olivetti (ORL, AT&T) faces: 10 grey photos of 64 x 64 pixels of each of 40 people, 4 MB, taken in 1992 to "
        "1994. Its makers ask: when using these images, give credit to AT&T Laboratories Cambridge. Too few people for "
        "blind, which needs 50."
    ),
}
"""What each set is, whose it is, and on which terms, as its makers and scikit-learn say."""
NOT_TRAINED = (
    "Reference people must be people the generator was not trained on: do not take a set of which you know that the "
    "generator has seen it. LFW shows celebrities, whom CelebA, VGGFace2, MS-Celeb and WebFace show too."
)
OLIVETTI_SHA256 = "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794"
"""Of olivettifaces.mat, as scikit-learn checks it."""
_SIDE, _EACH = 64, 10
"""Pixels across a photo, and photos of a person, of Olivetti."""
_MOST_PACKED = 64 * 2**20
_HARDLY_ANY = 500
"""scikit-learn also decodes the photos of people with at least so many, which nobody here asks for."""


def fetch(name: SetName, home: Path, instead: str) -> Source:
    """The set, from what scikit-learn keeps in the folder `home`, or else fetched by scikit-learn into it.

    The only data that is ever fetched, and only where its name is given. scikit-learn checks hashes. InputError where
    there is no network, which says to do `instead`; WriteError.
    """
    found = _found(name, home)
    if found is not None:
        return found
    from sklearn.datasets import fetch_lfw_people, fetch_olivetti_faces

    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it tries again
            if name == "olivetti":
                bunch = fetch_olivetti_faces(data_home=str(home))
                return _Olivetti(name, np.round(bunch.images * 255).clip(0, 255).astype(np.uint8), bunch.target)
            corner = (slice(0, 1), slice(0, 1))
            fetch_lfw_people(data_home=str(home), slice_=corner, resize=None, min_faces_per_person=_HARDLY_ANY)
    except (OSError, ValueError, HTTPException) as error:
        if getattr(error, "errno", None) in FULL:
            raise WriteError(home, OSError(error.errno, ""), "set PROBABLYEXISTS_CACHE to another folder") from None  # type: ignore[union-attr]
        said = shown(" ".join(f"{error or type(error).__name__}".split())[:120])
        why = f"there is no connection ({said})" if _is_connection(error) else f"cannot be fetched ({said})"
        raise InputError(f"set {name}: {why}; {instead}") from None
    found = _found(name, home)
    if found is None:
        raise InputError(f"set {name}: scikit-learn left none in {shown(home)}; {instead}")
    return found


def _is_connection(error: Exception) -> bool:
    """Whether no answer came, other than one that says no."""
    return isinstance(error, URLError | ConnectionError | TimeoutError) and not isinstance(error, HTTPError)


def at_place(name: SetName, where: Path) -> Source:
    """The set, from a folder in scikit-learn's layout (`~/scikit_learn_data`), or a file of it. InputError."""
    found = _found(name, where) if where.exists() else None
    if found is not None:
        return found
    needs = {
        "lfw": "lfw_funneled/ or lfw-funneled.tgz, in it or in its lfw_home/",
        "olivetti": "olivetti_py3.pkz or olivettifaces.mat",
    }
    what = "holds no copy of the set" if where.exists() else "does not exist"
    raise InputError(f"{option('from', where)}: {what}; give a folder with {needs[name]}")


def _found(name: SetName, where: Path) -> Source | None:
    """The set as it lies at `where`; None if it does not. An archive comes first: it is there while it is unpacked."""
    if name == "lfw":
        homes = (where / "lfw_home", where)
        places = [home / archive for home in homes for archive in ("lfw-funneled.tgz", "lfw.tgz")]
        places += [home / folder for home in homes for folder in ("lfw_funneled", "lfw")]
        at = next((place for place in places if place.exists()), where)
        return _Lfw(at) if at.exists() and (at != where or where.is_file() or _is_lfw(where)) else None
    files = [where] if where.is_file() else [where / each for each in ("olivettifaces.mat", *_PICKLED)]
    at = next((file for file in files if file.is_file()), where)
    if at.is_dir() or not at.exists():
        return None
    pictures = _of_matlab(at) if at.suffix == ".mat" else _of_pickle(at)
    return _Olivetti(shown(at), pictures, [number // _EACH for number in range(len(pictures))])


_PICKLED = ("olivetti_py3.pkz", "olivetti.pkz")


def _is_lfw(folder: Path) -> bool:
    return any(_LFW_FILE.fullmatch(path.name) for path in folder.glob("*/*_0001.jpg"))


_LFW_FILE = re.compile(r"(.+)_\d{4}\.jpg")


class _Lfw:
    """LFW's JPEG files in a folder or a tar, as they are: those named Name/Name_0001.jpg."""

    def __init__(self, where: Path) -> None:
        self._source = open_source(where, named=True)
        self.name = self._source.name
        self.photos = tuple(photo for photo in self._source.photos if _is_named(photo))
        if not self.photos:
            raise InputError(f"{self.name}: no photo is named as LFW's are, Name/Name_0001.jpg; give another folder")

        self.left = left_of(self._source)
        if others := sorted({*self._source.photos} - {*self.photos}):
            said = count(len(others), "image is not named as LFW's are", "images are not named as LFW's are")
            self.left = Left((*self.left.not_read, NotRead(said, others[0].path, "they are left out")))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo."""
        return self._source.stream(wanted)


def _is_named(photo: Photo) -> bool:
    *_, folder, file = ("", *photo.path.split("/"))
    found = _LFW_FILE.fullmatch(file)
    return found is not None and found[1] == folder == photo.person


@dataclass(frozen=True)
class _Olivetti:
    """Olivetti's pictures as PNG files."""

    name: str
    pictures: NDArray[np.uint8]
    """(photos, 64, 64), grey, upright."""
    people: Sequence[int]
    """Who is in each."""

    @property
    def photos(self) -> tuple[Photo, ...]:
        return tuple(
            Photo(f"person-{person:02d}/{number:05d}.png", f"person-{person:02d}")
            for number, person in enumerate(self.people)
        )

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo."""
        from PIL import Image

        for photo in wanted:
            file = io.BytesIO()
            Image.fromarray(self.pictures[int(photo.path[-9:-4])]).save(file, format="PNG")
            yield photo, file.getvalue()


def _of_matlab(path: Path) -> NDArray[np.uint8]:
    """(photos, 64, 64); InputError if it is another file than scikit-learn fetches: a .mat can be built to harm."""
    found = sha256_file(path)
    if found != OLIVETTI_SHA256:
        raise InputError(
            f"{shown(path)}: is not the file that scikit-learn fetches (sha256 {found[:12]}, expected "
            f"{OLIVETTI_SHA256[:12]}); get it again"
        )
    from scipy.io import loadmat

    return _upright(np.ascontiguousarray(loadmat(path)["faces"].T))


def _of_pickle(path: Path) -> NDArray[np.uint8]:
    """(photos, 64, 64), from what scikit-learn keeps: one array of bytes at the end of a compressed pickle.

    It is not unpickled, because a pickle can run any code that it holds.
    """
    wrong = InputError(f"{shown(path)}: is not as scikit-learn keeps Olivetti's faces; give olivettifaces.mat")
    try:
        unpacked = zlib.decompressobj().decompress(read_plain(path, _MOST_PACKED), _MOST_PACKED)
    except (OSError, zlib.error) as error:
        raise wrong from error
    n, start = divmod(len(unpacked) - 1, _SIDE * _SIDE)  # a full stop ends a pickle
    head = unpacked[: max(start, 0)]
    if not n or n % _EACH or unpacked[-1:] != b"." or b"NumpyArrayWrapper" not in head or b"u1" not in head:
        raise wrong
    return _upright(np.frombuffer(unpacked, np.uint8, n * _SIDE * _SIDE, start))


def _upright(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(photos, 64, 64) from rows that hold each picture column by column."""
    return pixels.reshape(-1, _SIDE, _SIDE).transpose(0, 2, 1)
