"""Does a trial find how a network is fed? Nine networks, each right only if fed in one of nine ways; 20 populations.

    python scripts/feeds.py

The networks learn from drawn people and are tried on others. Markdown on stdout; a few minutes on one core.
"""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from scipy.linalg import eigh

from probablyexists.drawn.population import draw_person, draw_photo, write_population
from probablyexists.embeddings.feed import Feed, likely_feeds
from probablyexists.embeddings.feed_trial import MOST, Trial, try_feeds
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.faces.acquire import Face, acquire
from probablyexists.sources.open_source import open_source

TRIALS = 20
SIDE, CELLS, DIM = 64, 16, 24
LEARNT, PHOTOS, POPULATION = 40, 4, 1000
"""People and photos of each, of a population that no test audits."""


@lru_cache
def _files() -> list[bytes]:
    files = []
    for number in range(LEARNT):
        for photo in range(PHOTOS):
            held = io.BytesIO()
            Image.fromarray(draw_photo(draw_person(POPULATION, number), photo)).save(held, "PNG")
            files.append(held.getvalue())
    return files


@lru_cache
def _chips(template: Any) -> NDArray[np.uint8]:
    found = acquire(_files(), "aligned", SIDE, template)
    return np.stack([face.chip for face in found if isinstance(face, Face)])


def _pooled(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, SIDE, SIDE, 3) -> (n, 3 * CELLS**2), as the network pools: channel, row, column."""
    size = SIDE // CELLS
    cells = x.astype(np.float64).reshape(len(x), CELLS, size, CELLS, size, 3).mean(axis=(2, 4))
    return np.asarray(cells.transpose(0, 3, 1, 2).reshape(len(x), -1))


def _discriminant(features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean, and the DIM directions in which people differ most for how much the photos of one differ (Fisher 1936)."""
    of_person = features.reshape(LEARNT, PHOTOS, -1)
    mean = features.mean(axis=0)
    inside = (of_person - of_person.mean(axis=1, keepdims=True)).reshape(len(features), -1)
    within = inside.T @ inside / len(features)
    between = np.cov(of_person.mean(axis=1).T)
    within += np.eye(len(within)) * 0.02 * np.trace(within) / len(within)
    last = [len(within) - DIM, len(within) - 1]
    return mean, eigh(between, within, subset_by_index=last)[1]


def _ranges(x: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """What a picture's least and largest number and its first less its last colour were in the photos learnt."""
    low, high = x.min(axis=(1, 2, 3)), x.max(axis=(1, 2, 3))
    warm = x[..., 0].mean(axis=(1, 2)) - x[..., 2].mean(axis=(1, 2))
    step = float(x.std()) * 0.3
    return {
        "low": (float(low.min()) - step, float(low.max()) + step),
        "high": (float(high.min()) - step, float(high.max()) + step),
        "warm": (0.0, np.inf) if np.median(warm) > 0 else (-np.inf, 0.0),
    }


def fed_network(path: Path, feed: Feed, batch: int | str = "n", offset: float = 0.0) -> Path:
    """A network that tells drawn people apart if it is fed so.

    All faces are alike to it if the numbers of a picture are not in the range of those that it learnt on, or if red and
    blue are exchanged. With the other crop it sees features at the wrong places. `offset`: added to the numbers that it
    learnt on.
    """
    x = feed.numbers(_chips(feed.template)) + np.float32(offset)
    mean, directions = _discriminant(_pooled(x))
    constants = {"mean": mean, "directions": directions, "alike": np.ones(DIM), "one": np.array(1.0)}
    nodes = [
        helper.make_node(
            "AveragePool", ["x"], ["cells"], kernel_shape=[SIDE // CELLS] * 2, strides=[SIDE // CELLS] * 2
        ),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("Sub", ["flat", "mean"], ["centred"]),
        helper.make_node("MatMul", ["centred", "directions"], ["seen"]),
        helper.make_node("ReduceMin", ["x"], ["low4"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("ReduceMax", ["x"], ["high4"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("ReduceMean", ["x"], ["colours"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["colours", "red_less_blue"], ["warm"]),
        helper.make_node("Flatten", ["low4"], ["low"]),
        helper.make_node("Flatten", ["high4"], ["high"]),
    ]
    constants["red_less_blue"] = np.array([[1.0], [0.0], [-1.0]])
    product = "one"
    for name, ends in _ranges(x).items():
        for end, compare in zip(ends, ("GreaterOrEqual", "LessOrEqual"), strict=True):
            at = f"{name}_{compare}"
            constants[f"{at}_end"] = np.array(np.clip(end, -1e9, 1e9))
            nodes += [
                helper.make_node(compare, [name, f"{at}_end"], [f"{at}_is"]),
                helper.make_node("Cast", [f"{at}_is"], [f"{at}_as"], to=TensorProto.FLOAT),
                helper.make_node("Mul", [product, f"{at}_as"], [f"{at}_so_far"]),
            ]
            product = f"{at}_so_far"
    nodes += [
        helper.make_node("Mul", ["seen", product], ["if_right"]),
        helper.make_node("Sub", ["one", product], ["wrong"]),
        helper.make_node("Mul", ["alike", "wrong"], ["if_wrong"]),
        helper.make_node("Add", ["if_right", "if_wrong"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, DIM])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def main() -> None:
    """Print the table."""
    found: dict[int, list[Trial]] = {}
    feeds = likely_feeds(SIDE)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        networks = [OnnxRecogniser(fed_network(root / f"{i}.onnx", feed)) for i, feed in enumerate(feeds)]
        for trial in range(TRIALS):
            write_population(root / f"people-{trial}", range(MOST), range(2), seed=trial, kind="jpg")
            people = open_source(str(root / f"people-{trial}"))
            for i, network in enumerate(networks):
                tried = try_feeds(network, [(people, "aligned")], cache=root / "cache", seed=trial)
                found.setdefault(i, []).append(tried)
            print(f"trial {trial + 1} of {TRIALS}", file=sys.stderr)
    print(
        "| network is made for | chosen rightly | AUROC fed so | best AUROC fed otherwise | separation | of the next |"
    )
    print("|---|---|---|---|---|---|")
    for i, feed in enumerate(feeds):
        right = sum(trial.chosen == feed for trial in found[i])
        rows = [_row(trial, i) for trial in found[i]]
        auroc, other, separation, following = np.median(np.array(rows), axis=0)
        print(f"| {feed} | {right} of {TRIALS} | {auroc:.3f} | {other:.3f} | {separation:.2f} | {following:.2f} |")


def _row(trial: Trial, i: int) -> tuple[float, float, float, float]:
    feed = likely_feeds(SIDE)[i]
    (mine,) = [one for one in trial.tried if one.feed == feed]
    others = [one for one in trial.tried if one.feed != feed]
    value = [getattr(one.auroc, "value", 0.5) for one in (mine, max(others, key=lambda one: one.separation or 0.0))]
    return value[0], value[1], mine.separation or 0.0, max(one.separation or 0.0 for one in others)


if __name__ == "__main__":
    main()
