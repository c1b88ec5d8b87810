"""Generators in ONNX."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hostile_inputs.harm import harm, name
from hostile_inputs.kind import OUTSIDE, Draw, Kind, Planted, chance, pick
from hostile_inputs.members import digest, write_members
from probablyexists.basis.progress import Silent
from probablyexists.intake.open_sources import open_blind
from probablyexists.intake.settings import BlindSettings, checked

DIM, SIDE = 5, 16


def sampled(where: Any, *, trust: bool = False) -> str:
    """Open a generator as `blind` does, with `--memory 1`, and draw three pictures."""
    people = Path(tempfile.gettempdir()) / "people"
    if not people.exists():
        write_members(people)
    given = {"generated": where, "reference": people, "samples": 3, "trust_pickle": trust, "memory": 1.0, "threads": 1}
    source = open_blind(checked(BlindSettings, given), Silent(), 1)["generated"]
    return " ".join(
        data.reason if isinstance(data, Exception) else digest(data) for _, data in source.stream(source.photos)
    )


def weights() -> Any:
    return np.random.default_rng(0).normal(0, 0.7, (DIM, 3 * SIDE * SIDE)).astype(np.float32)


def _graph(after: Any = (), more: Any = (), constants: Any = (), shape: Any = ("n", DIM)) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    held = {"w": weights(), "shape": np.array([-1, 3, SIDE, SIDE], np.int64), **dict(constants)}
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["tanh"]),
        helper.make_node("Reshape", ["tanh", "shape"], ["picture_"]),
        *(after or [helper.make_node("Identity", ["picture_"], ["picture"])]),
        *more,
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


@cache
def onnx_bytes() -> bytes:
    made: bytes = _graph().SerializeToString()
    return made


def _external(draw: Draw, model: Any, where: str) -> str:
    """A tensor whose data is in a file outside, in one of the places that a model may hold tensors."""
    from onnx import TensorProto, helper

    def outside(key: str) -> Any:
        tensor = TensorProto(name=key, data_type=TensorProto.FLOAT, dims=[DIM, 3 * SIDE * SIDE])
        tensor.data_location = TensorProto.EXTERNAL
        for k, v in (("location", where), ("offset", "0"), ("length", str(4 * DIM * 3 * SIDE * SIDE))):
            tensor.external_data.add(key=k, value=v)
        return tensor

    place = str(pick(draw, ("weight", "extra", "constant", "sparse", "function", "branch")))
    if place == "weight":
        model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == "w"))
        model.graph.initializer.append(outside("w"))
    elif place == "extra":
        model.graph.initializer.append(outside("unused"))
    elif place == "constant":
        model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == "w"))
        model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=outside("v")))
    elif place == "sparse":
        sparse = model.graph.sparse_initializer.add(dims=[DIM, 3 * SIDE * SIDE])
        sparse.values.CopyFrom(outside("s"))
        sparse.indices.CopyFrom(TensorProto(name="i", data_type=TensorProto.INT64, dims=[1], int64_data=[0]))
    elif place == "function":
        function = model.functions.add(name="f", domain="x")
        function.node.append(helper.make_node("Constant", [], ["o"], value=outside("v")))
        function.output.append("o")
        model.opset_import.append(helper.make_opsetid("x", 1))
    else:
        branch = helper.make_graph([helper.make_node("Constant", [], ["b"], value=outside("v"))], "b", [], [])
        model.graph.node.append(helper.make_node("If", ["shape"], ["unused"], then_branch=branch, else_branch=branch))
    return place


def _node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(kind, inputs, outputs, **attributes)


def _loop(_: Draw) -> tuple[Any, str]:
    from onnx import TensorProto, helper

    kinds = {"i": TensorProto.INT64, "c": TensorProto.BOOL, "v": TensorProto.FLOAT}
    given = [helper.make_tensor_value_info(key, kind, []) for key, kind in kinds.items()]
    kept = [helper.make_tensor_value_info(f"{key}2", kinds[key], []) for key in ("c", "v")]
    nodes = [_node("Identity", ["c"], ["c2"]), _node("Identity", ["v"], ["v2"])]
    body = helper.make_graph(nodes, "body", given, kept)
    after = [
        _node("Loop", ["trips", "yes", "zero"], ["last"], body=body),
        _node("Add", ["picture_", "last"], ["picture"]),
    ]
    constants = {"trips": np.int64(2**62), "yes": np.bool_(True), "zero": np.float32(0)}
    return _graph(after, constants=constants), "a loop of 2^62 trips"


def _fill(draw: Draw) -> tuple[Any, str]:
    n = int(pick(draw, (2**31, 2**33, 2**40, 2**62, -1)))
    nodes = [
        _node("ConstantOfShape", ["n"], ["zeros"]),
        _node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        _node("Add", ["picture_", "sum"], ["picture"]),
    ]
    return _graph(nodes, constants={"n": np.array([n], np.int64)}), f"{n} zeros"


def _nest(draw: Draw) -> tuple[Any, str]:
    from onnx import helper

    out = [helper.make_tensor_value_info("o", 1, None)]
    graph = helper.make_graph([_node("Identity", ["picture_"], ["o"])], "leaf", [], out)
    for _ in range(int(pick(draw, (3, 12, 25)))):
        graph = helper.make_graph([_node("If", ["yes"], ["o"], then_branch=graph)], "n", [], out)
    nodes = [_node("If", ["yes"], ["picture"], then_branch=graph, else_branch=graph)]
    return _graph(nodes, constants={"yes": np.bool_(True)}), "nested branches"


def _values(draw: Draw) -> tuple[Any, str]:
    value, kind = np.float32(pick(draw, (np.nan, np.inf, -np.inf, 1e30, 255, 0))), pick(draw, ("Add", "Mul", "Pow"))
    return _graph([_node(kind, ["picture_", "v"], ["picture"])], constants={"v": value}), f"{kind} {value}"


def _shape(draw: Draw) -> tuple[Any, str]:
    odd = (("n", 2**40), ("n",), (), ("n", "m"), (0, DIM), (2**31, DIM), ("n", -1), (3, DIM), ("n", DIM, 1))
    shape = pick(draw, odd)
    return _graph(shape=shape), f"latents of {shape}"


def _names(draw: Draw) -> tuple[Any, str]:
    model = _graph()
    model.graph.input[0].name = name(draw).encode(errors="ignore").decode()
    model.graph.name = name(draw).encode(errors="ignore").decode()
    return model, "odd names"


def _operator(draw: Draw) -> tuple[Any, str]:
    domain = pick(draw, ("ai.onnx.ml", "com.microsoft", "x", ""))
    kind = pick(draw, ("PyOp", "StringNormalizer", "Nothing", "RandomNormal", "ImageDecoder"))
    return _graph([_node(kind, ["picture_"], ["picture"], domain=domain)]), f"operator {domain}.{kind}"


_FORGED: dict[str, Callable[[Draw], tuple[Any, str]]] = {
    "loop": _loop,
    "fill": _fill,
    "more fill": _fill,
    "nest": _nest,
    "values": _values,
    "shape": _shape,
    "range": lambda _: (_graph([_node("Abs", ["picture_"], ["picture"])]), "pictures in [0, 1]"),
    "names": _names,
    "operator": _operator,
    "many": lambda _: (_graph(more=[_node("Identity", ["picture_"], [f"i{i}"]) for i in range(9000)]), "9,000 nodes"),
}


def _forged_onnx(draw: Draw, folder: Path) -> tuple[bytes, str, bool]:
    """(bytes, note, whether reading it is an escape)."""
    outside = chance(draw, 0.25)
    if outside:
        model = _graph()
        secret = folder.parent / OUTSIDE / "secret.bin"
        where = pick(draw, (str(secret), f"../{OUTSIDE}/secret.bin", "/etc/passwd", f"x/../../{OUTSIDE}/secret.bin"))
        note = f"data in {_external(draw, model, where)} at {where[-30:]}"
    else:
        rare = chance(draw, 0.15)
        names = [key for key in _FORGED if (key in ("loop", "fill", "more fill")) == rare]
        model, note = _FORGED[pick(draw, names)](draw)
    return model.SerializeToString(), note, outside


def plant_onnx(draw: Draw, folder: Path, _: Any) -> Planted:
    at = folder / "g.onnx"
    if chance(draw, 0.55):
        data, note = harm(draw, onnx_bytes())
        at.write_bytes(data)
        return Planted(note, lambda: sampled(at))
    data, note, escapes = _forged_onnx(draw, folder)
    at.write_bytes(data)
    if chance(draw, 0.05):
        os.truncate(at, 20 << 30)
        note += "; 20 GiB with a hole"
    return Planted(note, lambda: sampled(at), never="escaped" if escapes else None)


KINDS = (Kind("generator: ONNX", "generators", plant_onnx, 0.5),)
