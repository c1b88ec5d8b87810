"""Attacks that open the victim: with the generator's gradients, or with the discriminator of the training.

They look at photos one by one, as cropped for training. They are slow, so that the strangers are a random few. They
learn from no reference people, so that there are no folds. The blind attacker has untrained networks.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from probablyexists.answers.membership import Population, populations
from probablyexists.attacks.attack import Faces, Scorer
from probablyexists.basis.plain_files import MOST_RESULT, json_object
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import recognise
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.lab.checkpoint import load_state
from probablyexists.lab.experiment import Run
from probablyexists.lab.sets import read_files
from probablyexists.lab.training import Training
from probablyexists.lab.white_box.denoising import pia, plain_loss, secmi
from probablyexists.lab.white_box.latent_search import reconstruction_errors
from probablyexists.lab.white_box.logan import logits
from probablyexists.lab.white_box.steering import AFTER, LEVELS, NOISES, projected, redrawn
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.matching.templates import People, templates
from probablyexists.networks.build import build_discriminator, build_generator
from probablyexists.tasks.gather import Gathered

N_STRANGERS, MOST_PHOTOS = 100, 3
"""Most strangers, and most photos of a person, that are scored."""
BATCH = 64
"""Pictures recognised at a time."""


@dataclass(frozen=True)
class Shown:
    """Photos that an opened network is shown."""

    pictures: NDArray[np.uint8]
    """(n, side, side, 3)"""
    embeddings: NDArray[np.float32]
    """(n, dim)"""
    recogniser: Recogniser
    seed: int


Look = Callable[["nn.Module", Shown], NDArray[np.floating]]
"""(network, photos) -> (n, d) numbers of each photo."""
Steer = Callable[["nn.Module", NDArray[np.uint8], int], NDArray[np.uint8]]
"""(network, (n, side, side, 3) photos, seed) -> (n, m, side, side, 3) pictures."""


def _mean(faces: Faces) -> NDArray[np.float64]:
    return np.asarray(faces.embeddings[:, :, 0].mean(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class WhiteBox:
    """An attack that opens one of the victim's networks."""

    opens: Literal["generator", "discriminator"]
    diffusion: bool
    """Whether it opens diffusion models; else GANs."""
    look: Look
    score: Scorer = _mean
    """Of people, from the numbers of their photos in place of embeddings; higher = more likely a member."""


def steered(steer: Steer) -> Look:
    """Of each photo its embedding, followed by those of the pictures made when the generator is steered to it."""

    def look(network: nn.Module, shown: Shown) -> NDArray[np.floating]:
        made = steer(network, shown.pictures, shown.seed)
        near = _recognised(made.reshape(-1, *made.shape[2:]), shown.recogniser)
        return np.concatenate([shown.embeddings, near.reshape(len(made), -1)], axis=1)

    return look


def nearest_of(made: int) -> Scorer:
    """Largest cosine of a person's template with any of the `made` pictures of each photo: as of the nearest sample."""

    def score(faces: Faces) -> NDArray[np.float64]:
        n, k, wide = faces.embeddings.shape
        of_each = faces.embeddings.reshape(n, k, made + 1, wide // (made + 1))
        near = of_each[:, :, 1:].reshape(n, k * made, -1)
        return np.asarray(np.einsum("pmd,pd->pm", near, templates(of_each[:, :, 0])).max(axis=1), dtype=np.float64)

    return score


WHITE_BOX: Mapping[str, WhiteBox] = {
    "latent-search/1": WhiteBox(
        "generator", False, lambda net, shown: -reconstruction_errors(net, shown.pictures, seed=shown.seed)[:, None]
    ),
    "logan/1": WhiteBox("discriminator", False, lambda net, shown: logits(net, shown.pictures)[:, None]),
    "steered-projection/1": WhiteBox("generator", False, steered(projected), nearest_of(len(AFTER))),
    "steered-denoising/1": WhiteBox("generator", True, steered(redrawn), nearest_of(len(LEVELS) * NOISES)),
    "denoising-loss/1": WhiteBox(
        "generator", True, lambda net, shown: plain_loss(net, shown.pictures, shown.seed)[:, None]
    ),
    "pia/1": WhiteBox("generator", True, lambda net, shown: pia(net, shown.pictures)[:, None]),
    "secmi/1": WhiteBox("generator", True, lambda net, shown: secmi(net, shown.pictures)[:, None]),
}
"""By id."""


def left_behind(training: Training, folder: Path) -> list[str]:
    """The attacks that can open this run."""
    if not (folder / "training" / "checkpoint.json").exists():
        return []
    return [name for name, attack in WHITE_BOX.items() if attack.diffusion == (training.procedure == "diffusion")]


def white_box_scores(
    gathered: Gathered, run: Run, folder: Path, attack: WhiteBox
) -> Iterator[tuple[bool, list[Population]]]:
    """(whether blind, populations)"""
    crowds = gathered.crowds
    sides = [crowds.training, crowds.heldout] + ([] if crowds.unseen is None else [crowds.unseen])
    k = min(MOST_PHOTOS, common_count(*(side.people.counts for side in sides)))
    enough = np.flatnonzero(crowds.heldout.people.counts >= k)
    chosen = np.sort(rng(run.seed, "lab", "white box").permutation(enough)[:N_STRANGERS])
    for is_blind in (False, True):
        how = k, _network(run.training, folder, attack, drawn=is_blind), attack, run.seed, gathered.recognisers[0]
        unseen = None if crowds.unseen is None else _scored(crowds.unseen, *how)
        heldout = _scored(crowds.heldout.some(chosen), *how)
        yield is_blind, populations(_scored(crowds.training, *how), unseen, heldout, attack.score)


def _scored(crowd: Crowd, k: int, network: nn.Module, attack: WhiteBox, seed: int, recogniser: Recogniser) -> Crowd:
    """Everybody's first k photos, with the attack's numbers of each as its embedding."""
    rows = [own[:k] for own in crowd.people.rows]
    ends = np.cumsum([0, *map(len, rows)])
    people = People(crowd.people.names, tuple(np.arange(low, high) for low, high in pairwise(ends)))
    table = crowd.table.take(np.concatenate(rows))
    pictures = read_files([Path(photo.path) for photo in table.photos])
    found = attack.look(network, Shown(pictures, table.embeddings, recogniser, seed))
    return Crowd(replace(table, embeddings=found.astype(np.float32)), people)


def _recognised(pictures: NDArray[np.uint8], recogniser: Recogniser) -> NDArray[np.float32]:
    """(n, dim) embeddings of (n, side, side, 3) crops; zeros for a flat one, which is like nobody."""
    found = np.zeros((len(pictures), recogniser.dim), np.float32)
    for start in range(0, len(pictures), BATCH):
        files = [(b"", _png(picture)) for picture in pictures[start : start + BATCH]]
        for i, row in enumerate(recognise(files, "aligned", recogniser), start):
            if row.embedding is not None:
                found[i] = row.embedding
    return found


def _png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _network(training: Training, folder: Path, attack: WhiteBox, *, drawn: bool) -> nn.Module:
    """The averaged generator or the discriminator of a finished run, in `eval`; `drawn`: with new random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if attack.opens == "generator":
            network, name = build_generator(training.generator_spec), "average"
        else:
            network, name = build_discriminator(training.discriminator_spec), "discriminator"
    if not drawn:
        state = json_object(folder / "training" / "checkpoint.json", MOST_RESULT)
        load_state(folder / "training" / state["tensors"], {name: network}, {})
    return network.eval()
