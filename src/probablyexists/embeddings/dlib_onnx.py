"""dlib's face recogniser as an ONNX graph: built once from its weights, kept in the cache.

Network (dlib's `dnn_face_recognition_ex.cpp`): (x - mean) / 256, convolution 7x7/2, ReLU, max-pool 3x3/2,
residual blocks, global mean, matrix. Strided convolutions and pools have no padding. In a block that halves the
frame, the shortcut is an average pool; if the two branches differ in height, width or channels, the smaller is padded
with zeros at the far end before the sum. The first convolution has no padding, so the input mean is subtracted in its
bias (with the rounded weights in int8), and pixels go in as they are.

With precision int8, everything between the pixels and the global mean is quantised: activations to 8 bits, over ranges
measured on drawn people (`dlib_ranges`), weights to 7 bits with a scale for each channel. x86 processors before VNNI
add two products in 16 bits, which overflows with 8-bit weights; with 7 bits the result is the same everywhere. ONNX
Runtime fuses each pair of QuantizeLinear and DequantizeLinear into the operator between them.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.cache_folder import cache_folder, write_cached
from probablyexists.basis.errors import InputError
from probablyexists.basis.model_files import RECOGNISER_SHA256, model_file
from probablyexists.basis.plain_files import read_plain
from probablyexists.embeddings.dlib_ranges import RANGES, Ranges
from probablyexists.embeddings.dlib_weights import DlibWeights, read_weights
from probablyexists.faces.compiled import CHIP_SIDE

CONVERTER_VERSION = 2
MEAN = (122.782, 117.001, 104.298)

_HALVES = (3, 7, 10, 13)
"""Blocks that halve the frame, counted from 0: 3x32, down 64, 3x64, down 128, 2x128, down 256, 2x256, down 256."""
N_BLOCKS = 14
_MOST_BYTES = 2**28
_MOST = {"weights": 63, "activations": 255}

Precision = Literal["float32", "int8"]


def graph_of(cache: Path, precision: Precision) -> bytes:
    """The ONNX graph: from the cache if it is there and whole, else built and written there if that is possible."""
    path = cache / "models" / f"{graph_id(precision).replace('/', '-')}.onnx"
    hashed = path.with_suffix(".sha256")
    found, expected = _content(path), _content(hashed)
    if found is not None and expected == hashlib.sha256(found).hexdigest().encode():
        return found
    if found is not None and expected is not None:
        logging.getLogger(__name__).warning("%s: was damaged; it is built again", path)
    source = model_file("dlib_face_recognition_resnet_model_v1.dat", RECOGNISER_SHA256)
    graph = build_graph(read_weights(source.read_bytes()), RANGES if precision == "int8" else None)
    with suppress(InputError):  # built again next time; if embeddings are to be written, that will say why it fails
        cache_folder(cache, "models")
        write_cached(path, graph)
        write_cached(hashed, hashlib.sha256(graph).hexdigest().encode())
    return graph


def _content(path: Path) -> bytes | None:
    try:
        return read_plain(path, _MOST_BYTES)
    except (OSError, InputError):
        return None


def graph_id(precision: Precision) -> str:
    """An id of all that the embeddings depend on: weights, converter, precision."""
    exact = f"dlib-resnet-v1/{RECOGNISER_SHA256[:16]}/converter-{CONVERTER_VERSION}"
    return exact if precision == "float32" else f"{exact}/int8-{RANGES.version}"


def build_graph(weights: DlibWeights, ranges: Ranges | None = None, *, watched: bool = False) -> bytes:
    """A serialised ONNX model: `faces` (n, 150, 150, 3) uint8 RGB -> `embeddings` (n, 128) float32, not unit.

    With `ranges`, in int8. `watched`: also output the activations that `ranges` are measured on, as `relu0`,
    `relu{block}`, `branch{block}` and `block{block}`.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph(weights, ranges)
    x = graph.node("Transpose", ["faces"], "channels_first", perm=[0, 3, 1, 2])
    x = graph.pixels(x)
    x = graph.relu(graph.convolution(x, 0, stride=2, pad=0), "relu0", ranges.first if ranges else None)
    x = graph.same(graph.node("MaxPool", [x], "maxpool", kernel_shape=[3, 3], strides=[2, 2]), x)
    side, channels = 35, 32
    for block in range(N_BLOCKS):
        halves = block in _HALVES
        y = graph.convolution(x, 2 * block + 1, stride=2 if halves else 1, pad=0 if halves else 1)
        y = graph.relu(y, f"relu{block + 1}", ranges.relu[block] if ranges else None)
        y = graph.convolution(y, 2 * block + 2, stride=1, pad=1, name=f"branch{block}")
        y = graph.whole(y, (ranges.branch_low[block], ranges.branch_high[block]) if ranges else None)
        if halves:
            x = graph.mean_of_four(x, f"avgpool{block}", channels)
            pooled, convolved = side // 2, (side - 3) // 2 + 1
            out = weights.kernels[2 * block + 2].shape[0]
            side = max(pooled, convolved)
            x = graph.pad(x, f"shortcut{block}", out - channels, side - pooled)
            y = graph.pad(y, f"far{block}", 0, side - convolved)
            channels = out
        x = graph.relu(
            graph.node("Add", [x, y], f"sum{block}"), f"block{block}", ranges.block[block] if ranges else None
        )
    x = graph.node("GlobalAveragePool", [x], "pooled")
    x = graph.node("Flatten", [x], "flat")
    graph.node("MatMul", [x, graph.constant("matrix", weights.matrix)], "embeddings")

    outputs = [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", weights.matrix.shape[1]])]
    if watched:
        names = ["relu0", *(f"{kind}{i}" for i in range(N_BLOCKS) for kind in ("branch", "block"))]
        names += [f"relu{i + 1}" for i in range(N_BLOCKS)]
        outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in names]
    made = helper.make_graph(
        graph.nodes,
        "dlib-face-recognition",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", CHIP_SIDE, CHIP_SIDE, 3])],
        outputs,
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="probablyexists")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


class _Graph:
    """Collects nodes and constants; a node has the name of its output. With `ranges`, in int8."""

    def __init__(self, weights: DlibWeights, ranges: Ranges | None) -> None:
        self._weights, self._ranges = weights, ranges
        self._scale: dict[str, tuple[str, str, float]] = {}
        """Quantised tensor -> names of its scale and zero point, and the scale."""
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def pixels(self, x: str) -> str:
        """Bytes divided by 256; they are quantised already."""
        names = self.constant("pixel_scale", np.float32(1 / 256)), self.constant("pixel_zero", np.uint8(0))
        return self._meant(x, (*names, 1 / 256), "pixels")

    def mean_of_four(self, x: str, name: str, channels: int) -> str:
        """Mean of each 2 x 2 pixels. In int8 a depthwise convolution, which is faster in ONNX Runtime."""
        if self._ranges is None:
            return self.node("AveragePool", [x], name, kernel_shape=[2, 2], strides=[2, 2])
        ones, quarter = np.ones((channels, 1, 2, 2), np.int8), np.full(channels, 1 / 4, np.float32)
        kernel = self._stored(f"{name}_kernel", ones, quarter)
        y = self.node("Conv", [x, kernel], name, group=channels, kernel_shape=[2, 2], strides=[2, 2])
        return self.same(y, x)

    def convolution(self, x: str, i: int, stride: int, pad: int, name: str | None = None) -> str:
        kernel = self._weights.kernels[i]
        side = kernel.shape[-1]
        if self._ranges is None:
            names = [self.constant(f"kernel{i}", kernel), self.constant(f"bias{i}", self._bias(i, kernel))]
        else:
            scale = np.abs(kernel).max(axis=(1, 2, 3)) / np.float32(_MOST["weights"])
            whole = np.rint(kernel / scale[:, None, None, None]).astype(np.int8)
            bias = self._bias(i, whole * scale[:, None, None, None])
            both = (scale * np.float32(self._scale[x][2])).astype(np.float32)
            names = [
                self._stored(f"kernel{i}", whole, scale),
                self._stored(f"bias{i}", np.rint(bias / both).astype(np.int32), both),
            ]
        return self.node(
            "Conv", [x, *names], name or f"conv{i}", kernel_shape=[side, side], strides=[stride, stride], pads=[pad] * 4
        )

    def _bias(self, i: int, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bias for this kernel; for layer 0, minus the kernel's response to the input mean."""
        bias = self._weights.biases[i]
        if i > 0:
            return bias
        mean = np.array(MEAN).reshape(3, 1, 1) / 256
        left_out: NDArray[np.float32] = (kernel * mean).sum(axis=(1, 2, 3)).astype(np.float32)
        return bias - left_out

    def _stored(self, name: str, whole: Any, scale: Any) -> str:
        """Quantised weights, with a scale for each output channel."""
        zero = self.constant(f"{name}_zero", np.zeros(len(scale), whole.dtype))
        inputs = [self.constant(f"{name}_whole", whole), self.constant(f"{name}_scale", scale), zero]
        return self.node("DequantizeLinear", inputs, name, axis=0)

    def relu(self, x: str, name: str, most: float | None) -> str:
        """In int8, ReLU is implicit: the quantised range starts at 0."""
        if most is None:
            return self.node("Relu", [x], name)
        return self.whole(x, (0.0, most))

    def whole(self, x: str, limits: tuple[float, float] | None) -> str:
        """`x` quantised over the range `limits`, which includes 0."""
        if limits is None or self._ranges is None:
            return x
        low, high = limits
        scale = np.float32((high - low) / _MOST["activations"])
        names = self.constant(f"{x}_scale", scale), self.constant(f"{x}_zero", np.uint8(np.rint(-low / scale)))
        return self._rounded(x, (*names, float(scale)))

    def same(self, x: str, as_of: str) -> str:
        """`x` quantised with the scale and zero point of another tensor."""
        return self._rounded(x, self._scale[as_of]) if as_of in self._scale else x

    def _rounded(self, x: str, how: tuple[str, str, float]) -> str:
        rounded = self.node("QuantizeLinear", [x, how[0], how[1]], f"{x}_rounded")
        return self._meant(rounded, how, f"{x}_whole")

    def _meant(self, whole: str, how: tuple[str, str, float], name: str) -> str:
        """The dequantised values of `whole`."""
        x = self.node("DequantizeLinear", [whole, how[0], how[1]], name)
        self._scale[x] = how
        return x

    def pad(self, x: str, name: str, channels: int, pixels: int) -> str:
        """Zeros at the far end of the channels, the height and the width."""
        if channels == 0 and pixels == 0:
            return x
        pads = np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)
        return self.same(self.node("Pad", [x, self.constant(f"{name}_pads", pads)], name), x)
