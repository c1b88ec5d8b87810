"""dlib's face recogniser as an ONNX graph: built once from its weights, kept in the cache.

Network (dlib's `dnn_face_recognition_ex.cpp`): (x - mean) / 256, convolution 7x7/2, ReLU, max-pool 3x3/2,
residual blocks, global mean, matrix. Strided convolutions and pools have no padding. In a block that halves
the frame, the shortcut is an average pool; where the two sides differ in height, width or channels, the
smaller is padded with zeros at the far end before the sum.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.basis.files import written_whole
from probablyexists.basis.models import RECOGNISER_SHA256, model_file
from probablyexists.embeddings.dlib_weights import DlibWeights, read_weights

CONVERTER_VERSION = 1
CHIP_SIDE = 150
MEAN = (122.782, 117.001, 104.298)

_HALVES = (3, 7, 10, 13)
"""Blocks that halve the frame, counted from 0: 3x32, down 64, 3x64, down 128, 2x128, down 256, 2x256, down 256."""
_N_BLOCKS = 14


def graph_file(cache: Path) -> Path:
    """The cached ONNX file, built now if it is not there. Its name holds the weights' hash and our version."""
    path = cache / "models" / f"dlib-{RECOGNISER_SHA256[:16]}-v{CONVERTER_VERSION}.onnx"
    if not path.is_file():
        source = model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256)
        graph = build_graph(read_weights(source.read_bytes()))
        with written_whole(path) as aside:
            aside.write_bytes(graph)
    return path


def graph_id() -> str:
    """What the embeddings depend on: weights and converter."""
    return f"dlib-resnet-v1/{RECOGNISER_SHA256[:16]}/converter-{CONVERTER_VERSION}"


def build_graph(weights: DlibWeights) -> bytes:
    """A serialised ONNX model: `faces` (n, 150, 150, 3) uint8 RGB -> `embeddings` (n, 128) float32, not unit."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def convolution(x: str, i: int, stride: int, pad: int) -> str:
        kernel = constant(f"kernel{i}", weights.kernels[i])
        bias = constant(f"bias{i}", weights.biases[i])
        side = weights.kernels[i].shape[-1]
        return node(
            "Conv",
            [x, kernel, bias],
            f"conv{i}",
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[pad] * 4,
        )

    x = node("Cast", ["faces"], "as_float", to=TensorProto.FLOAT)
    x = node("Transpose", [x], "channels_first", perm=[0, 3, 1, 2])
    mean = constant("mean", np.array(MEAN, np.float32).reshape(1, 3, 1, 1))
    x = node("Sub", [x, mean], "centred")
    x = node("Mul", [x, constant("scale", np.float32(1 / 256))], "scaled")
    x = node("Relu", [convolution(x, 0, stride=2, pad=0)], "relu0")
    x = node("MaxPool", [x], "maxpool", kernel_shape=[3, 3], strides=[2, 2])
    side, channels = 35, 32
    for block in range(_N_BLOCKS):
        first, second = 2 * block + 1, 2 * block + 2
        halves = block in _HALVES
        y = convolution(x, first, stride=2 if halves else 1, pad=0 if halves else 1)
        y = node("Relu", [y], f"relu{first}")
        y = convolution(y, second, stride=1, pad=1)
        if halves:
            x = node("AveragePool", [x], f"avgpool{block}", kernel_shape=[2, 2], strides=[2, 2])
            pooled, convolved = side // 2, (side - 3) // 2 + 1
            out = weights.kernels[second].shape[0]
            side = max(pooled, convolved)
            x = _pad(node, constant, x, f"shortcut{block}", out - channels, side - pooled)
            y = _pad(node, constant, y, f"branch{block}", 0, side - convolved)
            channels = out
        x = node("Relu", [node("Add", [x, y], f"sum{block}")], f"block{block}")
    x = node("GlobalAveragePool", [x], "pooled")
    x = node("Flatten", [x], "flat")
    node("MatMul", [x, constant("matrix", weights.matrix)], "embeddings")

    graph = helper.make_graph(
        nodes,
        "dlib-face-recognition",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", CHIP_SIDE, CHIP_SIDE, 3])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", weights.matrix.shape[1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="probablyexists")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _pad(node: Any, constant: Any, x: str, name: str, channels: int, pixels: int) -> str:
    """Zeros at the far end of the channels, the height and the width."""
    if channels == 0 and pixels == 0:
        return x
    pads = np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)
    padded: str = node("Pad", [x, constant(f"{name}_pads", pads)], name)
    return padded
