"""What a TorchScript file may contain: arithmetic, and nothing that uses the disk or the network.

`torch.jit.load` never uses Python's pickle: its C++ reader knows tensors, numbers and classes defined in the file. The
file is still a program. Two parts of it could do harm: `__setstate__` of its classes, which runs while the file is
read; and operators that use files or other machines. The first is searched in the text of the file before it is read,
the second in the compiled graph before it is run. This is no sandbox: it does not cover a fault in torch's C++ reader,
so open files of strangers on a machine without other data.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import shown

_RUNS_ON_LOAD = re.compile(rb"__setstate__|torch\.classes|torch\s*\.\s*classes")
_TENSOR_DATA = re.compile(r".*/(data|constants)/\d+")
_OPERATOR = re.compile(r"\b(\w+)::(\w+)\b")
_ATEN_WITH_FILES = ("save", "from_file")
# Of prim, only operators that build values and branch. Others call methods that the graph does not show (Enter,
# CallMethod, fork), Python, or other machines.
_PRIM = (
    *("Constant", "GetAttr", "SetAttr", "If", "Loop", "RaiseException", "Uninitialized", "NumToTensor", "isinstance"),
    *("ListConstruct", "ListUnpack", "TupleConstruct", "TupleUnpack", "TupleIndex", "TupleSlice", "DictConstruct"),
    *("device", "dtype", "layout", "is_cuda", "min", "max", "abs", "data", "tolist", "unchecked_cast", "shape"),
    *("unchecked_unwrap_optional", "CreateObject", "Print"),
)
MOST_TEXT = 64 * 2**20
"""Most bytes of the parts of the file that are not tensor data."""


def check_archive(path: Path) -> None:
    """Raise InputError unless `path` is a TorchScript archive that runs no code while it is read."""
    where = shown(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename.replace("\\", "/").lower() for entry in entries]
            inside = {name.split("/", 1)[-1] for name in names}
            if "constants.pkl" not in inside or "data.pkl" not in inside or "model.json" in inside:
                raise zipfile.BadZipFile  # as any other file without a program
            if len(set(names)) < len(names):  # torch's reader may take another part than the one checked here
                raise InputError(f"{where}: holds two parts of one name; it is damaged or made to deceive")
            text = 0
            for entry, name in zip(entries, names, strict=True):
                if _TENSOR_DATA.fullmatch(name):
                    if entry.compress_type != zipfile.ZIP_STORED:  # may unpack to any size
                        raise InputError(f"{where}: its tensor {shown(entry.filename)} is compressed; torch never does")
                    continue
                text += entry.file_size
                if text > MOST_TEXT:
                    raise InputError(
                        f"{where}: its parts up to {shown(entry.filename)} are over {MOST_TEXT // 2**20} MiB"
                    )
                if _RUNS_ON_LOAD.search(archive.read(entry)):
                    raise InputError(
                        f"{where}: holds a class that runs code of its own while the file is read "
                        f"({shown(entry.filename)}); export it to ONNX"
                    )
    except InputError:
        raise
    except Exception:  # not a zip, damaged, encrypted, ...
        raise InputError(
            f"{where}: no TorchScript file; a pickled network or its weights alone are not opened: save the network "
            "with torch.jit.trace(network, latents).save(...), or export it to ONNX"
        ) from None


def check_operators(module: Any, where: str) -> None:
    """Raise InputError if the module's forward uses files, or calls anything but known operators."""
    try:
        graph = str(module.inlined_graph)
    except (AttributeError, RuntimeError):
        raise InputError(f"{where}: has no forward; export the network itself with torch.jit.trace") from None
    for namespace, name in _OPERATOR.findall(graph):
        if not (namespace == "prim" and name in _PRIM) and not (namespace == "aten" and name not in _ATEN_WITH_FILES):
            raise InputError(
                f"{where}: uses {namespace}::{name}, which a generator of pictures has no need of; "
                "export it again without it, or to ONNX"
            )
