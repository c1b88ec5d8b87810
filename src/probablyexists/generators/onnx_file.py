"""ONNX files: one latent input, pictures out. Runs without torch.

ONNX Runtime runs a fixed set of operators and no code from the file. One risk remains: a tensor may name any path to
read its data from. Files with such tensors are refused before they are run.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.onnx_session import onnx_session
from probablyexists.basis.onnx_tensors import stored_outside
from probablyexists.basis.plain_files import plain_size
from probablyexists.basis.text import one_line, shown
from probablyexists.generators.file_checks import content_id
from probablyexists.generators.generator import Given
from probablyexists.generators.latents import Network

MOST_BYTES = 2**31
"""More than protobuf reads."""
_PICTURES = ("tensor(float)", "tensor(uint8)")


def open_onnx(path: Path, given: Given) -> Network:
    """An .onnx file with one float input (n, *latent_shape) and a first output (n, 3, h, w), floats or uint8.

    Latents are standard normal. If the file fixes n, batches are padded to it. InputError for other files.
    """
    where = shown(path)
    plain_size(path, MOST_BYTES)
    data = path.read_bytes()
    work = _checked(data, where)
    session, inputs, output = _session(data, where, given.threads)
    if len(inputs) != 1:
        names = ", ".join(shown(port.name) for port in inputs[:6])
        raise InputError(
            f"{where}: has {len(inputs)} inputs ({names}); it must have one, the latent: export it with labels, noise "
            "and truncation fixed inside"
        )
    (latent,) = inputs
    if latent.type != "tensor(float)" or output.type not in _PICTURES or len(latent.shape) < 2:
        raise InputError(
            f"{where}: takes {latent.type} {latent.shape} and gives {output.type} {output.shape}; it must take float32 "
            "latents (n, ...) and give float32 or uint8 pictures (n, 3, height, width)"
        )
    batch = latent.shape[0] if isinstance(latent.shape[0], int) else None

    def run(rows: NDArray[np.float32]) -> NDArray[Any]:
        try:
            (images,) = session.run([output.name], {latent.name: np.ascontiguousarray(rows)})
        except Exception as error:  # ONNX Runtime raises many kinds
            raise InputError(f"{where}: fails on latents of shape {rows.shape}: {one_line(error)}") from error
        return np.asarray(images)

    device = "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu"
    a_picture = work if device == "cpu" else 0.0
    shape = latent.shape[1:]
    id = f"{content_id('onnx', path)}/{device}"
    if given.latent_shape is not None and not all(isinstance(n, int) for n in shape):  # the file leaves it open
        shape = list(given.latent_shape)
        id += f"/{'x'.join(map(str, shape))}"
    return Network(id, where, shape, run, batch, counted=lambda rows: (run(rows), a_picture * len(rows)))


class _Port(NamedTuple):
    name: str
    type: str
    shape: list[int | str | None]


def _session(data: bytes, where: str, threads: int | None) -> tuple[Any, list[_Port], _Port]:
    """The session, its inputs and its first output."""
    try:
        # No fallback: it would be printed among the results.
        session = onnx_session(data, threads=threads, fallback=False)
        inputs = [_Port(port.name, port.type, port.shape) for port in session.get_inputs()]
        output = session.get_outputs()[0]
        return session, inputs, _Port(output.name, output.type, output.shape)
    except Exception as error:  # ONNX Runtime raises many kinds; names in a damaged file may be no text
        raise InputError(f"{where}: not a usable ONNX model ({one_line(error)})") from error


def _checked(data: bytes, where: str) -> float:
    """Its operations for one picture; InputError if it is no model, or keeps data elsewhere."""
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own kinds
        raise InputError(f"{where}: not an ONNX model ({one_line(error)})") from error
    outside = next(stored_outside(model), None)
    if outside is not None:
        raise InputError(
            f"{where}: keeps the tensor {shown(outside.name)} in another file, which is not read for safety; "
            "save the model with all its data inside"
        )
    return _work(model)


def _work(model: Any) -> float:
    """Operations of the matrix products and convolutions for one picture, as far as shapes tell; loops count once."""
    import onnx

    stored = {tensor.name for tensor in model.graph.initializer}
    for port in model.graph.input:
        if port.name not in stored and port.type.tensor_type.shape.dim:
            port.type.tensor_type.shape.dim[0].dim_value = 1
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) > 4096:  # weights, whose shape is enough
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # only an estimate
        return 0.0
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for port in (*(port for port in graph.input if port.name not in stored), *graph.value_info, *graph.output):
        shapes[port.name] = [dim.dim_value for dim in port.type.tensor_type.shape.dim]
    total = 0.0
    for node in graph.node:
        given = [shapes.get(name, []) for name in (*node.input[:2], *node.output[:1])]
        if not all(given) or len(given) < 3:
            continue
        first, second, out = given
        if node.op_type == "Conv":
            total += 2.0 * math.prod(out) * math.prod(second[1:])
        elif node.op_type == "ConvTranspose":
            total += 2.0 * math.prod(first) * math.prod(second[1:])
        elif node.op_type in ("MatMul", "Gemm"):
            total += 2.0 * math.prod(out) * first[-1]
    return total
