"""A recogniser that is an ONNX file: any network that takes a picture and gives a vector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.onnx_session import usable_session
from probablyexists.embeddings.feed import Feed, feed_of
from probablyexists.embeddings.known_networks import known_as
from probablyexists.embeddings.mirror import mirrored, unit_sum
from probablyexists.embeddings.whole_model import whole_model
from probablyexists.faces.alignment import Template

MOST_SIDE, MOST_DIM = 1024, 2**16
"""Chips of 100,000 pixels a side would fill memory."""
AT_ONCE = 4
"""Pictures in a run of a network that takes any number: more fill the processor's cache (docs/results/feeds.md)."""


@dataclass(frozen=True)
class _Layout:
    side: int
    channels_first: bool
    dim: int
    batch: int | None
    """Batch size that the network requires; None: any."""


class OnnxRecogniser:
    """Any ONNX network with one float input (n, 3, s, s) or (n, s, s, 3) and one (n, dim) output.

    If the network fixes n, crops and mirror images fill its batches together, and the last one is padded. The user
    supplies the weights and must check their licence. Weights in files beside the model are part of its id.
    """

    def __init__(
        self,
        path: Path,
        feed: Feed | str | None = None,
        trained_on: str | None = None,
        knows: tuple[str, ...] = (),
        sha256: str | None = None,
    ) -> None:
        """`feed`: how it is fed, also in words such as `BGR,0..255`; by default as its hash says, else as ArcFace.

        `trained_on`, `knows`: by default as its hash says.

        InputError if it is no such network, or if its hash does not begin with `sha256`.
        """
        where = option("recogniser", path)
        if not path.is_file():
            raise InputError(f"{where}: no such file; give the path of an .onnx face recogniser")
        model, digest = whole_model(path, where)
        if sha256 is not None and not digest.startswith(sha256):
            raise InputError(
                f"{where}: is damaged, or another file than expected (sha256 {digest[:12]}, expected {sha256[:12]}); "
                "get it again, or give its path to use it as it is"
            )
        self.path, self.digest = path, digest
        self._session = usable_session(model, where)
        self._layout = _layout(self._session, path)
        self._input = self._session.get_inputs()[0].name
        self.known = known_as(digest)
        """The row of the table of known networks; None if the file is not in it."""
        if self.known is not None:
            trained_on, knows = trained_on or self.known.trained_on, knows or self.known.knows
        self.trained_on, self.knows = trained_on, knows
        self.side, self.dim = self._layout.side, self._layout.dim
        self.asked = feed is not None
        """Whether the user said how it is fed."""
        if isinstance(feed, str):
            feed = feed_of(feed, self.side)
        self.feed = feed or (Feed(side=self.side) if self.known is None else replace(self.known.feed, side=self.side))
        """How it is fed."""
        self.certain = not self.asked and self.known is not None and self.known.sure == "checked"
        """Whether its feed need not be tried."""
        if self.feed.side != self.side:
            raise InputError(f"{where}: takes {self.side} pixels, not {self.feed.side}; give Feed(side={self.side})")

    @property
    def template(self) -> Template:
        return self.feed.template

    @property
    def id(self) -> str:
        return f"onnx/{self.digest[:16]}/{self.feed.id}/mirror"

    def fed(self, feed: Feed) -> OnnxRecogniser:
        """The same network, loaded once, fed in another way."""
        other = object.__new__(OnnxRecogniser)
        other.__dict__.update(self.__dict__, feed=feed)
        return other

    def __reduce__(self) -> tuple[type[OnnxRecogniser], tuple[object, ...]]:
        return OnnxRecogniser, (self.path, self.feed, self.trained_on, self.knows, self.digest)

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, side, side, 3) RGB -> (n, dim), each row of unit length; crop and mirror image averaged."""
        both = self._embed_once(np.stack([chips, mirrored(chips)], axis=1).reshape(-1, *chips.shape[1:]))
        return unit_sum(both[0::2], both[1::2])

    def _embed_once(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        n, batch = len(pictures), self._layout.batch or min(len(pictures), AT_ONCE)
        x = self.feed.numbers(pictures)
        if self._layout.channels_first:
            x = x.transpose(0, 3, 1, 2)
        if self._layout.batch is not None:
            x = np.pad(x, ((0, -n % batch), (0, 0), (0, 0), (0, 0)))
        x = np.ascontiguousarray(x)
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
