"""Recognisers: aligned faces in, unit embeddings out. A new one is one class and one line in `open_recogniser`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.onnx_session import onnx_session
from probablyexists.basis.own_code import is_object_name, made_by_name, problems_of
from probablyexists.basis.text import one_line
from probablyexists.embeddings import dlib_onnx
from probablyexists.embeddings.whole_model import whole_model
from probablyexists.faces.alignment import Template
from probablyexists.faces.compiled import CHIP_SIDE


@runtime_checkable
class Recogniser(Protocol):
    """Turns aligned faces into embeddings. The result for a face never depends on the others in the batch.

    It is called from several threads at once, one core each, and can be pickled, for other machines.
    """

    @property
    def id(self) -> str:
        """Changes whenever an embedding would: depends on weights, converter and preprocessing."""

    @property
    def trained_on(self) -> str | None:
        """Its training data, in words; None if unknown."""

    @property
    def knows(self) -> tuple[str, ...]:
        """Sets that share people with its training data, as parts of their names in lower case."""

    @property
    def side(self) -> int:
        """Side of the chips it takes, in pixels."""

    @property
    def template(self) -> Template:
        """The positions of landmarks in its chips."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, side, side, 3) RGB -> (n, dim), each row of unit length; crop and mirror image averaged."""


MOST_SIDE, MOST_DIM = 1024, 2**16
"""Of a recogniser that is a file: chips of 100,000 pixels a side would fill memory."""
INSIGHTFACE_SHA256 = "4c06341c33c2"
"""How the hash of buffalo_l's recogniser begins, according to public lists of other projects."""
_WEBFACE = "WebFace600K, celebrities from the internet"
_WEBFACE_KNOWS = ("webface", "celeb", "vgg", "lfw")


def open_recogniser(name: str | Recogniser, cache: Path) -> Recogniser:
    """A recogniser by name: `dlib` (default), `dlib-float32`, `insightface`, an ONNX file, or `module:Name`.

    An object is returned as it is. Raises InputError.
    """
    if not isinstance(name, str) or is_object_name(name):
        recogniser: Recogniser = made_by_name(name, "recogniser") if isinstance(name, str) else name
        problems = recogniser_problems(recogniser)
        if problems:
            given = name if isinstance(name, str) else type(name).__name__
            raise InputError(f"{option('recogniser', given)}: {problems[0]}; docs/extending.md shows how to write one")
        return recogniser
    if name == "dlib":
        return DlibRecogniser(cache)
    if name == "dlib-float32":
        return DlibRecogniser(cache, "float32")
    if name == "insightface":
        return OnnxRecogniser(_insightface_weights(), _WEBFACE, _WEBFACE_KNOWS, INSIGHTFACE_SHA256)
    if name.endswith(".onnx"):
        return OnnxRecogniser(Path(name))
    raise InputError(
        f"{option('recogniser', name)}: unknown; give dlib, dlib-float32, insightface, the path of an .onnx file, or "
        "module:Name"
    )


def open_recognisers(names: Sequence[str | Recogniser], cache: Path) -> list[Recogniser]:
    """Several recognisers; InputError if two are the same."""
    found = [open_recogniser(name, cache) for name in names]
    for number, recogniser in enumerate(found):
        if any(other.id == recogniser.id for other in found[:number]):
            name = names[number]
            given = name if isinstance(name, str) else name.id
            raise InputError(f"{option('more_recognisers', given)}: is already used; name each recogniser once")
    return found


def recogniser_problems(recogniser: Any) -> list[str]:
    """What the object lacks to be a `Recogniser`."""
    problems = problems_of(recogniser, id=str, knows=tuple, side=int, template=str, dim=int, embed=None)
    if not problems and recogniser.template not in get_args(Template):
        problems.append(f"template is {recogniser.template!r}; known are {' and '.join(get_args(Template))}")
    if not hasattr(recogniser, "trained_on"):
        problems.append("trained_on is missing; give the training data in words, or None")
    return problems


class DlibRecogniser:
    """dlib's ResNet: 128 numbers a face, 99.4 % on LFW, CC0 weights from an installed package.

    int8 is faster than float32, more than twice with VNNI, and as good on LFW (docs/results/performance.md).
    """

    side = CHIP_SIDE
    template: Template = "dlib"
    dim = 128
    trained_on = (
        "FaceScrub, VGG-Face and pictures from the internet, 7,485 people, many of them celebrities; according to its "
        "author without the people of LFW"
    )
    knows = ("facescrub", "vgg", "celeb")

    def __init__(self, cache: Path, precision: dlib_onnx.Precision = "int8") -> None:
        self._made = cache, precision
        self.id = dlib_onnx.graph_id(precision) + "/mirror"
        self._session = _session(dlib_onnx.graph_of(cache, precision), self.id)

    def __reduce__(self) -> tuple[type[DlibRecogniser], tuple[object, ...]]:
        return DlibRecogniser, self._made

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
    batch: int | None
    """Batch size that the network requires; None: any."""


class OnnxRecogniser:
    """Any ONNX network with one float input (n, 3, s, s) or (n, s, s, 3) and one (n, dim) output.

    If the network fixes n, batches are split and padded to n. Faces are aligned to ArcFace's template, RGB, scaled as
    (x - 127.5) / 127.5, as the ArcFace family expects. The user supplies the weights and must check their licence
    (those of `insightface` are for non-commercial research). Weights in files beside the model are part of its id.
    """

    template: Template = "arcface"

    def __init__(
        self, path: Path, trained_on: str | None = None, knows: tuple[str, ...] = (), sha256: str | None = None
    ) -> None:
        """InputError if it is no such network, or if its hash does not begin with `sha256`."""
        self.trained_on, self.knows = trained_on, knows
        where = option("recogniser", path)
        if not path.is_file():
            raise InputError(f"{where}: no such file; give the path of an .onnx face recogniser")
        model, digest = whole_model(path, where)
        if sha256 is not None and not digest.startswith(sha256):
            raise InputError(
                f"{where}: is damaged, or another file than expected (sha256 {digest[:12]}, expected {sha256[:12]}); "
                "get it again, or give its path to use it as it is"
            )
        self._made = path, trained_on, knows, digest
        self._session = _session(model, where)
        self._layout = _layout(self._session, path)
        self._input = self._session.get_inputs()[0].name
        self.side = self._layout.side
        self.dim = self._layout.dim
        self.id = f"onnx/{digest[:16]}/arcface-1/mirror"

    def __reduce__(self) -> tuple[type[OnnxRecogniser], tuple[object, ...]]:
        return OnnxRecogniser, self._made

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _mirror_averaged(self._embed_once, chips)

    def _embed_once(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = (chips.astype(np.float32) - 127.5) / 127.5
        if self._layout.channels_first:
            x = x.transpose(0, 3, 1, 2)
        n, batch = len(x), self._layout.batch or len(x)
        x = np.ascontiguousarray(np.pad(x, ((0, -n % batch), (0, 0), (0, 0), (0, 0))))
        starts = range(0, len(x), batch)
        parts = [self._session.run(None, {self._input: x[start : start + batch]})[0] for start in starts]
        return np.asarray(np.concatenate(parts)[:n], dtype=np.float32)


def _layout(session: Any, path: Path) -> _Layout:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if all(port.type == "tensor(float)" for port in (*inputs, *outputs)):
        match [port.shape for port in inputs], [port.shape for port in outputs]:
            case [[n, 3, int(side), across]], [[_, int(dim)]] if side == across and _plausible(side, dim):
                return _Layout(side, True, dim, n if isinstance(n, int) else None)
            case [[n, int(side), across, 3]], [[_, int(dim)]] if side == across and _plausible(side, dim):
                return _Layout(side, False, dim, n if isinstance(n, int) else None)
    raise InputError(
        f"{option('recogniser', path)}: needs one float input (n, 3, side, side) or (n, side, side, 3) and one float "
        f"output (n, dim), side up to {MOST_SIDE:,} and dim up to {MOST_DIM:,}; has inputs "
        f"{[(i.type, i.shape) for i in inputs]} and outputs {[(o.type, o.shape) for o in outputs]}; export the network "
        "like this, with side and dim fixed"
    )


def _plausible(side: int, dim: int) -> bool:
    return 0 < side <= MOST_SIDE and 0 < dim <= MOST_DIM


def _insightface_weights() -> Path:
    path = Path(os.path.expanduser("~/.insightface/models/buffalo_l/w600k_r50.onnx"))
    if not path.is_file():
        raise InputError(
            f"{option('recogniser', 'insightface')}: {path} is missing; its weights are for non-commercial research "
            "and are not fetched for you: pip install insightface, then run "
            "python -c \"from insightface.app import FaceAnalysis; FaceAnalysis('buffalo_l')\""
        )
    return path


def _session(model: bytes, where: str) -> Any:
    try:
        # Batches run beside each other, one a thread: several threads on one batch would wait for each other.
        return onnx_session(model, threads=1)
    except Exception as error:  # ONNX Runtime raises many kinds; each means that the file cannot be used
        raise InputError(f"{where}: not a usable ONNX model ({one_line(error)}); give another") from error


def _mirror_averaged(once: Any, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    mirrored = np.empty_like(chips, order="C")
    for colour in range(chips.shape[-1]):  # NumPy moves single bytes faster than groups of three
        mirrored[..., colour] = chips[:, :, ::-1, colour]
    total = once(chips) + once(mirrored)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    n_unusable = int((~np.isfinite(length) | (length == 0)).sum())
    if n_unusable:
        raise InputError(f"the recogniser gave {n_unusable} of {len(chips)} embeddings that are zero or not finite")
    unit: NDArray[np.float32] = total / length
    return unit
