"""Convolution and leaky ReLU whose second derivatives cost no more than they must.

A gradient penalty differentiates the gradient of the logits by the images. PyTorch's own second derivatives of these
two do more than is needed (half of a discriminator's step with R1, measured on a CPU): the convolution's takes a
detour for the weights, and the leaky ReLU's is a tensor of zeros that is then sent back through the whole network.
Values and derivatives are the same as those of `torch.nn.functional`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

SLOPE = 0.2


def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """`F.conv2d` of square kernels, under `torch.autocast` too."""
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    if not torch.is_grad_enabled():
        return F.conv2d(x, weight, bias, stride, padding, 1, groups)
    how = (stride, padding, groups)
    to_weights = _ToWeights.apply(x, weight, bias, how)  # type: ignore[no-untyped-call]
    return cast(Tensor, _Convolve.apply(x, weight, bias, to_weights, how))  # type: ignore[no-untyped-call]


def leaky_relu(x: Tensor) -> Tensor:
    """`F.leaky_relu` with slope 0.2."""
    if not torch.is_grad_enabled():
        return F.leaky_relu(x, SLOPE)
    return cast(Tensor, _Leaky.apply(x))  # type: ignore[no-untyped-call]


class _ToWeights(Function):
    """Zeros of the shape of the result, without memory; its gradient goes to weight and bias.

    A Python function cannot see which of its gradients are asked for. A node of its own for the weights is not
    visited when only the gradient of the images is.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, how: tuple[int, int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how, ctx.biased = how, bias is not None
        stride, padding, _ = how
        sides = ((side + 2 * padding - weight.shape[2]) // stride + 1 for side in x.shape[2:])
        return x.new_zeros(()).expand(len(x), len(weight), *sides)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, weight), (stride, padding, groups) = grads, ctx.saved_tensors, ctx.how
        to_weight = conv2d_weight(x, weight.shape, grad, stride, padding, 1, groups)  # type: ignore[no-untyped-call]
        return None, to_weight, grad.sum((0, 2, 3)) if ctx.biased else None, None


class _Convolve(Function):
    """The convolution; its gradient goes to the input and, unchanged, to `_ToWeights`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, _to_weights: Tensor, how: tuple[int, int, int]
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.how, ctx.sides = how, x.shape[2:]
        stride, padding, groups = how
        return F.conv2d(x, weight, bias, stride, padding, 1, groups)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (weight,), (stride, padding, groups) = grads, ctx.saved_tensors, ctx.how
        to_x = None
        if ctx.needs_input_grad[0]:
            reached = [(side - 1) * stride - 2 * padding + weight.shape[2] for side in grad.shape[2:]]
            missing = [side - there for side, there in zip(ctx.sides, reached, strict=True)]
            to_x = F.conv_transpose2d(grad, weight, None, stride, padding, missing, groups)
        return to_x, None, None, grad, None


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
    """Linear in `grad`; the slopes depend on the sign of `y` alone, so that nothing flows back to it."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(y)
        return cast(Tensor, torch.ops.aten.leaky_relu_backward(grad, y, SLOPE, True))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return cast(Tensor, _LeakyGradient.apply(grads[0], ctx.saved_tensors[0])), None  # type: ignore[no-untyped-call]
