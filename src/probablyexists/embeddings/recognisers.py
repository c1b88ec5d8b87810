"""Recognisers: aligned faces in, unit embeddings out. A new one is one class and one line in `open_recogniser`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import sha256_file
from probablyexists.embeddings import dlib_onnx
from probablyexists.faces.alignment import Template


class Recogniser(Protocol):
    """Turns aligned faces into embeddings. The result for a face never depends on the others in the batch."""

    @property
    def id(self) -> str:
        """Changes whenever an embedding would: weights, converter, preprocessing."""

    @property
    def side(self) -> int:
        """Side of the chips it takes, in pixels."""

    @property
    def template(self) -> Template:
        """Where landmarks stand in its chips."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, side, side, 3) RGB -> (n, dim), each row of unit length; crop and mirror image averaged."""


def open_recogniser(name: str, cache: Path, threads: int | None = None) -> Recogniser:
    """`dlib` (default), `insightface`, or the path of an ONNX file that takes aligned faces."""
    if name == "dlib":
        return DlibRecogniser(cache, threads)
    if name == "insightface":
        return OnnxRecogniser(_insightface_weights(), threads)
    if name.endswith(".onnx"):
        return OnnxRecogniser(Path(name), threads)
    raise InputError(f"--recogniser {name}: unknown; give dlib, insightface, or the path of an .onnx file")


class DlibRecogniser:
    """dlib's ResNet, 128 numbers a face, 99.4 % on LFW, CC0 weights that come with the package."""

    side = dlib_onnx.CHIP_SIDE
    template: Template = "dlib"
    dim = 128

    def __init__(self, cache: Path, threads: int | None = None) -> None:
        self.id = dlib_onnx.graph_id() + "/mirror"
        self._session = _session(dlib_onnx.graph_file(cache), threads)

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _mirror_averaged(self.embed_once, chips)

    def embed_once(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """dlib's own descriptor: one pass, no mirror, not unit length."""
        (embeddings,) = self._session.run(None, {"faces": np.ascontiguousarray(chips)})
        return np.asarray(embeddings, dtype=np.float32)


@dataclass(frozen=True)
class _Layout:
    side: int
    channels_first: bool
    dim: int


class OnnxRecogniser:
    """Any ONNX network with one image input (n, 3, s, s) or (n, s, s, 3) float and one (n, dim) output.

    Faces come in ArcFace's frame, RGB, scaled as (x - 127.5) / 127.5: what the ArcFace family expects. The
    weights are the user's own; check their licence (those of `insightface` are for non-commercial research).
    """

    template: Template = "arcface"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        if not path.is_file():
            raise InputError(f"--recogniser {path}: no such file; give the path of an .onnx face recogniser")
        self._session = _session(path, threads)
        self._layout = _layout(self._session, path)
        self._input = self._session.get_inputs()[0].name
        self.side = self._layout.side
        self.dim = self._layout.dim
        self.id = f"onnx/{sha256_file(path)[:16]}/arcface-1/mirror"

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _mirror_averaged(self._embed_once, chips)

    def _embed_once(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = (chips.astype(np.float32) - 127.5) / 127.5
        if self._layout.channels_first:
            x = x.transpose(0, 3, 1, 2)
        (embeddings,) = self._session.run(None, {self._input: np.ascontiguousarray(x)})
        return np.asarray(embeddings, dtype=np.float32)


def _layout(session: Any, path: Path) -> _Layout:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape_in = inputs[0].shape if len(inputs) == 1 else []
    shape_out = outputs[0].shape if len(outputs) == 1 else []
    problem = InputError(
        f"--recogniser {path}: needs one input (n, 3, side, side) or (n, side, side, 3) and one output "
        f"(n, dim), has inputs {[i.shape for i in inputs]} and outputs {[o.shape for o in outputs]}"
    )
    if len(shape_in) != 4 or len(shape_out) != 2 or not isinstance(shape_out[1], int):
        raise problem
    for channels_first, (channels, height, width) in ((True, shape_in[1:]), (False, (shape_in[3], *shape_in[1:3]))):
        if channels == 3 and isinstance(height, int) and height == width:
            return _Layout(height, channels_first, shape_out[1])
    raise problem


def _insightface_weights() -> Path:
    path = Path.home() / ".insightface" / "models" / "buffalo_l" / "w600k_r50.onnx"
    if not path.is_file():
        raise InputError(
            f"--recogniser insightface: {path} is missing; its weights are for non-commercial research and are "
            "not fetched for you: pip install 'probablyexists[insightface]', then run "
            "python -c \"from insightface.app import FaceAnalysis; FaceAnalysis('buffalo_l')\""
        )
    return path


def _session(path: Path, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime raises many kinds; each means that the file cannot be used
        raise InputError(f"{path}: not a usable ONNX model ({str(error).splitlines()[0][:120]})") from error


def _mirror_averaged(once: Any, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    total = once(chips) + once(chips[:, :, ::-1])
    if not np.isfinite(total).all():
        raise InputError(f"the recogniser gave {int((~np.isfinite(total)).any(axis=1).sum())} non-finite embeddings")
    unit: NDArray[np.float32] = total / np.linalg.norm(total, axis=1, keepdims=True)
    return unit
