"""Tensors of an ONNX model whose data is in other files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def stored_outside(message: Any) -> Iterator[Any]:
    """The tensors stored outside the file, anywhere in the message (subgraphs, functions, ...)."""
    import onnx

    if isinstance(message, onnx.TensorProto):
        if message.data_location == onnx.TensorProto.EXTERNAL or message.external_data:
            yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from stored_outside(part)
