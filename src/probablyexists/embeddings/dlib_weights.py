"""Read the weights of dlib's face recogniser from its own file, without dlib.

dlib's serialisation: an integer is one byte (low 4 bits: how many bytes follow; high bit: negative) and
that many little-endian bytes; a text is its length and its bytes; a tensor is the integer 2, four dimensions
and raw little-endian float32. Layers are stored input first, each after its name. Only what the graph needs is
read: 29 convolutions, each followed by its affine (gamma, beta), and the last matrix.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError

EMBEDDING_DIM = 128
_CHANNELS = (32,) * 7 + (64,) * 8 + (128,) * 6 + (256,) * 8
"""Output channels of each convolution; kernels are 3x3, the first is 7x7."""
N_CONVOLUTIONS = len(_CHANNELS)

_LAYER = re.compile(rb"\x01(?:\x05con_4|\x07affine_|\x04fc_2)")


@dataclass(frozen=True)
class DlibWeights:
    """The recogniser's parameters, with each affine folded into the convolution before it."""

    kernels: tuple[NDArray[np.float32], ...]
    """29 arrays (out, in, height, width)."""
    biases: tuple[NDArray[np.float32], ...]
    """29 arrays (out,)."""
    matrix: NDArray[np.float32]
    """(256, 128): the pooled features times this is the embedding."""


def read_weights(data: bytes) -> DlibWeights:
    """Parse `dlib_face_recognition_resnet_model_v1.dat`; InputError if the layers are not the ones we know."""
    tensors: dict[bytes, list[NDArray[np.float32]]] = {b"con_4": [], b"affine_": [], b"fc_2": []}
    at = 0
    while (layer := _LAYER.search(data, at)) is not None:
        at, name = layer.end(), layer[0][2:]
        if name == b"fc_2":
            for _ in ("outputs", "inputs"):
                _, at = _integer(data, at)
        tensor, at = _tensor(data, at)
        tensors[name].append(tensor)
    convolutions, affines, matrices = tensors.values()
    if len(convolutions) != N_CONVOLUTIONS or len(affines) != N_CONVOLUTIONS or not matrices:
        raise InputError(
            f"not dlib's face recogniser: {len(convolutions)} convolutions and {len(affines)} affines, "
            f"expected {N_CONVOLUTIONS} of each and one matrix"
        )
    kernels, biases = [], []
    channels, side = 3, 7
    for convolution, affine, out in zip(convolutions, affines, _CHANNELS, strict=True):
        kernel, bias = _fold(convolution, affine, (out, channels, side, side))
        kernels.append(kernel)
        biases.append(bias)
        channels, side = out, 3
    _check_size("the matrix", matrices[-1], channels * EMBEDDING_DIM)
    return DlibWeights(tuple(kernels), tuple(biases), matrices[-1].reshape(channels, EMBEDDING_DIM))


def _fold(
    convolution: NDArray[np.float32], affine: NDArray[np.float32], shape: tuple[int, int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """gamma * (conv(x) + bias) + beta as one convolution; in the file the biases follow the kernels."""
    out = shape[0]
    _check_size("a convolution", convolution, math.prod(shape) + out)
    _check_size("an affine", affine, 2 * out)
    gamma, beta = affine.reshape(2, out).astype(np.float64)
    flat = convolution.reshape(-1).astype(np.float64)
    kernel, bias = flat[:-out].reshape(shape), flat[-out:]
    return (kernel * gamma[:, None, None, None]).astype(np.float32), (bias * gamma + beta).astype(np.float32)


def _check_size(what: str, tensor: NDArray[np.float32], expected: int) -> None:
    if tensor.size != expected:
        raise InputError(
            f"not dlib's face recogniser: {what} of {tensor.size:,} numbers where {expected:,} are expected"
        )


def _integer(data: bytes, at: int) -> tuple[int, int]:
    head = data[at] if at < len(data) else 0
    end = at + 1 + (head & 0x0F)
    if end > len(data):
        raise InputError("the recogniser's weights end in the middle of a number")
    value = int.from_bytes(data[at + 1 : end], "little")
    return (-value if head & 0x80 else value), end


def _tensor(data: bytes, at: int) -> tuple[NDArray[np.float32], int]:
    version, at = _integer(data, at)
    if version != 2:
        raise InputError(f"a tensor of version {version} in the recogniser's weights; expected 2")
    shape = []
    for _ in range(4):
        size, at = _integer(data, at)
        shape.append(size)
    n = math.prod(shape)
    if min(shape) < 0 or max(shape) > len(data) or at + 4 * n > len(data):
        raise InputError("the recogniser's weights end in the middle of a tensor")
    return np.frombuffer(data, dtype="<f4", count=n, offset=at).reshape(shape), at + 4 * n
