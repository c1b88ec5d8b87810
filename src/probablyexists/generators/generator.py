"""The protocol of a generator: seeds -> pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError


@runtime_checkable
class Generator(Protocol):
    """Makes the picture of a seed. A new kind is one file and one line in `open_generator`."""

    @property
    def id(self) -> str:
        """Kind, name and content hash: changes whenever a picture would."""

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3) RGB, in the order of the seeds.

        The picture of a seed never depends on the other seeds, their number or their order. Raises BrokenPictures if
        some seeds have no picture, and InputError if the model does not give colour pictures of one size.
        """


class BrokenPictures(InputError):
    """Some of the seeds have no picture; the others' are in `pictures`."""

    def __init__(self, where: str, pictures: NDArray[np.uint8], broken: Mapping[int, str]) -> None:
        reasons = ", ".join(sorted(set(broken.values())))
        super().__init__(f"{where}: {len(broken)} of {len(pictures)} samples are no pictures ({reasons})")
        self.pictures = pictures
        """(n, h, w, 3), one a seed."""
        self.broken = dict(broken)
        """Reasons, by the place of the seed."""


@dataclass(frozen=True)
class Given:
    """What the user says about a generator."""

    trust_pickle: bool = False
    threads: int | None = None
    """None: as many as there are cores."""
    latent_shape: tuple[int, ...] | None = None
    """Shape of one sample's latent, where the generator does not say."""
    picture_range: tuple[float, float] | None = None
    """The values of black and white; None: decided from the first pictures."""
    samples: int | None = None
    """How many pictures will be drawn, so that four need no batch of 64; None: many."""


def refuse_changing(beside: NDArray[np.uint8], alone: NDArray[np.uint8], where: str) -> None:
    """InputError if a seed's picture changes when it is sampled alone: by fresh noise, or by statistics of the batch.

    Means differ by rounding only: by at most 1 of 255.
    """
    if beside.shape != alone.shape or np.abs(beside.astype(np.int16) - alone.astype(np.int16)).mean() > 1:
        raise InputError(
            f"{where}: the picture of a seed changes from call to call or with the seeds beside it; make it depend on "
            "its seed alone (a network in eval mode, without random layers)"
        )
