"""An ONNX file with all its weights, and a hash of exactly what is run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from probablyexists.basis.errors import InputError
from probablyexists.basis.onnx_tensors import stored_outside
from probablyexists.basis.text import one_line, shown

LARGEST = 2**31 - 1
"""Bytes that a serialised message can have."""


def whole_model(path: Path, where: str) -> tuple[bytes, str]:
    """The model as one serialised message, and its SHA-256 in hexadecimal.

    Weights in other files (torch exports a large network so) are read into the message, and are part of the hash. They
    must lie in the model's own folder. The hash of a model without such files is the file's. InputError.
    """
    import onnx
    from onnx.external_data_helper import load_external_data_for_tensor

    try:
        data = _read(path)
        model = onnx.load_model_from_string(data)
        outside = list(stored_outside(model))
    except Exception as error:  # protobuf's own kinds
        raise InputError(f"{where}: not a usable ONNX model ({one_line(error)}); give another") from error
    digest = hashlib.sha256(data)
    if not outside:
        return data, digest.hexdigest()
    for tensor in outside:
        place = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        if not place or Path(place).name != place or place in (".", ".."):
            raise InputError(
                f"{where}: keeps the tensor {shown(tensor.name)} at {shown(place)}, outside the model's folder, which "
                "is not read for safety; save the model with all its data inside"
            )
        try:
            _check_size(path.parent / place)
            load_external_data_for_tensor(tensor, str(path.parent))
        except Exception as error:  # no such file, a link, or other sizes than the model says
            raise InputError(f"{where}: its weights in {shown(place)} cannot be read ({one_line(error)})") from error
        digest.update(tensor.raw_data)
    try:
        whole: bytes = model.SerializeToString()
    except Exception as error:  # more than protobuf can hold
        raise InputError(f"{where}: is too large to be run as one model ({one_line(error)})") from error
    return whole, digest.hexdigest()


def _read(path: Path) -> bytes:
    _check_size(path)
    return path.read_bytes()


def _check_size(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.stat().st_size / 2**30:.1f} GiB; a model may have 2")
