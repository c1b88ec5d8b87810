"""Pictures as the user's program has them (PIL, NumPy, torch, files) as RGB arrays, like decoded files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError, option
from probablyexists.basis.text import shown
from probablyexists.faces.acquire import at_least, decoded
from probablyexists.faces.boxes import SMALLEST
from probablyexists.images.decode import upright
from probablyexists.images.sizes import MIN_SIDE

Images = Any
"""PIL images, arrays, tensors, paths or files' bytes: one, a sequence of them, or an array of several."""


@dataclass(frozen=True)
class GivenImage:
    """One picture."""

    pixels: NDArray[np.uint8] | ImageError
    """(height, width, 3) RGB, or why it could not be read."""
    sha256: bytes
    """Of the file, or of the pixels."""


def given_images(images: Images, picture_range: Sequence[float] | None = None) -> list[GivenImage]:
    """Each picture, in order.

    NumPy arrays are (n, h, w, 3) or (h, w, 3): uint8, or floats of 0..1. Torch tensors are (n, 3, h, w) or (3, h, w):
    uint8, or floats. `picture_range`: the values of black and white, such as (-1, 1); floats of torch need it.
    InputError for anything else, also for values that are not finite or outside of the range.
    """
    return list(_each(images, picture_range))


def _each(images: Images, within: Sequence[float] | None) -> Iterator[GivenImage]:
    from PIL import Image

    if isinstance(images, bytes | bytearray):
        yield _of_file(bytes(images))
    elif isinstance(images, str | Path):
        yield _of_path(Path(images))
    elif isinstance(images, Image.Image):
        yield _of_pil(images)
    elif type(images).__module__.partition(".")[0] == "torch":
        tensor = images.detach().cpu()
        floats = tensor.is_floating_point()
        if floats and within is None:
            raise InputError(
                f"{option('picture_range')}: say which values of a float tensor are black and white, (-1, 1) or (0, 1)"
            )
        array = np.asarray(tensor.float() if floats else tensor)
        if array.ndim not in (3, 4) or array.shape[-3] != 3:
            raise InputError(f"images: a tensor {array.shape}; give (n, 3, height, width)")
        yield from _of_array(np.moveaxis(array, -3, -1), within)
    elif isinstance(images, np.ndarray):
        yield from _of_array(images, within)
    elif isinstance(images, Iterable):
        for image in images:
            yield from _each(image, within)
    else:
        raise InputError(f"images: a {type(images).__name__}; give PIL images, arrays, tensors, paths or files' bytes")


def _of_file(data: bytes) -> GivenImage:
    digest = hashlib.sha256(data).digest()
    try:
        return GivenImage(decoded(data), digest)
    except ImageError as error:
        return GivenImage(error, digest)


def _of_path(path: Path) -> GivenImage:
    try:
        return _of_file(path.read_bytes())
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({error.strerror}); check the path") from None


def _of_pil(image: Any) -> GivenImage:
    if min(image.size) < MIN_SIDE:
        raise InputError(f"images: a picture of {image.size[0]} x {image.size[1]}; its sides need {MIN_SIDE} pixels")
    pixels = np.asarray(at_least(upright(image), SMALLEST))
    return GivenImage(pixels, hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest())


def _of_array(array: NDArray[Any], within: Sequence[float] | None) -> Iterator[GivenImage]:
    from PIL import Image

    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[3] != 3:
        raise InputError(f"images: an array {array.shape}; give (n, height, width, 3), RGB")
    for picture in array:
        yield _of_pil(Image.fromarray(np.ascontiguousarray(_eight_bit(picture, within))))


def _eight_bit(picture: NDArray[Any], within: Sequence[float] | None) -> NDArray[np.uint8]:
    if picture.dtype == np.uint8:
        return picture
    if not np.issubdtype(picture.dtype, np.floating):
        raise InputError(f"images: {picture.dtype}; give uint8, or floats")
    if wrong := int((~np.isfinite(picture)).sum()):
        raise InputError(f"images: {wrong:,} values of a picture are not finite")
    black, white = map(float, within or (0.0, 1.0))
    if not black < white:
        raise InputError(f"{option('picture_range', str(within))}: give black, then white, such as (-1, 1)")
    scaled = (picture.astype(np.float64) - black) / (white - black)
    # Decoders overshoot a little, and pipelines cut that off; far outside, the range is another one.
    low, high = float(scaled.min(initial=0)), float(scaled.max(initial=1))
    if low < -0.25 or high > 1.25:
        raise InputError(
            f"{option('picture_range')}: values go from {picture.min():g} to {picture.max():g}, and black and white "
            f"are {black:g} and {white:g}; give the range that they have"
        )
    return np.asarray((np.clip(scaled, 0, 1) * 255).round(), dtype=np.uint8)
