"""What a run will cost, before it is carried out: hours of training and sampling, and memory.

One training step of the run's own networks is carried out and measured. Nothing is kept of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from probablyexists.basis.progress import Progress
from probablyexists.lab.experiment import Run
from probablyexists.lab.machine import Machine
from probablyexists.lab.train import Game
from probablyexists.lab.training import Training

FEW = 4
"""Images in the step that is measured first; if that was quick, a whole batch is measured."""
QUICK = 0.1
"""Seconds."""
AT_ONCE = 64
"""Pictures that an audit draws in one call."""
ASSUMED_RATE, ASSUMED_CALL = 2e13, 1e-5
"""Of a GPU that is not here: operations a second, and the seconds that each call of it takes at least. The rate is a
fifteenth of what an A100 is said to do in bfloat16 (NVIDIA's data sheet, 2020), as small networks leave most of a GPU
idle. Assumptions, not measurements."""


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    seconds: float
    """Of training and sampling; not of crops and the audit."""
    memory: int
    """Bytes of the device that training takes: weights, gradients, moments, the average, and what the backward pass
    needs of the forward pass. Beside it, the driver and the libraries take their own."""


def forecasts(runs: Sequence[Run], machine: Machine, progress: Progress, *, assumed: bool = False) -> list[Cost | None]:
    """The cost of each; None where the budget is in minutes and so says nothing of images.

    `machine`: on which the steps are carried out. `assumed`: the runs are for a GPU that is not here, of
    `ASSUMED_RATE`. Runs that differ in seed and images alone are measured once.
    """
    kinds = list(dict.fromkeys(_kind(run) for run in runs if run.training.images))
    known: dict[Training, _Measured] = {}
    with progress.stage("one step of each kind of run", len(kinds)) as bar:
        for kind in kinds:
            known[kind] = _measured(kind, machine, assumed)
            bar.advance()
    return [_cost(run, known[_kind(run)]) if run.training.images else None for run in runs]


def _kind(run: Run) -> Training:
    return run.training.model_copy(update={"seed": 0, "images": 1, "snapshots": ()})


def _cost(run: Run, its: _Measured) -> Cost:
    steps = (run.training.images or 0) / its.images
    pictures = run.samples + run.snapshot_samples * len(run.training.snapshots)
    return Cost(steps * its.step + pictures * its.sample, its.memory)


@dataclass(frozen=True)
class _Counted:
    operations: float
    """Multiplications and additions of convolutions and matrix products."""
    calls: int
    seconds: float
    kept: int
    """Bytes that forward passes keep for the backward pass, weights not counted."""

    def on(self, larger: float, assumed: bool) -> float:
        """Seconds of a batch so many times larger."""
        if assumed:
            return max(larger * self.operations / ASSUMED_RATE, self.calls * ASSUMED_CALL)
        return larger * self.seconds


@dataclass(frozen=True)
class _Measured:
    images: int
    """That a step shows."""
    step: float
    """Seconds of a step, those with a penalty in their share."""
    sample: float
    """Seconds of a picture."""
    memory: int


def _measured(settings: Training, machine: Machine, assumed: bool) -> _Measured:
    with torch.random.fork_rng():
        few = min(FEW, settings.batch)
        found = _stepped(settings, few, machine, assumed)
        if not assumed and few < settings.batch and found.step < QUICK:
            found = _stepped(settings, settings.batch, machine, assumed)
        return found


def _stepped(settings: Training, batch: int, machine: Machine, assumed: bool) -> _Measured:
    """Measured with this batch, and said of the settings' own."""
    game = Game(settings.model_copy(update={"batch": batch}), machine)
    photos = torch.randint(0, 256, (batch, 3, settings.size, settings.size), dtype=torch.uint8).to(machine.device)
    if not assumed:
        game.step(1, photos)  # the first one also loads libraries
    weights = {p.untyped_storage().data_ptr() for its in game.modules.values() for p in its.parameters()}
    with_penalty, without = (_counted(partial(game.step, number, photos), weights, assumed) for number in (0, 1))
    share, larger = 1 / game.procedure.penalty_every, settings.batch / batch
    shape: tuple[int, ...] = game.average.latent_shape  # type: ignore[assignment]
    with torch.no_grad(), machine.autocast():
        n = 1 if assumed else batch
        sample = _counted(partial(game.average, torch.randn(n, *shape).to(machine.device)), weights, assumed)
    fixed = sum(map(_bytes, game.modules.values())) + _gradients(game) + sum(map(_moments, game.optimisers.values()))
    return _Measured(
        images=round(game.images_a_step * larger),
        step=share * with_penalty.on(larger, assumed) + (1 - share) * without.on(larger, assumed),
        sample=sample.on(AT_ONCE / n, assumed) / AT_ONCE,
        memory=round(fixed + larger * max(with_penalty.kept, without.kept)),
    )


def _counted(work: Callable[[], Any], weights: Container[int], assumed: bool) -> _Counted:
    """Carried out and counted, then timed unless a rate is assumed. `weights`: where those lie in memory."""
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    count = _Count()  # type: ignore[no-untyped-call]
    with count, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        work()
    begun = time.perf_counter()
    if not assumed:
        work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds = time.perf_counter() - begun
    return _Counted(count.operations, count.calls, seconds, sum(its.nbytes() for its in kept.values()))


class _Count(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts calls, and the operations of convolutions and matrix products, forwards and backwards."""

    operations, calls = 0.0, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        self.calls += 1
        if (rule := flop_registry.get(func._overloadpacket)) is not None:
            self.operations += rule(*args, **(kwargs or {}), out_val=found)
        return found


def _bytes(module: torch.nn.Module) -> int:
    return sum(its.nbytes for its in module.state_dict().values())


def _gradients(game: Game) -> int:
    return sum(p.nbytes for module in game.modules.values() for p in module.parameters() if p.requires_grad)


def _moments(optimiser: torch.optim.Optimizer) -> int:
    return sum(v.nbytes for state in optimiser.state.values() for v in state.values() if isinstance(v, torch.Tensor))
