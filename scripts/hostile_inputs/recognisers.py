"""Recognisers: a user's, dlib's weights, and the one in the cache."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hostile_inputs.harm import harm
from hostile_inputs.kind import MARK, OUTSIDE, Draw, Kind, Planted, chance, pick
from probablyexists.embeddings.dlib_weights import read_weights
from probablyexists.embeddings.embed import embedded
from probablyexists.embeddings.recognisers import DlibRecogniser, open_recogniser


@cache
def recogniser_bytes() -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    w = np.random.default_rng(1).normal(0, 1, (3, 8)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["e"]),
        ],
        "r",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("e", TensorProto.FLOAT, ["n", 8])],
        [numpy_helper.from_array(w, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    made: bytes = model.SerializeToString()
    return made


def chips(side: int) -> Any:
    return np.random.default_rng(2).integers(0, 255, (2, side, side, 3)).astype(np.uint8)


def plant_recogniser(draw: Draw, folder: Path, world: Any) -> Planted:
    import onnx

    at = folder / "r.onnx"
    data, note, never = recogniser_bytes(), "", None
    if chance(draw, 0.7):
        data, note = harm(draw, data)
    else:
        model = onnx.load_model_from_string(data)
        how = pick(draw, ("outside", "side", "batch", "value", "names"))
        if how == "outside":
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            where = pick(draw, (f"../{OUTSIDE}/secret.bin", "/etc/passwd", str(folder.parent / OUTSIDE / "secret.bin")))
            for key, value in (("location", where), ("offset", "0"), ("length", "96")):
                tensor.external_data.add(key=key, value=value)
            never = "escaped"
        elif how == "side":
            for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
                dim.dim_value = int(pick(draw, (0, 1, 100_000, 2**40, -1)))
        elif how == "batch":
            model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = int(pick(draw, (0, 3, 2**31, -1)))
        elif how == "value":
            model.graph.initializer[0].raw_data = np.full(
                (3, 8), pick(draw, (np.nan, np.inf, 0, 1e38)), np.float32
            ).tobytes()
        else:
            model.graph.input[0].name = MARK + "\x1b[31m\n"
        data, note = model.SerializeToString(), how
    at.write_bytes(data)

    def read() -> str:
        recogniser = open_recogniser(str(at), world.root / "cache")
        return embedded(chips(recogniser.side), recogniser).tobytes().hex()[:32]

    return Planted(note, read, never=never)  # type: ignore[arg-type]


@cache
def _dlib_file() -> bytes:
    from probablyexists.basis.model_files import RECOGNISER_SHA256, model_file

    return model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256).read_bytes()


def plant_dlib(draw: Draw, _folder: Path, _: Any) -> Planted:
    data, note = harm(draw, _dlib_file())
    return Planted(note, lambda: str(read_weights(data).matrix.shape))


def make_recogniser(folder: Path) -> None:
    """The cached recogniser, and what it gives for two chips."""
    recogniser = DlibRecogniser(folder)
    np.save(folder / "right.npy", embedded(chips(150), recogniser))


def plant_cached(draw: Draw, folder: Path, world: Any) -> Planted:
    """The recogniser in the cache, damaged: the same numbers, refused, or made again."""
    made = world.base / "recogniser"
    (file,) = (made / "models").glob("*.onnx")
    at = folder / "cache" / "models"
    at.mkdir(parents=True)
    data = file.read_bytes()
    if chance(draw, 0.3):
        start = int(draw.integers(len(data) - 200_000))
        data, note = data[:start] + bytes(200_000) + data[start + 200_000 :], "200 kB zeroed"
    else:
        data, note = harm(draw, data)
    (at / file.name).write_bytes(data)
    right = np.load(made / "right.npy")

    def read() -> Any:
        return embedded(chips(150), DlibRecogniser(folder / "cache"))

    return Planted(
        note,
        read,
        lambda got: None if np.array_equal(got, right) else f"other embeddings, by {np.abs(got - right).max():.2g}",
    )


def _made(world: Any) -> object:
    return world.made("recogniser", make_recogniser)


KINDS = (
    Kind("recogniser: .onnx", "store", plant_recogniser),
    Kind("recogniser: dlib's weights", "store", plant_dlib, 0.3, suite=False),
    Kind("recogniser: in the cache", "store", plant_cached, 0.5, "the same numbers", heavy=_made, suite=False),
)
