"""How fast, beside peers and beside the limit: embedding, matching, statistics. Prints Markdown.

    python scripts/bench.py                                        # all of it, on drawn photos
    python scripts/bench.py embed --photos path/to/lfw --rounds 7
    python scripts/bench.py match --whole                          # 200,000 x 200,000 too
    python scripts/bench.py stats
    python scripts/bench.py growth --plot docs/results/performance.svg

All ways of a table run in one process tree, in turns, on the same input; who begins changes from round to round, and
ratios are medians of the rounds' own ratios. Models are loaded before the clock runs.

`embed`: from files on disk to embeddings in an empty store, by the ways that faces are found: `auto` as audits do by
default, `crops` (`--faces aligned`) and `detecting` (`--faces detect`). Limit: a plain ONNX Runtime session of the same
network on ready tensors, two passes. Peers: the way of `face_recognition.face_encodings` (Pillow, dlib's detector, its
5 landmarks, `compute_face_descriptor`, one photo after the other), and with `--deepface PYTHON`, an interpreter that
has it, deepface's Dlib model (`represent`, no detector).
`match`: random unit vectors of 128 numbers. Peers: FAISS `IndexFlatIP`, scikit-learn `NearestNeighbors`. Limit: what a
product of large single-precision matrices reaches here.
`stats`: AUROC, and TPR with 2,000 draws of 10,000 members and 10,000 held-out people. `growth`: matching against the
number of queries and of references, in powers of ten, each in a process of its own for its memory.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.model_files import LANDMARKS_SHA256, RECOGNISER_SHA256, model_file
from probablyexists.basis.progress import Silent
from probablyexists.drawn.population import write_population
from probablyexists.embeddings.dlib_onnx import Precision, graph_of
from probablyexists.embeddings.embed import Some, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.faces.placing import FacesMode
from probablyexists.matching.neighbours import nearest
from probablyexists.sources.open_source import open_source
from probablyexists.stats.roc import Side, auroc_estimate, tpr_estimate

Rates = dict[str, list[float]]


def in_turns(ways: dict[str, Callable[[], float]], rounds: int, *, warm: bool = True) -> Rates:
    """Of each way what it says in each round: units a second. `warm`: each goes once before."""
    rates: Rates = {name: [] for name in ways}
    for way in ways.values() if warm else ():
        way()
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            rates[name].append(ways[name]())
    return rates


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(rates: Rates, ours: str, theirs: str) -> str:
    ratios = [a / b for a, b in zip(rates[ours], rates[theirs], strict=True)]
    return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"


def line(*cells: str) -> str:
    """A row of a Markdown table."""
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


# --- embedding ------------------------------------------------------------------------------------------------------


class OnePass(DlibRecogniser):
    """dlib's own descriptor, without the mirror image."""

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = self.embed_once(chips)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def ours(photos: Some, recogniser: DlibRecogniser, mode: FacesMode) -> float:
    with tempfile.TemporaryDirectory() as empty:
        store = open_store(Path(empty), recogniser, mode)
        return len(photos.photos) / seconds(lambda: embed(photos, recogniser, store, mode, Silent(), ""))


class Bare:
    """A plain session with its own defaults on ready tensors, 64 at a time: crop and mirror image."""

    def __init__(self, cache: Path, precision: Precision, n: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        model = graph_of(cache, precision)
        self.session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.chips = np.random.default_rng(0).integers(0, 256, (n, 150, 150, 3), dtype=np.uint8)
        self.mirrored = np.ascontiguousarray(self.chips[:, :, ::-1])

    def __call__(self) -> float:
        return len(self.chips) / seconds(self._run)

    def _run(self) -> None:
        for start in range(0, len(self.chips), 64):
            for faces in (self.chips, self.mirrored):
                self.session.run(None, {"faces": faces[start : start + 64]})


class FaceRecognition:
    """What `face_encodings(load_image_file(path))` does, without its import of pkg_resources."""

    def __init__(self, files: list[bytes]) -> None:
        import dlib

        self.files = files
        self.detector: Any = dlib.get_frontal_face_detector()
        self.landmarks: Any = dlib.shape_predictor(
            str(model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256))
        )
        weights = model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256)
        self.network: Any = dlib.face_recognition_model_v1(str(weights))

    def __call__(self) -> float:
        return len(self.files) / seconds(lambda: [self._encodings(data) for data in self.files])

    def _encodings(self, data: bytes) -> list[NDArray[np.float64]]:
        image = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        faces = [self.landmarks(image, box) for box in self.detector(image, 1)]
        return [np.array(self.network.compute_face_descriptor(image, face, 1)) for face in faces]


_DEEPFACE = """
import json, sys, time
from deepface import DeepFace
for line in sys.stdin:
    paths = json.loads(line)
    started = time.perf_counter()
    for path in paths:
        DeepFace.represent(path, model_name="Dlib", detector_backend="skip", enforce_detection=False)
    print(json.dumps(time.perf_counter() - started), flush=True)
"""


class DeepFace:
    """deepface's Dlib model in a process of its own, on the weights that we use."""

    def __init__(self, python: str, paths: list[str], home: Path) -> None:
        weights = home / ".deepface" / "weights" / "dlib_face_recognition_resnet_model_v1.dat"
        weights.parent.mkdir(parents=True)
        weights.write_bytes(model_file(weights.name, RECOGNISER_SHA256).read_bytes())
        self.paths = paths
        self.process = subprocess.Popen(
            [python, "-c", _DEEPFACE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "DEEPFACE_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def __call__(self) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(self.paths) + "\n")
        self.process.stdin.flush()
        return len(self.paths) / float(self.process.stdout.readline())


MODES: dict[str, FacesMode] = {"auto": "auto", "crops": "aligned", "detecting": "detect"}
"""How faces are found, in words and as the setting."""
_FACE_RECOGNITION = "face_recognition's way, detecting, one pass"
_DEEPFACE_MODEL = "deepface, Dlib model, no detector, one pass"


def embedding(where: Path, n: int, n_peers: int, rounds: int, deepface: str | None, folder: Path) -> None:
    """The table of the embedding: `n` photos for us and the limit, some of them for peers that are slow."""
    source = open_source(where)
    order = np.random.default_rng(0).permutation(len(source.photos))[:n]
    photos = Some(source, tuple(source.photos[i] for i in order))
    some = Some(source, photos.photos[:n_peers])
    cache = folder / "cache"
    exact, fast, once = DlibRecogniser(cache, "float32"), DlibRecogniser(cache, "int8"), OnePass(cache, "int8")
    ways: dict[str, Callable[[], float]] = {
        "bare session, float32, two passes": Bare(cache, "float32", len(photos.photos)),
        "bare session, int8, two passes": Bare(cache, "int8", len(photos.photos)),
        "ours, crops, float32, two passes": partial(ours, photos, exact, MODES["crops"]),
    }
    for what, mode in MODES.items():
        ways[f"ours, {what}, int8, two passes"] = partial(ours, photos, fast, mode)
    for what, mode in MODES.items():
        ways[f"ours, {what}, int8, one pass"] = partial(ours, photos, once, mode)
    peers = {}
    if n_peers:
        ways[_FACE_RECOGNITION] = FaceRecognition(
            [data for _, data in some.stream(some.photos) if isinstance(data, bytes)]
        )
        peers["times face_recognition's way"] = _FACE_RECOGNITION
    if n_peers and deepface is not None:
        ways[_DEEPFACE_MODEL] = DeepFace(deepface, [str(where / photo.path) for photo in some.photos], folder)
        peers["times deepface"] = _DEEPFACE_MODEL
    rates = in_turns(ways, rounds)
    few = f", {len(some.photos):,} of them for other packages" if peers else ""
    print(f"{len(photos.photos):,} photos of {where.name}{few}; {rounds} rounds.\n")
    print(f"| way | photos/s | of the bare session | of crops |{''.join(f' {peer} |' for peer in peers)}")
    print("|---|---:|---|---|" + "---|" * len(peers))
    for name, its in rates.items():
        others = ["", "", *("" for _ in peers)]
        if name.startswith("ours"):
            _, what, precision, passes = name.split(", ")
            others = [ratio(rates, name, f"bare session, {precision}, two passes") if passes == "two passes" else ""]
            others += [ratio(rates, name, f"ours, crops, {precision}, {passes}") if what != "crops" else ""]
            others += [ratio(rates, name, peer) if passes == "one pass" else "" for peer in peers.values()]
        print(line(name, f"{statistics.median(its):.1f}", *others))


# --- matching -------------------------------------------------------------------------------------------------------


def vectors(n: int, seed: int, dim: int = 128) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    x = np.empty((n, dim), np.float32)
    for start in range(0, n, 1 << 16):
        part = x[start : start + (1 << 16)]
        rng.standard_normal(out=part, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return x


def product_peak() -> float:
    """Multiplications and additions a second in the product of large matrices of single precision."""
    n = 4096
    a, b = (np.random.default_rng(i).standard_normal((n, n), dtype=np.float32) for i in range(2))
    out = np.empty((n, n), np.float32)
    return 2 * n**3 / seconds(lambda: np.dot(a, b, out=out))


def matching(n_queries: int, n_references: int, rounds: int) -> None:
    """A slice of a large match; operations a second as a plain product would need them: 2 x 128 for each pair.

    References are made ready for the rough look once a search, whatever the number of queries. That is in our time,
    so the rate of a slice is below that of the whole.
    """
    import faiss
    from sklearn.neighbors import NearestNeighbors

    queries, references = vectors(n_queries, 1), vectors(n_references, 2)
    few = queries[: max(1, n_queries // 10)]
    index: Any = faiss.IndexFlatIP(128)
    index.add(references)
    brute = NearestNeighbors(n_neighbors=1, algorithm="brute", metric="euclidean").fit(references)
    named: dict[str, NDArray[np.integer]] = {}

    def we() -> None:
        named["ours"] = nearest(queries, references).index

    def they() -> None:
        named["FAISS"] = index.search(queries, 1)[1]

    def rate(asked: NDArray[np.float32], work: Callable[[], object]) -> float:
        return 256.0 * len(asked) * n_references / seconds(work)

    rates = in_turns(
        {
            "matrix product alone": product_peak,
            "ours": lambda: rate(queries, we),
            "FAISS": lambda: rate(queries, they),
            "scikit-learn": lambda: rate(few, lambda: brute.kneighbors(few)),
        },
        rounds,
        warm=False,
    )
    same = float((named["ours"] == named["FAISS"]).mean())
    matched(f"{n_queries:,} x {n_references:,}", rates, f"{same:.3%}")


def whole_match(n: int, rounds: int) -> None:
    import faiss

    queries, references = vectors(n, 1), vectors(n, 2)
    index: Any = faiss.IndexFlatIP(128)
    index.add(references)
    ways = {
        "ours": lambda: 256.0 * n * n / seconds(lambda: nearest(queries, references)),
        "FAISS": lambda: 256.0 * n * n / seconds(lambda: index.search(queries, 1)),
        "matrix product alone": product_peak,
    }
    matched(f"{n:,} x {n:,}, all of it", in_turns(ways, rounds, warm=False), "")


def matched(what: str, rates: Rates, same: str) -> None:
    """A row of the table."""
    others = [ratio(rates, "ours", name) if name in rates else "" for name in _MATCHERS]
    print(line(what, f"{statistics.median(rates['ours']) / 1e9:.0f}", *others, same), flush=True)


_MATCHERS = ("FAISS", "matrix product alone", "scikit-learn")


# --- statistics -----------------------------------------------------------------------------------------------------


def stats(rounds: int) -> None:
    print("| 10,000 members and 10,000 held-out people | s, median |\n|---|---:|")
    what = "AUROC, TPR at FPR 1 % and 0.1 % (2,000 draws each), 1 photo a person"
    for photos, name in ((1, what), (3, "the same, 3 photos a person")):
        rng = np.random.default_rng(0)
        people = np.repeat(np.arange(10_000), photos)
        ones, others = Side(rng.normal(1, 1, people.size), people), Side(rng.normal(0, 1, people.size), people)

        def figures(ones: Side = ones, others: Side = others) -> None:
            auroc_estimate(ones, others)
            for fpr in (0.01, 0.001):
                tpr_estimate(ones, others, fpr, np.random.default_rng(0))

        took = statistics.median(seconds(figures) for _ in range(rounds))
        print(line(name, f"{took:.2f}"))


# --- growth ---------------------------------------------------------------------------------------------------------

_POINT = """
import sys, time
import numpy as np
from probablyexists.matching.neighbours import nearest
queries, references = (np.load(path, mmap_mode="r") for path in sys.argv[1:3])
nearest(queries[:600], references[:600])
started = time.perf_counter()
nearest(queries, references)
took = time.perf_counter() - started
status = dict(line.split(":") for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(took, int(status["VmHWM"].split()[0]) / 1024)
"""


def growth(most: int, fixed: int, plot: Path | None, folder: Path) -> None:
    """Seconds and resident memory against the number of queries, and of references."""
    np.save(folder / "q.npy", vectors(max(most, fixed), 1))
    np.save(folder / "r.npy", vectors(max(most, fixed), 2))
    sizes = [10**e for e in range(3, 10) if 10**e <= most]
    curves: dict[str, list[tuple[int, float, float]]] = {}
    print("| queries | references | s | resident memory, MiB |\n|---:|---:|---:|---:|")
    for what in ("queries", "references"):
        for n in sizes:
            counts = (n, fixed) if what == "queries" else (fixed, n)
            paths = []
            for name, count in zip("qr", counts, strict=True):
                paths.append(folder / f"{name}-part.npy")
                np.save(paths[-1], np.load(folder / f"{name}.npy", mmap_mode="r")[:count])
            said = subprocess.run(
                [sys.executable, "-c", _POINT, *map(str, paths)], capture_output=True, text=True, check=True
            ).stdout
            took, memory = map(float, said.split())
            curves.setdefault(what, []).append((n, took, memory))
            print(f"| {counts[0]:,} | {counts[1]:,} | {took:.2f} | {memory:,.0f} |", flush=True)
    if plot is not None:
        draw(curves, fixed, plot)


def draw(curves: dict[str, list[tuple[int, float, float]]], fixed: int, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "probablyexists", "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for what, points in curves.items():
        n, took, memory = zip(*points, strict=True)
        axes[0].loglog(n, took, "o-", label=f"{what} grow, {fixed:,} of the others")
        axes[1].semilogx(n, memory, "o-", label=f"{what} grow")
    axes[0].set(xlabel="vectors", ylabel="seconds")
    axes[1].set(xlabel="vectors", ylabel="resident memory, MiB", ylim=(0, None))
    axes[0].legend()
    axes[1].legend()
    figure.savefig(path, metadata={"Date": None})


_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8")
"""Of a processor's flags those that change the speed of whole numbers and of single precision."""


def processor() -> str:
    """Its name, family, model and flags that matter; only Linux says them."""
    try:
        about = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in about.splitlines())}
    flags = ", ".join(flag for flag in _FLAGS if flag in said.get("flags", "").split())
    name = said.get("model name", platform.machine())
    return f"{name} (family {said.get('cpu family', '?')}, model {said.get('model', '?')}; {flags})"


def machine() -> str:
    names = ("dlib-bin", "faiss-cpu", "numpy", "onnxruntime", "pillow", "scikit-learn")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}, {libraries}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["embed", "match", "stats", "growth", "all"], default="all")
    parser.add_argument("--photos", type=Path, help="a folder of photos; default: drawn people")
    parser.add_argument("--n", type=int, default=800, help="photos of a round")
    parser.add_argument("--peers", type=int, default=40, help="photos of a round for slow peers; 0: without them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--deepface", metavar="PYTHON", help="an interpreter that has deepface, tf-keras and dlib")
    parser.add_argument("--whole", action="store_true", help="200,000 x 200,000 too, all of it")
    parser.add_argument("--most", type=int, default=1_000_000, help="largest number of the growth curves")
    parser.add_argument("--fixed", type=int, default=100_000, help="of the other side of the growth curves")
    parser.add_argument("--plot", type=Path, help="SVG file for the growth curves")
    chosen = parser.parse_args()
    what = ["embed", "match", "stats", "growth"] if "all" in chosen.what else chosen.what
    print(f"{machine()}; load average {os.getloadavg()[0]:.1f} before.\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "embed" in what:
            where = chosen.photos
            if where is None:
                where = folder / "drawn people, 192 pixels"
                write_population(where, range(-(-chosen.n // 5)), range(5), size=192)
            embedding(where, chosen.n, chosen.peers, chosen.rounds, chosen.deepface, folder)
        if "match" in what:
            print(
                "| queries x references | ours, 10^9 operations/s | times FAISS `IndexFlatIP` | times a matrix product "
                "alone | times scikit-learn, a tenth of the queries | the same neighbour as FAISS |"
            )
            print("|---|---:|---|---|---|---:|")
            for n_queries, n_references in ((20_000, 200_000), (20_000, 1_000_000)):
                matching(n_queries, n_references, chosen.rounds)
            if chosen.whole:
                whole_match(200_000, chosen.rounds)
        if "stats" in what:
            stats(chosen.rounds)
        if "growth" in what:
            growth(chosen.most, chosen.fixed, chosen.plot, folder)
    print(f"\nLoad average {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
