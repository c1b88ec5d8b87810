"""Drawn people: faces of nobody, so that the truth is known.

A person is about forty numbers (`DrawnPerson`). A photo is a person in a pose, a light, an expression and in front of
a background (`Scene`), drawn by `drawing.py`. Photo k of person n of population s is always the same picture, in
whatever order photos are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.files import written_whole
from probablyexists.basis.seeds import rng
from probablyexists.drawn.drawing import Colour, DrawnPerson, Scene, draw

_SKIN = np.array([[0.95, 0.79, 0.70], [0.88, 0.68, 0.55], [0.74, 0.53, 0.39], [0.61, 0.42, 0.31], [0.45, 0.31, 0.235]])
"""From light to dark, evenly spaced over `complexion`, 0 to 1."""
_HAIR = {
    "black": (0.09, 0.08, 0.08),
    "dark brown": (0.19, 0.12, 0.09),
    "brown": (0.34, 0.21, 0.13),
    "chestnut": (0.42, 0.20, 0.11),
    "red": (0.60, 0.27, 0.11),
    "dark blond": (0.58, 0.43, 0.26),
    "blond": (0.80, 0.65, 0.40),
}
_GREY = np.array([0.64, 0.63, 0.62])
_EYES = {
    "dark": (0.16, 0.09, 0.06),
    "brown": (0.34, 0.19, 0.09),
    "hazel": (0.42, 0.33, 0.15),
    "green": (0.33, 0.45, 0.28),
    "blue": (0.32, 0.50, 0.68),
    "grey": (0.46, 0.53, 0.57),
}
_LIPSTICKS = [(0.72, 0.10, 0.16), (0.60, 0.13, 0.28), (0.84, 0.33, 0.36), (0.45, 0.09, 0.13)]
_BEARDS = [(0.0, 0.0, 0.0), (0.35, 0.35, 0.35), (0.0, 0.9, 0.0), (0.0, 0.85, 0.9), (0.9, 0.9, 0.9)]
"""Clean, stubble, moustache, goatee, full: density on cheeks, upper lip and chin."""
_FRAMES = [(0.06, 0.05, 0.05), (0.32, 0.17, 0.08), (0.45, 0.08, 0.10), (0.55, 0.50, 0.42), (0.12, 0.18, 0.34)]


def draw_person(seed: int, number: int) -> DrawnPerson:
    """The `number`-th person of population `seed`."""
    r = rng(seed, "drawn person", number)

    def normal(mean: float, sd: float, low: float, high: float) -> float:
        return float(np.clip(r.normal(mean, sd), low, high))

    female = bool(r.random() < 0.5)
    age = float(r.uniform(0, 1) ** 1.5)
    complexion = float(r.uniform(0, 1))
    skin = np.array([np.interp(complexion, np.linspace(0, 1, len(_SKIN)), tone) for tone in _SKIN.T])
    skin = np.clip(skin * r.normal(1, [0.02, 0.025, 0.04]), 0, 1)
    fair = max(0.0, 1 - 2.2 * complexion)
    hair = _hair_colour(r, fair, age)
    lips = skin * [0.86, 0.62, 0.62] if complexion < 0.75 else skin * [0.95, 0.72, 0.72]
    if female and r.random() < 0.45:
        lips = 0.35 * lips + 0.65 * np.array(_LIPSTICKS[r.integers(len(_LIPSTICKS))])
    beard = _BEARDS[r.choice(5, p=[0.45, 0.17, 0.1, 0.12, 0.16])] if not female else _BEARDS[0]
    bald = not female and r.random() < 0.1 + 0.35 * age
    length = r.choice([0.15, 0.7, 1.15, 2.2], p=[0.15, 0.2, 0.25, 0.4] if female else [0.82, 0.1, 0.04, 0.04])
    eye_odds = np.array([0.5, 0.45, 0.1 + 0.2 * fair, 0.35 * fair, 0.7 * fair, 0.3 * fair])
    return DrawnPerson(
        seed=seed,
        number=number,
        skin=_colour(skin),
        blush=normal(0.35 if female else 0.2, 0.2, 0, 0.8),
        freckles=float(r.uniform(0.4, 1)) if r.random() < 0.3 * fair else 0.0,
        age=age,
        width=normal(0.97 if female else 1.0, 0.07, 0.82, 1.16),
        chin=normal(1.19 if female else 1.27, 0.1, 1.06, 1.52),
        jaw=normal(2.3 if female else 2.9, 0.6, 1.7, 4),
        taper=normal(0.22 if female else 0.14, 0.11, 0.04, 0.45),
        cheekbones=normal(0.5, 0.4, 0, 1.3),
        eye_spacing=normal(0.44, 0.04, 0.35, 0.53),
        eye_width=normal(0.215 if female else 0.2, 0.026, 0.145, 0.275),
        eye_height=normal(0.115 if female else 0.1, 0.022, 0.065, 0.16),
        eye_tilt=normal(0.03, 0.1, -0.2, 0.24),
        eye_depth=normal(0.55, 0.3, 0.05, 1.1),
        eye_colour=_EYES[r.choice(list(_EYES), p=eye_odds / eye_odds.sum())],
        lashes=normal(0.022 if female else 0.015, 0.004, 0.009, 0.032),
        brow_height=normal(0.275 if female else 0.235, 0.055, 0.16, 0.4),
        brow_thickness=normal(0.035 if female else 0.055, 0.02, 0.018, 0.1),
        brow_arch=normal(0.07 if female else 0.04, 0.055, -0.06, 0.18),
        brow_tilt=normal(-0.05, 0.11, -0.28, 0.2),
        nose_length=normal(0.5, 0.07, 0.34, 0.68),
        nose_width=normal(0.17 + 0.06 * complexion, 0.036, 0.115, 0.31),
        nose_bridge=normal(0.6, 0.28, 0.05, 1.2),
        nose_depth=normal(0.25, 0.06, 0.12, 0.4),
        mouth_height=normal(0.5, 0.09, 0.3, 0.7),
        mouth_width=normal(0.34, 0.055, 0.22, 0.48),
        lip_upper=normal(0.055 + 0.02 * female + 0.02 * complexion, 0.022, 0.018, 0.12),
        lip_lower=normal(0.08 + 0.02 * female + 0.025 * complexion, 0.028, 0.035, 0.17),
        lip_colour=_colour(lips),
        hair_colour=_colour(hair),
        hairline=normal(1.32 if bald else 0.82, 0.03 if bald else 0.09, 0.64, 1.45),
        recession=normal(0.0 if female else 0.12 + 0.15 * age, 0.08, 0, 0.4),
        hair_volume=0.0 if bald else normal(0.2, 0.11, 0.03, 0.5),
        hair_length=0.12 if bald else float(length + r.normal(0, 0.06)),
        fringe=0.0 if bald or r.random() < 0.55 else float(r.uniform(0.08, 0.34)),
        parting=float(r.uniform(-0.55, 0.55)),
        sweep=normal(0, 0.2, -0.35, 0.35) if not bald else 0.0,
        curl=float(r.uniform(0.4, 1)) if r.random() < 0.2 + 0.3 * complexion else float(r.uniform(0, 0.15)),
        beard=beard,
        beard_colour=_colour(hair * 0.9 + 0.02),
        brow_colour=_colour(hair * 0.75 + 0.05 * skin),
        glasses=_FRAMES[r.integers(len(_FRAMES))] if r.random() < 0.15 else None,
        glasses_shape=(float(r.uniform(0.27, 0.34)), float(r.uniform(0.18, 0.27)), float(r.uniform(2, 6))),
        glasses_rim=float(r.uniform(0.009, 0.02)),
        moles=tuple((float(r.uniform(-0.7, 0.7)), float(r.uniform(0.1, 0.95))) for _ in range(r.poisson(0.5))),
    )


def draw_scene(person: DrawnPerson, photo: int) -> Scene:
    """Pose, light, expression and background of the `photo`-th photo of a person."""
    r = rng(person.seed, "drawn photo", person.number, photo)

    def normal(sd: float, limit: float, mean: float = 0.0) -> float:
        return float(np.clip(r.normal(mean, sd), -limit, limit))

    smile = float(r.choice([normal(0.12, 0.35, mean=0.15), r.uniform(0.35, 0.8)], p=[0.45, 0.55]))
    warmth = normal(0.07, 0.15)
    tint = r.uniform(0.25, 0.8) + r.uniform(-0.16, 0.16, 3)
    return Scene(
        yaw=normal(9, 18),
        pitch=normal(4.5, 9),
        roll=normal(3.5, 8),
        shift=(normal(0.03, 0.06), normal(0.025, 0.05)),
        zoom=float(r.uniform(0.94, 1.06)),
        light_azimuth=normal(30, 55),
        light_elevation=normal(15, 65, mean=32),
        ambient=float(r.uniform(0.42, 0.66)),
        light_colour=(1 + warmth, 1.0, 1 - 1.2 * warmth),
        exposure=float(r.uniform(0.82, 1.18)),
        smile=smile,
        mouth_open=max(0.0, float(r.uniform(-0.6, 0.7)) if smile > 0.4 else float(r.uniform(-2, 0.5))),
        brow_raise=normal(0.025, 0.05),
        eye_opening=float(np.clip(r.normal(1, 0.1) - 0.18 * max(smile, 0), 0.65, 1.2)),
        gaze=(normal(0.25, 0.5), normal(0.12, 0.25)),
        background=(_colour(tint), _colour(tint + r.normal(0, 0.2) + r.normal(0, 0.05, 3))),
        clothes=_colour(r.uniform(0.08, 0.85, 3)),
        blur=float(r.uniform(0, 0.7)),
        noise=float(r.uniform(0.004, 0.016)),
        dapple=float(r.uniform(0.07, 0.13)),
        grain=int(r.integers(2**31)),
    )


def draw_photo(person: DrawnPerson, photo: int, size: int = 128) -> NDArray[np.uint8]:
    """The `photo`-th photo of a person: (size, size, 3) RGB, a face crop as generators give."""
    return draw(person, draw_scene(person, photo), size)


def write_population(
    folder: Path,
    people: Iterable[int],
    photos: Iterable[int],
    seed: int = 0,
    size: int = 128,
    kind: Literal["png", "jpg"] = "png",
) -> None:
    """Write one folder a person (`person-0007`) with one file a photo (`003.png`); `photos`: their numbers."""
    from PIL import Image

    numbers = list(photos)
    for number in people:
        person = draw_person(seed, number)
        for photo in numbers:
            with written_whole(folder / f"person-{number:04d}" / f"{photo:03d}.{kind}") as aside:
                picture = Image.fromarray(draw_photo(person, photo, size))
                picture.save(aside, format="PNG" if kind == "png" else "JPEG", quality=92)


def _hair_colour(r: np.random.Generator, fair: float, age: float) -> NDArray[np.float64]:
    odds = np.array([0.5, 0.6, 0.4 * fair + 0.1, 0.3 * fair, 0.25 * fair, 0.5 * fair, 0.5 * fair])
    colour = np.array(_HAIR[r.choice(list(_HAIR), p=odds / odds.sum())]) * r.normal(1, 0.06, 3)
    grey = float(np.clip(1.8 * age - 0.9 + r.normal(0, 0.25), 0, 1))
    return np.clip(colour + grey * (_GREY - colour), 0.03, 0.95)


def _colour(values: NDArray[np.float64]) -> Colour:
    red, green, blue = (float(v) for v in np.clip(values, 0, 1))
    return red, green, blue
