"""Approximate similarities in int8, with a bound on the error of each.

Processors multiply int8 several times as fast as floats. With mean m of the references, query a and reference b,

    a . b  =  a . (b - m)  +  a . m.

The second term is computed once for each query, the first in int8. Faces differ from each other far less than they
have in common, so the int8 step is finer around the mean. With rounding errors e_a and e_b, the Cauchy-Schwarz
inequality bounds the error of the product by |e_a| |b - m| + (|a| + |e_a|) |e_b|; all these lengths are measured. Every
pair that could be among the nearest by this bound is then computed exactly, so nothing is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.onnx_session import onnx_session

_MOST = 127
_AT_ONCE = 512
"""Rows whose doubles stay in the core's cache."""
_ROUNDING = 1e-9
"""Allowance for double-precision rounding in the bound itself, for vectors of about unit length."""


@dataclass(frozen=True)
class RoughQueries:
    """Queries in int8; a . b is within `error` of base + unit * product."""

    codes: NDArray[np.uint8]
    """(n, d), shifted to be unsigned: the code `zero` is 0."""
    zero: int
    unit: NDArray[np.float64]
    base: NDArray[np.float64]
    error: NDArray[np.float64]

    def needed(self, cosine: NDArray[np.float64]) -> NDArray[np.int32]:
        """(n,) smallest product with which a reference can still reach each query's `cosine` (finite)."""
        least = np.floor((cosine - self.base - self.error) / self.unit)
        return np.clip(least, -(2.0**31), 2.0**31 - 1).astype(np.int32)


class RoughReferences:
    """References in int8, in tiles of `width`."""

    def __init__(self, references: NDArray[np.float32], width: int) -> None:
        """(n, d) references."""
        self._centre = references.mean(axis=0, dtype=np.float64)
        furthest = max((references.max(axis=0) - self._centre).max(), (self._centre - references.min(axis=0)).max())
        self._unit = max(float(furthest), 1e-12) / _MOST
        whole = np.empty(references.shape[::-1], np.int8)
        length = error = 0.0
        for start in range(0, len(references), _AT_ONCE):
            x = references[start : start + _AT_ONCE] - self._centre
            length = max(length, float(np.einsum("ij,ij->i", x, x).max()))
            codes = np.rint(x / self._unit)
            whole[:, start : start + _AT_ONCE] = codes.T
            x -= codes * self._unit
            error = max(error, float(np.einsum("ij,ij->i", x, x).max()))
        self._length, self._error = math.sqrt(length), math.sqrt(error)
        starts = range(0, len(references), width)
        self.tiles = tuple((left, np.ascontiguousarray(whole[:, left : left + width])) for left in starts)
        """For each tile, the row of its first reference and (d, w) codes."""

    def rough(self, queries: NDArray[np.float32]) -> RoughQueries:
        """Quantise (n, d) queries, ready to be multiplied with the tiles."""
        y = queries.astype(np.float64)
        most = _largest_code()
        own = np.maximum(np.abs(y).max(axis=1), 1e-12) / most
        codes = np.rint(y / own[:, None])
        wrong = np.linalg.norm(y - codes * own[:, None], axis=1)
        error = wrong * self._length + (np.linalg.norm(y, axis=1) + wrong) * self._error + _ROUNDING
        zero = most + 1
        return RoughQueries((codes + zero).astype(np.uint8), zero, own * self._unit, y @ self._centre, error)


class Products:
    """Products of codes with a tile, written to a buffer that is reused; one object for each thread."""

    def __init__(self) -> None:
        self._buffer = np.empty(0, np.int32)

    def __call__(self, codes: NDArray[np.uint8], zero: int, tile: NDArray[np.int8]) -> NDArray[np.int32]:
        """(n, w) products of `codes` less `zero` with the tile; valid until the next call."""
        n, w = len(codes), tile.shape[1]
        if self._buffer.size < n * w:
            self._buffer = np.empty(n * w, np.int32)
        out = self._buffer[: n * w].reshape(n, w)
        session = _session(zero)
        binding = session.io_binding()
        binding.bind_cpu_input("codes", codes)
        binding.bind_cpu_input("tile", tile)
        binding.bind_output("products", "cpu", 0, np.int32, out.shape, out.ctypes.data)
        session.run_with_iobinding(binding)
        return out


@cache
def _session(zero: int) -> Any:
    """ONNX Runtime's product of integers, the zero point of the queries subtracted; one thread a call."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["codes", "tile", "zero"], ["products"])],
        "products",
        [
            helper.make_tensor_value_info("codes", TensorProto.UINT8, ["n", "d"]),
            helper.make_tensor_value_info("tile", TensorProto.INT8, ["d", "w"]),
        ],
        [helper.make_tensor_value_info("products", TensorProto.INT32, ["n", "w"])],
        [numpy_helper.from_array(np.array(zero, np.uint8), "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="probablyexists")
    model.ir_version = 8
    return onnx_session(model.SerializeToString(), providers=["CPUExecutionProvider"], threads=1)


@cache
def _largest_code() -> int:
    """127; 63 if the processor adds two products in 16 bits and would saturate (x86 before VNNI).

    With 63, codes are 1 to 127 with zero at 64, and 2 x 127 x 127 fits in 16 bits.
    """
    zero = _MOST + 1
    codes = np.full((8, 128), zero + _MOST, np.uint8)
    tile = np.full((128, 64), _MOST, np.int8)
    return _MOST if (Products()(codes, zero, tile) == 128 * _MOST * _MOST).all() else _MOST // 2
