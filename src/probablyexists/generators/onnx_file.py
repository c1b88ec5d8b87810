"""ONNX files: one latent input, pictures out. Runs without torch.

ONNX Runtime runs a fixed set of operators and no code from the file. One risk remains: a tensor may name any path to
read its data from. Files with such tensors are refused before they are run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.onnx_session import onnx_session
from probablyexists.basis.text import one_line, shown
from probablyexists.generators.file_checks import content_id
from probablyexists.generators.generator import Generator
from probablyexists.generators.latents import LatentGenerator


def open_onnx(path: Path, threads: int | None = None) -> Generator:
    """An .onnx file with one float input (n, *latent_shape) and a first output (n, 3, h, w) in [-1, 1].

    Latents are standard normal. If the file fixes n, batches are padded to it. InputError for other files.
    """
    where = shown(path)
    data = path.read_bytes()
    _refuse_external(data, where)
    session = _session(data, where, threads)
    inputs, output = _ports(session, where)
    if len(inputs) != 1:
        names = ", ".join(shown(port.name) for port in inputs[:6])
        raise InputError(
            f"{where}: has {len(inputs)} inputs ({names}); it must have one, the latent: export it with labels, noise "
            "and truncation fixed inside"
        )
    (latent,) = inputs
    if latent.type != "tensor(float)" or output.type != "tensor(float)" or len(latent.shape) < 2:
        raise InputError(
            f"{where}: takes {latent.type} {latent.shape} and gives {output.type} {output.shape}; it must take float32 "
            "latents (n, ...) and give float32 pictures (n, 3, height, width)"
        )
    batch = latent.shape[0] if isinstance(latent.shape[0], int) else None

    def run(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        try:
            (images,) = session.run([output.name], {latent.name: np.ascontiguousarray(rows)})
        except Exception as error:  # ONNX Runtime raises many kinds
            raise InputError(f"{where}: fails on latents of shape {rows.shape}: {one_line(error)}") from error
        return np.asarray(images)

    device = "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu"
    return LatentGenerator(f"{content_id('onnx', path)}/{device}", where, latent.shape[1:], run, batch)


class _Port(NamedTuple):
    name: str
    type: str
    shape: list[int | str | None]


def _ports(session: Any, where: str) -> tuple[list[_Port], _Port]:
    """The inputs and the first output. Their names are decoded here, which fails for a damaged file."""
    try:
        inputs = [_Port(port.name, port.type, port.shape) for port in session.get_inputs()]
        output = session.get_outputs()[0]
        return inputs, _Port(output.name, output.type, output.shape)
    except (UnicodeDecodeError, IndexError) as error:
        raise InputError(f"{where}: not a usable ONNX model ({one_line(error)})") from error


def _refuse_external(data: bytes, where: str) -> None:
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own kinds
        raise InputError(f"{where}: not an ONNX model ({one_line(error)})") from error
    outside = next(_external(model), None)
    if outside is not None:
        raise InputError(
            f"{where}: keeps the tensor {shown(outside)} in another file, which is not read for safety; "
            "save the model with all its data inside"
        )


def _external(message: Any) -> Iterator[str]:
    """Names of tensors stored outside the file, anywhere in the message (subgraphs, functions, ...)."""
    import onnx

    if isinstance(message, onnx.TensorProto):
        if message.data_location == onnx.TensorProto.EXTERNAL or message.external_data:
            yield message.name
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _external(part)


def _session(data: bytes, where: str, threads: int | None) -> Any:
    try:
        # No fallback: it would be printed among the results.
        return onnx_session(data, threads=threads, fallback=False)
    except Exception as error:  # ONNX Runtime raises many kinds; each means that the file cannot be used
        raise InputError(f"{where}: not a usable ONNX model ({one_line(error)})") from error
