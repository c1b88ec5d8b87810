"""Small recognisers that are right only if they are fed rightly, learnt on drawn people."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from scipy.linalg import eigh

from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings.feed import Feed
from probablyexists.faces.acquire import Face, acquire

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
