"""Draws a photo of a drawn person: a soft relief of a head, turned, lit and painted.

Lengths are in face units: 1 is the half-width of an average face, about 70 mm. The origin is between the eyes, x goes
to the right of the picture, y down, z towards the viewer. For every pixel, the point of the head that it shows is
found; everything painted is a smooth function of that point.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.seeds import rng

Colour = tuple[float, float, float]
"""sRGB, each 0 to 1."""

_Plane = NDArray[np.floating[Any]]
"""float32, (h, w) or (3, h, w)."""

_SUPERSAMPLING = 1.5
_FACE_SCALE = 0.71
"""Half-width of an average face, as a share of half the picture."""
_EYE_LINE = -0.17
"""Height of the eyes: a share of half the picture, positive below the middle."""


@dataclass(frozen=True)
class DrawnPerson:
    """What stays the same from photo to photo. Lengths in face units, colours in sRGB 0 to 1."""

    seed: int
    number: int
    skin: Colour
    blush: float  # redness of cheeks and nose, 0 to 1
    freckles: float  # 0 to 1
    age: float  # 0 young adult, 1 old: wrinkles and folds
    width: float  # half-width of the face, 0.86 to 1.12
    chin: float  # from the eyes down to the chin, 1.0 to 1.5
    jaw: float  # 1.7 pointed oval to 4.5 square
    taper: float  # how much the face narrows towards the chin, 0 to 0.4
    cheekbones: float  # relief, 0 to 1.2
    eye_spacing: float  # from the middle to a pupil, 0.37 to 0.51
    eye_width: float  # half-width
    eye_height: float  # half-height
    eye_tilt: float  # outer corner up is positive, as a slope
    eye_depth: float  # how deep-set, 0 to 1.1
    eye_colour: Colour
    lashes: float  # half-thickness of the upper lid's dark line
    brow_height: float  # above the pupils
    brow_thickness: float  # half-thickness
    brow_arch: float
    brow_tilt: float  # outer end up is positive, as a slope
    brow_colour: Colour
    nose_length: float  # from the eyes down to the base of the nose
    nose_width: float  # half-width
    nose_bridge: float  # relief of the bridge, 0 to 1.2
    nose_depth: float  # how far the tip is in front of the face
    mouth_height: float  # between nose base (0) and chin (1)
    mouth_width: float  # half-width
    lip_upper: float  # thickness
    lip_lower: float  # thickness
    lip_colour: Colour
    hair_colour: Colour
    hairline: float  # above the eyes; beyond 1.2 the top is bald
    recession: float  # how far the hair has receded at the temples
    hair_volume: float  # thickness of the hair over the skull
    hair_length: float  # below the eyes: 0.15 short, 1.1 to the chin, 2.2 long
    fringe: float  # how far hair falls below the hairline
    parting: float  # where the hair parts, left to right
    sweep: float  # slope of the hairline, away from the parting
    curl: float  # 0 straight, 1 tight curls
    beard: tuple[float, float, float]  # density on cheeks, upper lip, chin; 0 to 1
    beard_colour: Colour
    glasses: Colour | None  # colour of the frame, None without glasses
    glasses_shape: tuple[float, float, float]  # half-width, half-height, 2 round to 6 square
    glasses_rim: float  # half-thickness
    moles: tuple[tuple[float, float], ...]  # x, y


@dataclass(frozen=True)
class Scene:
    """What changes from photo to photo. Angles in degrees."""

    yaw: float  # positive: turned to the right of the picture
    pitch: float  # positive: looking down
    roll: float  # positive: clockwise
    shift: tuple[float, float]  # share of half the picture, right and down
    zoom: float
    light_azimuth: float  # 0 from the front, positive from the right of the picture
    light_elevation: float
    ambient: float  # share of the light that comes from everywhere, 0 to 1
    light_colour: Colour  # factor for each channel
    exposure: float
    smile: float  # -0.3 to 1
    mouth_open: float  # 0 to 1
    brow_raise: float
    eye_opening: float  # factor
    gaze: tuple[float, float]  # of the iris, in iris radii, right and down
    background: tuple[Colour, Colour]
    clothes: Colour
    blur: float  # standard deviation, in 128ths of the picture
    noise: float  # standard deviation, 1 is white
    dapple: float  # unevenness of the light: standard deviation of its two scales, 1 is the light itself
    grain: int  # seed of the sensor noise and of the background's blots


_CROWN = 1.26
"""From the eyes up to the top of the skull."""


def draw(person: DrawnPerson, scene: Scene, size: int) -> NDArray[np.uint8]:
    """A photo, (size, size, 3) RGB."""
    from PIL import Image, ImageFilter

    _keep_freed_memory()
    canvas = _Canvas(person, scene, round(size * _SUPERSAMPLING))
    canvas.background()
    canvas.hair_behind()
    canvas.neck()
    canvas.head()
    canvas.hair_in_front()
    if person.glasses is not None:
        canvas.glasses(person.glasses)
    light = canvas.light * (scene.exposure * np.array(scene.light_colour, np.float32)[:, None, None])
    light *= _dapple(scene, light.shape[1])
    display = np.clip(light, 0, 1) ** np.float32(1 / 2.2)
    grain = np.random.default_rng(scene.grain).standard_normal(display.shape, np.float32)
    display += grain * (scene.noise * _SUPERSAMPLING)
    levels = (np.clip(display, 0, 1) * 255 + 0.5).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
    picture = picture.filter(ImageFilter.GaussianBlur(scene.blur * size / 128))
    return np.array(picture.resize((size, size), Image.Resampling.HAMMING))


@cache
def _keep_freed_memory() -> None:
    """Make glibc keep freed memory, once a process.

    It gives memory back to the system once more than a limit is free, and planes of this size pass the first limit many
    times a photo: a quarter of the time. Freeing one large array raises the limit.
    """
    np.empty(24 << 20, np.uint8)


def _dapple(scene: Scene, side: int) -> _Plane:
    """(side, side) factors around 1: light through leaves or blinds, different in every photo.

    Without it, skin is so smooth that two photos of a person are nearly the same picture.
    """
    factors = np.ones((side, side), np.float32)
    for cells in (9, 17):
        spots = np.random.default_rng([scene.grain, cells]).standard_normal((cells, cells)).astype(np.float32)
        factors += scene.dapple * _enlarged(spots, side)
    return np.clip(factors, 0.3, 1.7)


def _enlarged(grid: _Plane, side: int) -> _Plane:
    """A coarse grid of noise as a smooth plane, (side, side)."""
    from PIL import Image

    return np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC))


def _linear(colour: Colour) -> _Plane:
    """(3, 1, 1) linear light of an sRGB colour."""
    return (np.array(colour, np.float32) ** 2.2)[:, None, None]


def _bump(x: _Plane, y: _Plane, at_x: float, at_y: float, wide: float, high: float) -> _Plane:
    """A Gaussian hill of height 1. In place: a new plane for each step costs more than the step."""
    across, down = x - at_x, y - at_y
    across /= wide
    down /= high
    across *= across
    down *= down
    np.negative(across, out=across)
    across -= down
    return np.asarray(np.exp(across, out=across))


def _line(distance: _Plane, wide: float) -> _Plane:
    """A soft line, 1 on its middle."""
    return np.asarray(np.exp(-((distance / wide) ** 2)))


def _rise(x: _Plane, start: float, end: float) -> _Plane:
    """0 before `start`, 1 after `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _box(near: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that are true anywhere."""
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not len(rows):
        return slice(0), slice(0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


class _Canvas:
    """The picture while it is drawn: linear light, the point of the head behind each pixel, and the shading."""

    def __init__(self, person: DrawnPerson, scene: Scene, n: int) -> None:
        self.person, self.scene = person, scene
        side = (np.arange(n, dtype=np.float32) + 0.5) * (2 / n) - 1
        scale = _FACE_SCALE * scene.zoom
        self.pixel = 2 / n / scale
        self.body_x = np.broadcast_to((side - scene.shift[0])[None, :] / scale, (n, n))
        self.body_y = np.broadcast_to((side - scene.shift[1] - _EYE_LINE)[:, None] / scale, (n, n))
        self.light = np.zeros((3, n, n), np.float32)
        self.mouth_y = person.nose_length + (person.chin - person.nose_length) * (0.22 + 0.36 * person.mouth_height)
        self._turn()
        self._shade()

    def inside(self, distance: _Plane, soft: float = 1.5) -> _Plane:
        """1 where a signed distance is negative, 0 where positive, `soft` pixels between."""
        return np.asarray(np.clip(0.5 - distance / (soft * self.pixel), 0, 1))

    def window(self, top: float, bottom: float, half: float) -> tuple[slice, slice]:
        """The rows and columns that show y from `top` to `bottom` and x from -`half` to `half`."""
        return _box((self.y > top) & (self.y < bottom) & (self.ax < half))

    def _turn(self) -> None:
        """Find the point (x, y, z) of the head that each pixel shows, by fixed-point iteration."""
        p, s = self.person, self.scene
        roll, yaw, pitch = radians(s.roll), radians(s.yaw), radians(s.pitch)
        neck, pivot = 1.2, 0.3
        bx, by = self.body_x, self.body_y - neck
        sx = cos(roll) * bx + sin(roll) * by
        sy = cos(roll) * by - sin(roll) * bx + neck
        x, y = sx, sy
        for _ in range(4):
            depth = self._base(x, y) + p.nose_depth * _bump(x, y, 0, p.nose_length - 0.1, 0.2, 0.3) - pivot
            x = (sx - sin(yaw) * depth) / cos(yaw)
            y = (sy - sin(pitch) * depth) / cos(pitch)
        self.x, self.y, self.ax = x, y, np.abs(x)

    def _outline(self) -> _Plane:
        """Signed distance to the outline of the bare head."""
        p, y = self.person, self.y
        up = np.clip(-y / _CROWN, 0, 1)
        down = np.clip(y / p.chin, 0, 1)
        round_ = np.where(y < 0, up**2.3, down**p.jaw)
        half = p.width * np.sqrt(1 - round_) * (1 - p.taper * down)
        return np.asarray(np.maximum(np.maximum(self.ax - half, y - p.chin), -_CROWN - y))

    def _base(self, x: _Plane, y: _Plane) -> _Plane:
        """Depth of the bare head: a parabola across, flat down the face, round at crown and chin."""
        r = x / self.person.width
        down = np.clip(y / self.person.chin, -1.2, 1.3)
        square = down * down
        return np.asarray(np.maximum(0.95 - 0.85 * r * r - 0.12 * square - 0.2 * square * square, -0.3))

    def _relief(self) -> _Plane:
        """Height above the bare head; negative where the face is deeper."""
        p, s, x, y, ax = self.person, self.scene, self.x, self.y, self.ax
        tip, mouth, smile = p.nose_length - 0.08, self.mouth_y, max(s.smile, 0)
        along = np.clip((y + 0.22) / (tip + 0.22), 0, 1)
        ridge = 0.4 * p.nose_bridge + (1 - 0.4 * p.nose_bridge) * along * along
        ridge = 1.15 * p.nose_depth * ridge * _rise(along, 0, 0.35) * (1 - _rise(y, tip - 0.03, tip + 0.17))
        z = ridge * np.exp(-((x / (0.085 + 0.4 * p.nose_width * along)) ** 2))
        z += 0.12 * _bump(x, y, 0, tip + 0.01, 0.5 * p.nose_width, 0.09)
        z += 0.45 * p.nose_depth * _bump(ax, y, 0.75 * p.nose_width, tip + 0.03, 0.36 * p.nose_width, 0.085)
        z += 0.09 * p.cheekbones * _bump(ax, y, 0.62, 0.28, 0.24, 0.2)
        z += (0.05 + 0.1 * smile) * _bump(ax, y, 0.48, 0.46, 0.2, 0.18)
        z += 0.08 * p.eye_depth * _bump(ax, y, 0.36, -p.brow_height + 0.03, 0.34, 0.1)
        z -= 0.17 * p.eye_depth * _bump(ax, y, p.eye_spacing - 0.05, -0.03, 0.24, 0.15)
        z += 0.06 * _bump(ax, y, p.eye_spacing, 0.0, 0.15, 0.1)
        z += 0.08 * _bump(x, y, 0, mouth, 0.8 * p.mouth_width, 0.16)
        z -= 0.06 * _bump(x, y, 0, mouth + p.lip_lower + 0.09, 0.22, 0.06)
        z -= 0.02 * _bump(x, y, 0, (p.nose_length + mouth - p.lip_upper) / 2 + 0.02, 0.05, 0.07)
        z += 0.11 * _bump(x, y, 0, p.chin - 0.16, 0.24, 0.13)
        reach = np.clip((y - p.nose_length + 0.05) / (mouth - p.nose_length + 0.15), 0, 1)
        fold = ax - p.nose_width - 0.06 - (p.mouth_width + 0.06 - p.nose_width) * reach
        deep = 0.01 + 0.04 * p.age + 0.035 * smile
        z -= deep * _line(fold, 0.06) * _rise(reach, 0, 0.3) * (1 - _rise(reach, 0.5, 1))
        if p.age > 0.5:
            furrow = np.mod(y + 0.04 * x * x, 0.13) - 0.065
            z -= 0.02 * (p.age - 0.4) * _line(furrow, 0.025) * _bump(x, y, 0, -0.55, 0.5, 0.17)
        return z

    def _shade(self) -> None:
        """Light on the relief: Lambert's law, softened at the edge, a faint shine, and corners that are always dark."""
        p, s, x, y = self.person, self.scene, self.x, self.y
        yaw, pitch = radians(s.yaw), radians(s.pitch)
        z = (self._base(x, y) + self._relief()) * (cos(yaw) * cos(pitch)) - x * sin(yaw) - y * sin(pitch)
        dy, dx = np.gradient(z, self.pixel)
        azimuth, elevation = radians(s.light_azimuth), radians(s.light_elevation)
        lx, ly, lz = sin(azimuth) * cos(elevation), -sin(elevation), cos(azimuth) * cos(elevation)
        norm = 1 / np.sqrt(1 + dx * dx + dy * dy)
        diffuse = np.clip(((lz - lx * dx - ly * dy) * norm + 0.15) / 1.15, 0, 1)
        half = sqrt(2 + 2 * lz)
        shine = np.clip((lz + 1 - lx * dx - ly * dy) * norm / half, 0, 1)
        for _ in range(4):
            shine *= shine
        sockets = _bump(self.ax, y, p.eye_spacing - 0.1, -0.07, 0.25, 0.11)
        dark = 1 - 0.3 * min(0.3 + p.eye_depth, 1.1) * sockets
        dark *= 1 - 0.4 * _bump(x, y, -0.08 * sin(azimuth), p.nose_length + 0.05, 0.9 * p.nose_width, 0.06)
        dark *= 1 - 0.25 * _bump(x, y, 0, self.mouth_y + p.lip_lower + 0.07, 0.2, 0.05)
        self.shade = (s.ambient * (0.7 + 0.3 * norm) + (1.25 - s.ambient) * diffuse) * dark
        self.shine = 0.11 * (1 - s.ambient) * shine

    def background(self) -> None:
        first, second = (_linear(c) for c in self.scene.background)
        blots = np.random.default_rng(self.scene.grain + 1).random((4, 4), dtype=np.float32)
        mix = _enlarged(blots, self.light.shape[1])
        self.light[:] = np.maximum(first + (second - first) * mix, 0)

    def _hair_distance(self) -> _Plane:
        """Signed distance to the outline of the hair."""
        p, x, y, ax = self.person, self.x, self.y, self.ax
        wide, high = p.width + 0.35 * p.hair_volume + 0.04, _CROWN + p.hair_volume
        above = (np.sqrt((x / wide) ** 2 + (y / high) ** 2) - 1) * wide
        below = ax - wide
        if p.hair_length > 0.5:
            below -= (0.1 + 0.3 * p.hair_volume) * np.sin(1.6 * np.clip(y, 0, 1.7))
        ends = y - p.hair_length - 0.08 * np.cos(3 * x)
        curls = 0.13 * p.curl * np.clip(1.0 - self.strands, -0.5, 0.5)
        return np.asarray(np.maximum(np.where(y < 0, above, below), ends) + curls)

    def _strands(self) -> _Plane:
        """Brightness of the hair along its strands or in its curls, about 1."""
        p, x, y = self.person, self.x, self.y
        noise = rng(p.seed, "drawn hair", p.number)
        if p.curl > 0.2:
            curls = _enlarged(noise.normal(1, 0.22, (48, 48)).astype(np.float32), 256)
            fine = 50 + 50 * p.curl
            bent = x + 0.04 * np.sin(9 * y)
            return np.asarray(curls[(y * fine).astype(np.int32) & 255, (bent * fine).astype(np.int32) & 255])
        knots = noise.normal(0, 1, 160)
        strand = np.interp(np.linspace(0, 160, 1024), np.arange(160), knots).astype(np.float32)
        along = (x - 0.7 * p.parting) / (np.maximum(y, -1.1) + 1.9)
        return np.asarray(1 + 0.13 * strand[(along * 330 + 12 * np.sin(4 * y)).astype(np.int32) & 1023])

    def hair_behind(self) -> None:
        p = self.person
        self.strands = self._strands()
        self.hair = self._hair_distance()
        if p.hairline < 1.2:
            dim = 0.3 + 0.3 * self.scene.ambient
            _paint(self.light, _linear(p.hair_colour) * (self.strands * dim), self.inside(self.hair, 3))

    def neck(self) -> None:
        p, x, y = self.person, self.body_x, self.body_y
        skin = _linear(p.skin)
        tilt = 1 + 0.4 * sin(radians(self.scene.light_azimuth)) * np.clip(x, -1, 1)
        half = 0.62 * p.width + 0.3 * np.clip(y - p.chin - 0.1, 0, None) ** 2
        shade = (0.38 + 0.35 * _rise(y, p.chin, p.chin + 0.7)) * tilt - 0.25 * x * x
        neck = self.inside(np.maximum(np.abs(x) - half, 0.4 - y))
        _paint(self.light, skin * np.maximum(shade, 0.12), neck)
        collar = p.chin + 0.26 + 0.14 * np.sqrt((np.abs(x) - 0.72) ** 2 + 0.02)
        cloth = self.inside(np.maximum(collar - y, np.abs(x) - 0.8 - 4 * (y - collar)))
        _paint(self.light, _linear(self.scene.clothes) * (0.75 * tilt), cloth)
        d = np.hypot((self.ax - p.width - 0.01) / 0.12, (self.y - 0.2) / 0.25) - 1
        ear = np.array([0.9, 0.76, 0.74], np.float32)[:, None, None]
        _paint(self.light, skin * ear * (0.85 * self.shade + 0.1 * d), self.inside(0.12 * d))

    def head(self) -> None:
        """The bare head, drawn on the rows and columns that show some of it: elsewhere it changes nothing."""
        self.skin_mask = self.inside(self._outline())
        at = _box(self.skin_mask > 0)
        part = copy(self)
        part.light, part.skin_mask = self.light[:, *at], self.skin_mask[at]
        planes = (self.x, self.y, self.ax, self.shade, self.shine)
        part.x, part.y, part.ax, part.shade, part.shine = (np.ascontiguousarray(plane[at]) for plane in planes)
        part._skin()

    def _skin(self) -> None:
        """Skin and everything painted on it, lit, and put onto the picture."""
        p, x, y = self.person, self.x, self.y
        face = np.empty_like(self.light)
        face[:] = _linear(p.skin)
        glint = np.zeros_like(x)
        red = _bump(self.ax, y, 0.52, 0.42, 0.25, 0.2) + 0.6 * _bump(x, y, 0, p.nose_length - 0.1, 0.2, 0.12)
        face[1:] *= 1 - 0.22 * p.blush * red
        if p.freckles:
            spots = np.sin(43 * x + 3 * np.sin(19 * y)) * np.sin(41 * y + 3 * np.sin(23 * x))
            spots = p.freckles * _rise(spots, 0.5, 0.9) * _bump(self.ax, y, 0.35, 0.3, 0.4, 0.22)
            face *= 1 - spots * np.array([0.25, 0.45, 0.55], np.float32)[:, None, None]
        for mole_x, mole_y in p.moles:
            face *= 1 - 0.75 * self.inside(np.hypot(x - mole_x, y - mole_y) - 0.028, 2)
        if any(p.beard):
            self._beard(face)
        self._nose(face)
        self._mouth(face)
        self._brows(face)
        self._eyes(face, glint)
        lit = face * self.shade + self.shine + glint
        lit[1:] *= 0.93 + 0.07 * np.minimum(self.shade, 1)
        _paint(self.light, lit, self.skin_mask)

    def _beard(self, face: _Plane) -> None:
        p, x, y, ax = self.person, self.x, self.y, self.ax
        cheeks, lip, chin = p.beard
        mouth = self.mouth_y
        inwards = np.maximum(0.95 - ax, 0)
        jaw = _rise(y - 0.3 - 0.55 * np.sqrt(inwards), -0.12, 0.12) * _rise(ax, 0.15, 0.45)
        jaw = np.maximum(jaw, _rise(ax, 0.8, 0.92) * _rise(y, -0.1, 0.2))
        low = _rise(y, mouth + 0.04, mouth + 0.2) * np.exp(-((x / (0.75 if cheeks else 0.36)) ** 4))
        top, bottom = p.nose_length + 0.06, mouth - 0.4 * p.lip_upper
        middle, high, wide = (top + bottom) / 2, max(0.62 * (bottom - top), 0.05), p.mouth_width + 0.06
        # Three half-heights and half-widths away it is below 1e-30.
        at = self.window(middle - 3 * high, middle + 3 * high + 0.5 * (3 * wide) ** 2, 3 * wide)
        band = (y[at] - middle - 0.5 * x[at] * x[at]) / high
        moustache = np.exp(-(band**4)) * np.exp(-((x[at] / wide) ** 6))
        density = np.maximum(cheeks * jaw, chin * low)
        density[at] = np.maximum(density[at], lip * moustache)
        speckle = 0.88 + 0.12 * np.sin(61 * x + 2 * np.sin(31 * y)) * np.sin(37 * y + 9 * ax)
        _paint(face, _linear(p.beard_colour), np.clip(density * speckle, 0, 0.95))

    def _nose(self, face: _Plane) -> None:
        p = self.person
        at = self.window(p.nose_length - 0.3, p.nose_length + 0.2, 0.6)
        y, ax, face = self.y[at], self.ax[at], face[:, *at]
        hole = np.hypot((ax - 0.5 * p.nose_width) / (0.3 * p.nose_width + 0.01), (y - p.nose_length - 0.005) / 0.032)
        face *= 1 - 0.62 * (1 - _rise(hole, 0.4, 1.4))
        wing = np.hypot((ax - 0.62 * p.nose_width) / (0.5 * p.nose_width), (y - p.nose_length + 0.06) / 0.1)
        face *= 1 - 0.3 * _line(wing - 1, 0.2) * _rise(ax, 0.8 * p.nose_width, 1.05 * p.nose_width)

    def _mouth(self, face: _Plane) -> None:
        p, s = self.person, self.scene
        at = self.window(self.mouth_y - 0.35, self.mouth_y + 0.4, 0.7)
        x, y, face = self.x[at], self.y[at], face[:, *at]
        wide, smile = p.mouth_width * (1 + 0.22 * s.smile), max(s.smile, 0)
        u = np.clip(np.abs(x) / wide, 0, 1)
        arc = 1 - u * u
        middle = y - self.mouth_y + 0.2 * s.smile * (u * u - 0.35) - 0.008 * np.cos(7 * u)
        open_ = s.mouth_open * (0.06 + 0.6 * (p.lip_lower + p.lip_upper))
        gap = 0.5 * open_ * arc
        bow = 1 - 0.3 * _line(u, 0.16) + 0.1 * _line(u - 0.3, 0.2)
        upper = p.lip_upper * (1 - 0.25 * smile) * arc**0.7 * bow
        lower = p.lip_lower * (1 - 0.25 * smile) * arc**0.7
        within = self.inside(np.abs(x) - wide, 3)
        lips = self.inside(np.maximum(-middle - gap - upper, middle - gap - lower), 3) * within
        colour = _linear(p.lip_colour) * (0.78 + 0.3 * _rise(middle, -0.01, 0.03))
        colour = colour + 0.05 * _bump(x, middle, 0, 0.5 * (p.lip_lower + open_), 0.45 * wide, 0.022)
        _paint(face, colour, 0.9 * lips)
        if s.mouth_open > 0.05:
            teeth = 0.9 * (1 - _rise(middle, 0.1 * open_, 0.45 * open_)) * (0.5 + 0.5 * arc)
            _paint(face, 0.02 + teeth * _linear((0.93, 0.91, 0.86)), self.inside(np.abs(middle) - gap, 2) * within)
        crack = _line(np.abs(middle) - gap, 0.018) * within
        face *= 1 - 0.65 * crack * (0.6 + 0.4 * u)

    def _brows(self, face: _Plane) -> None:
        p, s = self.person, self.scene
        at = self.window(-0.75, 0.0, 0.95)
        y, ax, face = self.y[at], self.ax[at], face[:, *at]
        u = (ax - p.eye_spacing) / 0.28
        above = p.brow_height + s.brow_raise + p.brow_arch * (1 - (u - 0.25) ** 2) + p.brow_tilt * 0.28 * u
        thick = p.brow_thickness * (1 - 0.6 * _rise(u, -0.3, 1.2))
        hairs = 0.94 + 0.06 * np.sin(75 * ax + 40 * y)
        dense = 1 - _rise(np.abs(y + above) / thick, 0.5, 1.35)
        ends = _rise(u, -1.1, -0.75) * (1 - _rise(u, 0.8, 1.15))
        _paint(face, _linear(p.brow_colour), 0.92 * dense * ends * hairs)

    def _eyes(self, face: _Plane, glint: _Plane) -> None:
        """Both eyes. Their reflections go to `glint`, which is not shaded."""
        p, s = self.person, self.scene
        at = self.window(-0.4, 0.45, 0.85)
        x, y, ax, face = self.x[at], self.y[at], self.ax[at], face[:, *at]
        u = (ax - p.eye_spacing) / p.eye_width
        v = y + p.eye_tilt * (ax - p.eye_spacing)
        arc = np.clip(1 - u * u, 0, 1)
        lid = -p.eye_height * s.eye_opening * arc**0.65 * (1 - 0.12 * u)
        under = 0.72 * p.eye_height * (0.55 + 0.45 * s.eye_opening) * arc**0.8
        eye = self.inside(np.maximum(lid - v, v - under), 2) * (np.abs(u) < 1)
        radius = 0.105
        ix = np.sign(x) * (ax - p.eye_spacing) - 0.5 * radius * s.gaze[0]
        iy = y + 0.01 - 0.5 * radius * s.gaze[1]
        r = np.hypot(ix, iy)
        white = 0.85 * (1 - 0.35 * np.exp(-np.maximum(v - lid, 0) / 0.04)) * (0.75 + 0.25 * arc)
        _paint(face, white * np.array([1.0, 0.95, 0.92], np.float32)[:, None, None], eye)
        iris = _linear(p.eye_colour) * ((0.65 + 0.7 * _rise(iy, -0.07, 0.09)) * (1 - 0.6 * _rise(r, 0.08, radius)))
        _paint(face, iris, eye * self.inside(r - radius, 2))
        _paint(face, np.zeros_like(iris), eye * self.inside(r - 0.042, 2))
        near = np.abs(u) < 1.1
        face *= 1 - 0.88 * _line(v - lid, p.lashes) * near * _rise(u, -1.25, -0.6)
        face *= 1 - 0.35 * _line(v - under, 0.014) * near
        crease = 0.2 + 0.3 * min(p.eye_depth, 1)
        face *= 1 - crease * _line(v - lid + 0.045 + 0.02 * p.eye_depth, 0.02) * np.clip(1.15 - u * u, 0, 1)
        face *= 1 - (0.05 + 0.3 * p.age) * _line(v - under - 0.075 * arc - 0.01, 0.028) * arc
        glint[at] = 0.8 * eye * self.inside(np.hypot(ix - 0.03, iy + 0.035) - 0.02, 2)

    def hair_in_front(self) -> None:
        p, x, y, ax = self.person, self.x, self.y, self.ax
        temple = 0.76 * p.width
        line = -p.hairline + (p.hairline + min(p.hair_length, 0.3)) * _rise(ax, temple, temple + 0.24)
        line -= p.recession * _line(ax - 0.48, 0.2)
        if p.hairline < 1.2:
            from_part = np.sign(p.parting) * (p.parting - x)
            line += p.fringe * _rise(from_part, -0.45, 0.35) * (1 - _rise(ax, 0.75, 1))
            line += 0.5 * p.sweep * np.clip(x - p.parting, -0.6, 0.6)
        if p.hair_length > 0.5:
            inner = p.width * (0.86 + 0.05 * np.sin(2 * y + 5 * p.parting))
            line = np.where(ax > inner, p.hair_length, line)
        d = np.maximum(self.hair, y - line - np.where(p.curl > 0.2, 0.12, 0.25) * (self.strands - 1))
        if p.hairline >= 1.2:
            d = np.maximum(d, -0.5 - y)
        cover = self.inside(d, 4)
        self.light *= 1 - 0.4 * np.exp(-np.clip(d, 0, None) / 0.06) * self.skin_mask
        gloss = _line(y + 0.95 - 0.3 * x * x, 0.17) * self.shade * (1 - p.curl)
        lit = _linear(p.hair_colour) * (self.strands * (0.22 + 0.9 * self.shade) * (1 + 0.35 * gloss)) + 0.012 * gloss
        _paint(self.light, lit, cover)

    def glasses(self, colour: Colour) -> None:
        p = self.person
        wide, high, power = p.glasses_shape
        at = self.window(-0.45, 0.5, 1.1)
        x, y, ax = self.x[at], self.y[at], self.ax[at]
        u, v = np.abs(ax - p.eye_spacing) / wide, np.abs(y - 0.03) / high
        d = ((u**power + v**power + 1e-6) ** (1 / power) - 1) * min(wide, high)
        arch = 0.04 * (1 - (x / 0.14) ** 2)
        bridge = np.maximum(np.abs(y + 0.03 + arch) - 0.02, ax - p.eye_spacing + wide)
        arm = np.maximum(np.abs(y + 0.02) - 0.022, np.maximum(p.eye_spacing + wide - ax, ax - p.width))
        light = self.light[:, *at]
        _paint(light, np.ones((3, 1, 1), np.float32), 0.025 * self.inside(d, 2) * (1 + np.sin(5 * (x + y))))
        frame = self.inside(np.minimum(np.minimum(np.abs(d) - p.glasses_rim, bridge), arm))
        _paint(light, _linear(colour) * (0.4 + 0.5 * self.shade[at]), frame)


def _paint(onto: _Plane, colour: _Plane, alpha: _Plane) -> None:
    """Mix (3, h, w) `colour` into `onto`, in place; `alpha` (h, w) is the share of `colour`, 0 to 1."""
    onto += alpha * (colour - onto)
