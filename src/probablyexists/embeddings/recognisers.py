"""Recognisers: aligned faces in, unit embeddings out. A new one is one class and one line in `open_recogniser`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.onnx_session import usable_session
from probablyexists.basis.own_code import is_object_name, made_by_name, problems_of
from probablyexists.embeddings import dlib_onnx
from probablyexists.embeddings.kept_networks import kept_at, named
from probablyexists.embeddings.known_networks import BUFFALO_L, Known
from probablyexists.embeddings.mirror import mirrored, unit_sum
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
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


_TORCH = (".pt", ".pth", ".pth.tar", ".ckpt", ".safetensors")


def open_recogniser(name: str | Recogniser, cache: Path, feed: str | None = None) -> Recogniser:
    """A recogniser by name: `dlib` (default), `dlib-float32`, `insightface`, a known network, a file, `module:Name`.

    `feed`: how the file is fed, in words. An object is returned as it is. Raises InputError.
    """
    is_file = isinstance(name, str) and (name == "insightface" or name.endswith(".onnx") or named(name) is not None)
    if feed is not None and not is_file:
        given = name if isinstance(name, str) else type(name).__name__
        raise InputError(f"{option('feed', feed)}: is for an .onnx file, and the recogniser is {given}; leave it out")
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
        return OnnxRecogniser(_insightface_weights(), feed, sha256=BUFFALO_L.sha256)
    if name.endswith(".onnx"):
        return OnnxRecogniser(Path(name), feed)
    if name.lower().endswith(_TORCH):
        raise InputError(
            f"{option('recogniser', name)}: is a PyTorch file, which is not opened here; in Python, with its network, "
            "export it: torch.onnx.export(network.eval(), torch.zeros(1, 3, 112, 112), 'recogniser.onnx', dynamo=False)"
        )
    if (known := named(name)) is not None:
        return _by_name(known, cache, feed)
    raise InputError(
        f"{option('recogniser', name)}: unknown; give dlib, dlib-float32, insightface, a name of: probablyexists "
        "recognisers, the path of an .onnx file, or module:Name"
    )


def _by_name(known: Known, cache: Path, feed: str | None) -> OnnxRecogniser:
    """A known network in one of its places; InputError if it is in none."""
    path = kept_at(known, cache)
    if path is None:
        cure = f"run: probablyexists recognisers fetch {known.name}" if known.repo else f"get it at {known.page}"
        raise InputError(f"{option('recogniser', known.name)}: is not on this machine; {cure}")
    return OnnxRecogniser(path, feed, sha256=known.sha256)


def open_recognisers(names: Sequence[str | Recogniser], cache: Path, feed: str | None = None) -> list[Recogniser]:
    """Several recognisers; `feed`: of the first. InputError if two are the same."""
    first, *more = names
    found = [open_recogniser(first, cache, feed), *(open_recogniser(name, cache) for name in more)]
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
        problems.append(f"template is {recogniser.template!r}; known are {', '.join(get_args(Template))}")
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
        self._session = usable_session(dlib_onnx.graph_of(cache, precision), self.id)

    def __reduce__(self) -> tuple[type[DlibRecogniser], tuple[object, ...]]:
        return DlibRecogniser, self._made

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        return unit_sum(self.embed_once(chips), self.embed_once(mirrored(chips)))

    def embed_once(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """dlib's own descriptor: one pass, no mirror, not unit length."""
        (embeddings,) = self._session.run(None, {"faces": np.ascontiguousarray(chips)})
        return np.asarray(embeddings, dtype=np.float32)


def _insightface_weights() -> Path:
    path = Path(os.path.expanduser("~/.insightface/models/buffalo_l/w600k_r50.onnx"))
    if not path.is_file():
        raise InputError(
            f"{option('recogniser', 'insightface')}: {path} is missing; its weights are for non-commercial research "
            "and are not fetched for you: pip install insightface, then run "
            "python -c \"from insightface.app import FaceAnalysis; FaceAnalysis('buffalo_l')\""
        )
    return path
