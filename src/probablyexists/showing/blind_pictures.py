"""Pictures of a blind review, of one size in pixels and in bytes: nothing about them says which half they are of."""

from __future__ import annotations

import io
from collections.abc import Iterable

from PIL import Image

from probablyexists.basis.errors import ImageError
from probablyexists.basis.roles import Role
from probablyexists.showing.small_pictures import Pictures

SIDE = 384
"""Pixels of a side of every picture, whatever its own."""
N_BYTES = 2**17
"""Bytes of every picture: what follows the end of a JPEG file is not looked at."""
_QUALITIES = (85, 70, 50, 30, 10)
_GREY = (128, 128, 128)


def common_size(pictures: Pictures, where: Iterable[tuple[Role, str]]) -> int:
    """The longer side of the smallest of these pictures, at most `SIDE`: larger ones are brought down to it, as they
    would be sharper. Those that cannot be read do not count."""
    least = SIDE
    for role, path in where:
        try:
            least = min(least, max(pictures.decoded(role, path, SIDE).size))
        except ImageError:
            continue
    return least


def blind_jpeg(pictures: Pictures, role: Role, path: str, size: int) -> bytes:
    """`N_BYTES` bytes: the picture reduced to `size` pixels, enlarged to `SIDE`, on grey; grey if it cannot be read."""
    page = Image.new("RGB", (SIDE, SIDE), _GREY)
    try:
        image = pictures.decoded(role, path, SIDE)
    except ImageError:
        image = page
    for side in (size, SIDE):
        scale = side / max(image.size)
        width, height = (max(1, round(scale * pixels)) for pixels in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    page.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    data = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        page.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= N_BYTES:
            break
    return data.ljust(N_BYTES, b"\0")
