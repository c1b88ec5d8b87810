"""Does the user's own attack, recogniser or generator do what an audit relies on?

Each check calls the object with small inputs and returns a list of problems in plain words; an empty list is a pass.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Attack, attack_problems, guarded
from probablyexists.basis.errors import ProbablyExistsError
from probablyexists.basis.own_code import problems_of
from probablyexists.embeddings.embed import embedded
from probablyexists.embeddings.recognisers import Recogniser, recogniser_problems
from probablyexists.generators.open_generator import open_generator
from probablyexists.matching.crowd import Faces, Photos, Reference
from probablyexists.matching.matcher import HERE

SIDE = 48
"""Side, in pixels, of the grey pictures that attacks get."""


def check_attack(attack: Attack) -> list[str]:
    """Problems of an attack: see `Attack`.

    Checked on random embeddings: attributes, shapes, finite scores, that a score does not depend on other faces, and
    that faces among the samples score higher on average than strangers.
    """
    problems = attack_problems(attack)
    if problems:
        return problems
    draw = np.random.default_rng(0)
    samples, photos = Photos(*_drawn(draw, 200)), Photos(*_drawn(draw, 80))
    faces = Faces(photos.embeddings.reshape(40, 2, -1), photos.pictures.reshape(40, 2, SIDE, SIDE))
    reference = Reference(*_drawn(draw, 90), np.repeat(np.arange(30), 3))
    try:
        score = guarded(attack, samples, reference, HERE)
        whole = score(faces)
        parts = np.concatenate([score(faces.take(np.array([i]))) for i in range(len(faces))])
        with_them = guarded(attack, samples.and_(photos), reference, HERE)(faces)
    except ProbablyExistsError as error:
        return [str(error)]
    if not np.allclose(whole, parts, rtol=1e-5, atol=1e-5):
        problems.append("a person's score changes with the other people scored")
    elif not with_them.mean() > whole.mean():
        problems.append("people whose photos are among the samples score no higher; a higher score must mean a member")
    return problems


def check_recogniser(recogniser: Recogniser) -> list[str]:
    """Problems of a recogniser: see `Recogniser`.

    Checked on random chips: attributes, shapes, unit length, that an embedding does not depend on other faces, and
    that the object can be pickled for other machines.
    """
    problems = recogniser_problems(recogniser)
    if problems:
        return problems
    side = recogniser.side
    chips = np.random.default_rng(0).integers(0, 256, (5, side, side, 3), dtype=np.uint8)
    try:
        whole = embedded(chips, recogniser)
        parts = np.concatenate([embedded(chips[i : i + 1], recogniser) for i in range(len(chips))])
    except ProbablyExistsError as error:
        return [str(error)]
    if np.allclose(whole, whole[0], atol=1e-6):
        problems.append("every face gives the same embedding")
    if not np.allclose(whole, parts, atol=1e-4):
        problems.append("an embedding changes with the other faces of its batch")
    try:
        pickle.dumps(recogniser)
    except Exception as error:  # pickling raises any kind of exception
        problems.append(f"it cannot be pickled, as other machines need ({type(error).__name__}: {error})")
    return problems


def check_generator(generator: Any) -> list[str]:
    """Problems of a generator: a `Generator`, a `torch.nn.Module` with `latent_shape`, or a function of seeds.

    Checked on the seeds 0 to 3: shapes, values, and that the picture of a seed depends on that seed alone.
    """
    try:
        opened = open_generator(generator)
    except ProbablyExistsError as error:
        return [str(error)]
    except Exception as error:  # the user's own code
        return [f"it raised {type(error).__name__}: {error}"]
    if opened is None:
        return [f"{generator!r} is not a generator; give a function from seeds to images, or a Generator"]
    problems = problems_of(opened, id=str, sample=None)
    if problems:
        return problems
    try:
        pictures: NDArray[Any] = np.asarray(opened.sample([0, 1, 2, 3]))
    except ProbablyExistsError as error:
        return [str(error)]
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[0] != 4 or pictures.shape[3] != 3:
        problems = [f"sample returned {pictures.dtype} {pictures.shape} for 4 seeds; it must return uint8 (4, h, w, 3)"]
    elif (pictures[0] == pictures[1:]).all():
        problems = ["every seed gives the same picture"]
    return problems


def _drawn(draw: np.random.Generator, n: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    x = draw.normal(size=(n, 128)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x, draw.integers(0, 256, (n, SIDE, SIDE), dtype=np.uint8)
