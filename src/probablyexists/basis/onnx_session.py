"""Sessions of ONNX Runtime. The one place that imports it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import one_line


def onnx_session(
    model: Path | bytes,
    *,
    providers: Sequence[str] = ("CUDAExecutionProvider", "CPUExecutionProvider"),
    threads: int | None = 1,
    fallback: bool = True,
) -> Any:
    """An `InferenceSession` of a file or its bytes; raises what ONNX Runtime raises if the model cannot be used.

    `providers`: by preference; those that this installation lacks are left out. `threads`: for each call; None: as many
    as there are cores. `fallback`: whether a model that fails on a GPU is tried on the CPU, which is then printed.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Waiting threads must not spin: the cores are busy with decoding and detecting.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    here = [provider for provider in providers if provider in onnxruntime.get_available_providers()]
    data = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(data, options, providers=here, enable_fallback=int(fallback))


def usable_session(model: bytes, where: str) -> Any:
    """`onnx_session` of one thread; InputError, which begins with `where`, if the model cannot be used.

    One thread, because batches run beside each other: several threads on one batch would wait for each other.
    """
    try:
        return onnx_session(model, threads=1)
    except Exception as error:  # ONNX Runtime raises many kinds; each means that the file cannot be used
        raise InputError(f"{where}: not a usable ONNX model ({one_line(error)}); give another") from error
