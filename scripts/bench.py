"""Images a second from files on disk to embeddings: this pipeline and the way of `face_recognition`, side by side.

    python scripts/bench.py                                   # 1,000 drawn photos
    python scripts/bench.py --photos path/to/lfw --n 1000

This pipeline: decode, detect, align, embed crop and mirror image, into an empty store. The other way, as in
`face_recognition.face_encodings`: Pillow, dlib's HOG detector (upsampled once, its default), 5 landmarks,
`compute_face_descriptor`, one pass, one photo after the other. A last variant spares it the upsampling. Same
photos, in turns, medians of the rounds on a part of them; then once all of them. Models are loaded before the
clock runs. Prints Markdown.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from probablyexists.basis.errors import ImageError
from probablyexists.basis.models import LANDMARKS_SHA256, RECOGNISER_SHA256, model_file
from probablyexists.basis.progress import Silent
from probablyexists.embeddings.embed import BATCH, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.faces.acquire import SMALLEST, _small_grey, at_least
from probablyexists.faces.alignment import cut_chip, detect
from probablyexists.images.decode import decode
from probablyexists.images.drawn import write_population
from probablyexists.images.sources import Photo, Source, open_source

T = TypeVar("T")

PHOTOS_A_PERSON = 5
OURS = "probablyexists: detect, align, embed crop and mirror"
PEER = "face_recognition's way: upsample 1 (its default), one pass"
PEER_0 = "the same, upsample 0"


@dataclass(frozen=True)
class Some:
    """Some photos of a source."""

    source: Source
    photos: tuple[Photo, ...]

    @property
    def name(self) -> str:
        return self.source.name

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        return self.source.stream(wanted)

    def first(self, n: int) -> Some:
        return Some(self.source, self.photos[:n])

    def files(self) -> Iterator[bytes]:
        return (data for _, data in self.stream(self.photos) if isinstance(data, bytes))


class Ours:
    """This package."""

    def __init__(self, cache: Path) -> None:
        self.recogniser = DlibRecogniser(cache)

    def __call__(self, photos: Some) -> int:
        """Embed all; how many showed a face."""
        with tempfile.TemporaryDirectory() as empty:
            store = open_store(Path(empty), self.recogniser, "detect")
            return len(embed(photos, self.recogniser, store, "detect", Silent(), ""))


class Peer:
    """What `face_recognition.face_encodings(load_image_file(path))` does, without its import of pkg_resources."""

    def __init__(self, upsample: int) -> None:
        import dlib

        self.upsample = upsample
        self.detector: Any = dlib.get_frontal_face_detector()
        self.landmarks: Any = dlib.shape_predictor(
            str(model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256))
        )
        weights = model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256)
        self.network: Any = dlib.face_recognition_model_v1(str(weights))

    def __call__(self, photos: Some) -> int:
        """Embed all; how many showed a face."""
        n_found = 0
        for data in photos.files():
            image = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
            faces = [self.landmarks(image, box) for box in self.detector(image, self.upsample)]
            encodings = [np.array(self.network.compute_face_descriptor(image, face, 1)) for face in faces]
            n_found += bool(encodings)
        return n_found


def stages(photos: Some, recogniser: DlibRecogniser) -> dict[str, float]:
    """Milliseconds a photo of each stage of our pipeline, one after the other; `embed` uses all cores."""
    files = list(photos.files())
    images, decoded = timed(lambda: [decode(data) for data in files])
    images, enlarged = timed(lambda: [at_least(image, SMALLEST) for image in images])
    boxes, detected = timed(lambda: [detect(image).box for image in images])
    found = [(image, box) for image, box in zip(images, boxes, strict=True) if box is not None]
    chips, aligned = timed(lambda: [cut_chip(image, box) for image, box in found])
    _, pictures = timed(lambda: [_small_grey(chip) for chip in chips])
    batches = [np.stack(chips[start : start + BATCH]) for start in range(0, len(chips), BATCH)]
    _, embedded = timed(lambda: [recogniser.embed(batch) for batch in batches])
    a_photo, a_face = 1000 / len(files), 1000 / max(1, len(found))
    return {
        "decode (and enlarge)": (decoded + enlarged) * a_photo,
        "detect": detected * a_photo,
        "align": aligned * a_face,
        "small grey picture": pictures * a_face,
        "embed crop and mirror": embedded * a_face,
    }


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result and the seconds it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def rounds(ways: dict[str, Callable[[Some], int]], photos: Some, n: int) -> dict[str, list[float]]:
    """Images a second of each way in each of `n` rounds; who begins changes from round to round."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(n):
        order = list(ways) if i % 2 == 0 else list(ways)[::-1]
        for name in order:
            _, seconds = timed(lambda name=name: ways[name](photos))  # type: ignore[misc]
            rates[name].append(len(photos.photos) / seconds)
    return rates


def chosen_photos(where: Path, n: int) -> Some:
    """`n` photos of a source, drawn with a fixed seed."""
    source = open_source(where)
    order = np.random.default_rng(0).permutation(len(source.photos))[:n]
    return Some(source, tuple(source.photos[i] for i in order))


def report(photos: Some, part: Some, n_rounds: int, cache: Path) -> None:
    ours = Ours(cache)
    ways: dict[str, Callable[[Some], int]] = {OURS: ours, PEER: Peer(1), PEER_0: Peer(0)}
    for way in ways.values():
        way(part.first(8))
    load_before = os.getloadavg()[0]
    rates = rounds(ways, part, n_rounds)
    whole = {name: timed(lambda way=way: way(photos)) for name, way in ways.items()}  # type: ignore[misc]
    n = len(photos.photos)
    print(f"## {n:,} photos of {photos.name}\n")
    print(f"| way | images/s, median of {n_rounds} rounds of {len(part.photos)} | images/s, all {n:,} | faces found |")
    print("|---|---:|---:|---:|")
    for name, (n_found, seconds) in whole.items():
        print(f"| {name} | {statistics.median(rates[name]):.1f} | {n / seconds:.1f} | {n_found:,} |")
    for name in (PEER, PEER_0):
        ratios = [a / b for a, b in zip(rates[OURS], rates[name], strict=True)]
        print(
            f"| **ratio** to {name} | **{statistics.median(ratios):.1f}** (rounds {min(ratios):.1f} to "
            f"{max(ratios):.1f}) | **{whole[name][1] / whole[OURS][1]:.1f}** | |"
        )
    print("\n| stage of ours, alone | ms a photo |\n|---|---:|")
    for stage, ms in stages(part, ours.recogniser).items():
        print(f"| {stage} | {ms:.2f} |")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("dlib-bin", "onnxruntime", "numpy", "pillow"))
    print(f"\n{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {libraries}; ", end="")
    print(f"load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder, zip, tar or manifest; default: drawn people")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--part", type=int, default=100, help="photos of a round")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = chosen.photos
        if where is None:
            where = folder / "drawn people"
            write_population(where, range(-(-chosen.n // PHOTOS_A_PERSON)), range(PHOTOS_A_PERSON), size=192)
        photos = chosen_photos(where, chosen.n)
        report(photos, photos.first(chosen.part), chosen.rounds, folder / "cache")


if __name__ == "__main__":
    main()
