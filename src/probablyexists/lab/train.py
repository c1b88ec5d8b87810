"""Train one generator: one seed a step, resumed to the same bits, stopped when a gradient is not finite."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from probablyexists.basis.errors import InputError, TrainingError
from probablyexists.basis.files import write_text
from probablyexists.basis.plain_files import MOST_RESULT, json_object
from probablyexists.basis.progress import Progress
from probablyexists.lab.checkpoint import load_state, save_generator, save_state
from probablyexists.lab.contact_sheet import write_sheet
from probablyexists.lab.machine import Machine
from probablyexists.lab.procedures import Procedure, procedure
from probablyexists.lab.training import Training
from probablyexists.networks.augment import diff_augment
from probablyexists.networks.build import build_discriminator, build_generator
from probablyexists.networks.fast.fast import twice_differentiable

EMA_IMAGES = 20_000
"""Half-life of the average of weights, in training images, as Karras et al. 2020 count it."""
EMA_RAMP = 0.05
"""Early on the half-life is at most this share of the images seen."""
SAVE_SECONDS = 120
"""A run that is killed loses at most this much."""


@dataclass(frozen=True)
class Trained:
    """A finished run."""

    generator: Path
    """Folder of the final generator."""
    snapshots: Mapping[int, Path]
    """Images seen -> folder; the final one is among them."""
    images: int
    seconds: float
    """Of training, interruptions not counted."""


class Game:
    """Networks, their optimisers, and the average of the generator's weights, from which samples are drawn."""

    def __init__(self, settings: Training, machine: Machine) -> None:
        self.settings, self.machine = settings, machine
        self.procedure: Procedure = procedure(settings.procedure)
        given = settings.penalty_weight
        self.penalty_weight = self.procedure.penalty_weight if given is None else given
        torch.manual_seed(seed_of(settings.seed, "weights"))
        self.generator = machine.place(build_generator(settings.generator_spec))
        self.optimiser_g = self._adam(self.generator)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.discriminator: nn.Module | None = None
        # By their names in a checkpoint.
        self.modules: dict[str, nn.Module] = {"generator": self.generator, "average": self.average}
        self.optimisers: dict[str, torch.optim.Optimizer] = {"optimiser_g": self.optimiser_g}
        if self.procedure.d_loss is not None:
            self.discriminator = machine.place(build_discriminator(settings.discriminator_spec))
            self.penalised = twice_differentiable(self.discriminator)
            self.optimiser_d = self._adam(self.discriminator)
            self.modules["discriminator"], self.optimisers["optimiser_d"] = self.discriminator, self.optimiser_d

    def _adam(self, module: nn.Module) -> torch.optim.Optimizer:
        held = [_in_memory_order(p.detach(), p) for p in module.parameters()]
        return torch.optim.Adam(held, self.settings.lr or self.procedure.lr, self.procedure.betas, fused=True)

    @property
    def images_a_step(self) -> int:
        """Training images that one step shows."""
        return self.settings.batch * self.procedure.n_critic

    def step(self, number: int, photos: torch.Tensor) -> dict[str, float]:
        """One generator step with its discriminator steps; the losses. `photos`: (n, 3, size, size) uint8."""
        torch.manual_seed(seed_of(self.settings.seed, "step", number, 0))  # 0: part of the seeds of all runs so far
        if self.discriminator is None:
            losses = {"loss": self._denoise(photos)}
        else:
            d_losses = [self._discriminate(number, photos) for _ in range(self.procedure.n_critic)]
            losses = {"d_loss": d_losses[-1], "g_loss": self._generate(photos)}
        self._follow((number + 1) * self.images_a_step)
        return losses

    def _denoise(self, photos: torch.Tensor) -> float:
        with self.machine.autocast():
            loss = self.generator.loss(self._real(photos))  # type: ignore[operator]
        return self._descend(loss, self.generator, self.optimiser_g, "the denoiser")

    def _discriminate(self, number: int, photos: torch.Tensor) -> float:
        assert self.discriminator is not None
        assert self.procedure.d_loss is not None
        with self.machine.autocast():
            with torch.no_grad():
                fake = self.generator(self._latents())
            real, fake = self._augmented(self._real(photos)), self._augmented(fake)
            of_real, of_fake = self.discriminator(real, fake).float().chunk(2)
            loss = self.procedure.d_loss(of_real, of_fake)
            if self.procedure.penalty is not None and number % self.procedure.penalty_every == 0:
                penalty = self.penalty_weight * self.procedure.penalty(self.penalised, real, fake)
                loss = loss + self.procedure.penalty_every * penalty
        return self._descend(loss, self.discriminator, self.optimiser_d, "the discriminator")

    def _generate(self, photos: torch.Tensor) -> float:
        assert self.discriminator is not None
        assert self.procedure.g_loss is not None
        self.discriminator.requires_grad_(False)
        with self.machine.autocast():
            fake = self._augmented(self.generator(self._latents()))
            batches = (self._augmented(self._real(photos)), fake) if self.procedure.pairs else (fake,)
            loss = self.procedure.g_loss(*self.discriminator(*batches).float().chunk(len(batches)))
        found = self._descend(loss, self.generator, self.optimiser_g, "the generator")
        self.discriminator.requires_grad_(True)
        return found

    def _descend(self, loss: torch.Tensor, module: nn.Module, optimiser: torch.optim.Optimizer, whose: str) -> float:
        module.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for held, p in zip(optimiser.param_groups[0]["params"], module.parameters(), strict=True):
            held.grad = None if p.grad is None else _in_memory_order(p.grad, p)
        norm = torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])
        if not bool(torch.isfinite(norm)):
            raise TrainingError(f"the gradient of {whose} is not finite (loss {float(loss.detach()):.3g})")
        optimiser.step()
        return float(loss.detach())

    def _real(self, photos: torch.Tensor) -> torch.Tensor:
        """A batch drawn with replacement, half of it mirrored, in [-1, 1]."""
        batch = self.settings.batch
        images = photos[torch.randint(len(photos), (batch,)).to(photos.device)].float() / 127.5 - 1
        if self.settings.mirror:
            turned = torch.rand(batch).to(images.device) < 0.5
            images = torch.where(turned[:, None, None, None], images.flip(3), images)
        return images.contiguous(memory_format=self.machine.layout)

    def _latents(self) -> torch.Tensor:
        shape: tuple[int, ...] = self.generator.latent_shape  # type: ignore[assignment]
        return torch.randn(self.settings.batch, *shape).to(self.machine.device)

    def _augmented(self, images: torch.Tensor) -> torch.Tensor:
        return diff_augment(images) if self.settings.augment else images

    @torch.no_grad()
    def _follow(self, images: int) -> None:
        """Move the average towards the generator; buffers (statistics of batch norm) too."""
        half_life = min(EMA_IMAGES, EMA_RAMP * images)
        stay = 0.5 ** (self.images_a_step / max(half_life, 1e-8))
        pairs = list(zip(self.average.state_dict().values(), self.generator.state_dict().values(), strict=True))
        moving = [(mine, other) for mine, other in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in moving], [other for _, other in moving], 1 - stay)
        for mine, other in pairs:
            if not mine.is_floating_point():
                mine.copy_(other)


def _in_memory_order(numbers: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """`numbers`, with the shape and layout of `weight`, as a view whose order is the order in memory.

    Adam would copy a gradient with another layout at every step.
    """
    if weight.dim() == 4 and weight.is_contiguous(memory_format=torch.channels_last):
        return numbers.permute(0, 2, 3, 1)
    return numbers


def seed_of(*names: str | int) -> int:
    """A seed for torch, from the names of what it is for."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def train(
    settings: Training,
    photos: NDArray[np.uint8],
    folder: Path,
    machine: Machine,
    progress: Progress,
    save_seconds: float = SAVE_SECONDS,
) -> Trained:
    """Train on (n, size, size, 3) photos until the budget is spent; a run in `folder` is continued.

    A continued run ends with the same weights as one that was never stopped (on the same machine, with the same number
    of threads). Raises TrainingError, with the step, when a gradient is not finite, and InputError when the folder
    holds another run.
    """
    if (settings.images is None) == (settings.minutes is None):
        raise InputError("training: give a budget, either images or minutes")
    if photos.shape[1:] != (settings.size, settings.size, 3):
        raise InputError(f"training: photos are {photos.shape[1:]}, expected ({settings.size}, {settings.size}, 3)")
    with torch.random.fork_rng():
        return _Run(settings, photos, folder, machine).go_on(progress, save_seconds)


class _Run:
    """A run from its first step, or from the folder's checkpoint if there is one."""

    def __init__(self, settings: Training, photos: NDArray[np.uint8], folder: Path, machine: Machine) -> None:
        self.settings, self.folder, self.machine = settings, folder, machine
        self.game = Game(settings, machine)
        self.photos = torch.from_numpy(np.ascontiguousarray(photos.transpose(0, 3, 1, 2))).to(machine.device)
        digest = hashlib.sha256(np.ascontiguousarray(photos).data).hexdigest()
        self.identity = {**settings.named(), "photos_sha256": digest}
        self.done, self.seconds = 0, 0.0
        self.log: list[dict[str, float]] = []
        for left in folder.glob(".*.part"):  # by a run that was killed; as large as a checkpoint
            left.unlink(missing_ok=True)
        if (folder / "checkpoint.json").exists():
            state = json_object(folder / "checkpoint.json", MOST_RESULT)
            if state["training"] != self.identity:
                held = {**dict.fromkeys(self.identity), **state["training"]}
                there = [
                    "other photos" if key == "photos_sha256" else f"{key} {value!r}"
                    for key, value in held.items()
                    if value != self.identity.get(key)
                ]
                raise InputError(
                    f"{folder}: holds a run with other settings or photos ({', '.join(there)}); give another folder"
                )
            load_state(folder / state["tensors"], self.game.modules, self.game.optimisers)
            self.done, self.seconds, self.log = state["steps"], state["seconds"], state["log"]

    def go_on(self, progress: Progress, save_seconds: float) -> Trained:
        """Step until the budget is spent; save snapshots, sheets and checkpoints."""
        title = f"training {self.settings.procedure}"
        total = max(1, round(self.settings.images / self.game.images_a_step)) if self.settings.images else 0
        limit = 60 * (self.settings.minutes or 0)
        keep = {max(1, round(share * total)) for share in self.settings.snapshots} if total else set()
        begun, saved = time.monotonic(), time.monotonic()
        before = self.seconds
        if self.done:
            progress.say(f"{self.folder}: holds this run after {self._images:,} images; it goes on from there")
        with progress.stage(title, total or None) as bar:
            bar.advance(self.done)
            while self.done < total or self.seconds < limit:
                try:
                    losses = self.game.step(self.done, self.photos)
                except TrainingError as error:
                    raise TrainingError(
                        f"{title}, step {self.done}: {error}; {self.folder} keeps the last checkpoint; "
                        "try another seed, more photos or --augment"
                    ) from None
                self.done += 1
                bar.advance()
                self.seconds = before + time.monotonic() - begun
                if self.done % 50 == 0:
                    self.log.append({"step": self.done, "seconds": round(self.seconds, 1), **losses})
                if self.done in keep:
                    self._keep(self._snapshot(self.done))
                if time.monotonic() - saved > save_seconds:
                    self._save()
                    write_sheet(self.folder / "sheet.png", self.game.average, self.machine)
                    saved = time.monotonic()
        self._save()
        final = self.folder / "generator"
        self._keep(final)
        found = {s * self.game.images_a_step: self._snapshot(s) for s in sorted(keep) if s < self.done}
        return Trained(final, {**found, self._images: final}, self._images, self.seconds)

    @property
    def _images(self) -> int:
        return self.done * self.game.images_a_step

    def _snapshot(self, steps: int) -> Path:
        return self.folder / "snapshots" / f"{steps * self.game.images_a_step:09d}"

    def _keep(self, folder: Path) -> None:
        about = {"images": self._images, "training": self.identity}
        save_generator(folder, self.game.average, self.settings.generator_spec, about)
        write_sheet(folder / "sheet.png", self.game.average, self.machine)

    def _save(self) -> None:
        """The tensors first, in a file of a new name; the JSON file that names it last."""
        name = f"checkpoint-{self.done:09d}.safetensors"
        save_state(self.folder / name, self.game.modules, self.game.optimisers)
        state = {"training": self.identity, "steps": self.done, "seconds": self.seconds, "tensors": name}
        write_text(self.folder / "checkpoint.json", json.dumps({**state, "log": self.log}) + "\n")
        for old in self.folder.glob("checkpoint-*.safetensors"):
            if old.name != name:
                old.unlink()
