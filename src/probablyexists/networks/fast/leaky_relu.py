"""Leaky ReLU with a cheap second derivative."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from probablyexists.networks.operations import SLOPE


def leaky_relu_twice(x: Tensor) -> Tensor:
    """`Operations.leaky_relu` for a gradient penalty.

    Gain: 1.2 (1.1 to 1.2) in R3GAN at 32 pixels, 1.15 (1.15 to 1.16) in WGAN-GP at 64.
    The second derivative is zero. PyTorch makes a tensor of these zeros and sends it back through the whole network;
    here nothing is sent.
    """
    if not torch.is_grad_enabled():
        return F.leaky_relu(x, SLOPE)
    return cast(Tensor, _Leaky.apply(x))  # type: ignore[no-untyped-call]


class _Leaky(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = F.leaky_relu(x, SLOPE)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return cast(Tensor, _LeakyGradient.apply(grads[0], ctx.saved_tensors[0].detach()))  # type: ignore[no-untyped-call]


class _LeakyGradient(Function):
    """Linear in `grad`. It depends on y through its sign alone, so y gets no gradient."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(y)
        return cast(Tensor, torch.ops.aten.leaky_relu_backward(grad, y, SLOPE, True))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return cast(Tensor, _LeakyGradient.apply(grads[0], ctx.saved_tensors[0])), None  # type: ignore[no-untyped-call]
