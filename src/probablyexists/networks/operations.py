"""Convolutions and leaky ReLU whose derivatives cost no more than they must.

A gradient penalty differentiates the gradient of the logits by the images. PyTorch's own second derivatives of these
do more than is needed (half of a discriminator's step with R1, measured on a CPU): the convolution's takes a detour
for the weights, and the leaky ReLU's is a tensor of zeros that is then sent back through the whole network. And two
of its first derivatives are slow in bfloat16 on a CPU: that by the weights of a strided convolution (a matrix product
here) and that by images of three channels (a convolution without stride here). Values and derivatives are the same
as those of `torch.nn.functional`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

SLOPE = 0.2
FEW = 8
"""Channels too few for the vectors of a processor."""


_twice = ContextVar("twice", default=False)


@contextmanager
def differentiable_twice() -> Iterator[None]:
    """What `conv` and `leaky_relu` compute inside has second derivatives; elsewhere the first ones cost less."""
    token = _twice.set(True)
    try:
        yield
    finally:
        _twice.reset(token)


_casts: ContextVar[dict[int, tuple[Tensor, tuple[int, torch.dtype] | None, Tensor]] | None]
_casts = ContextVar("casts", default=None)


@contextmanager
def casts_kept() -> Iterator[None]:
    """Inside, a parameter is cast for `torch.autocast` once, and again only after it has changed.

    A change is told by the tensor's version, which PyTorch's fused optimisers leave as it is: who steps them calls
    `torch.autograd.graph.increment_version`.
    """
    token = _casts.set({})
    try:
        yield
    finally:
        _casts.reset(token)


def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """`F.conv2d` of square kernels, under `torch.autocast` too."""
    x, bias = _cast(x, weight, bias)
    how = (stride, padding, groups)
    if not _is_recorded(x, weight):
        return F.conv2d(x, _cast_once(weight, x.dtype), bias, stride, padding, 1, groups)
    if not _twice.get():
        return cast(Tensor, _Convolve.apply(x, weight, bias, how))  # type: ignore[no-untyped-call]
    to_weights = _ToWeights.apply(x, weight, bias, how)  # type: ignore[no-untyped-call]
    return cast(Tensor, _ConvolveTwice.apply(x, weight, bias, to_weights, how))  # type: ignore[no-untyped-call]


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, padding: int) -> Tensor:
    """`F.conv_transpose2d` of square kernels, under `torch.autocast` too; it can be differentiated once."""
    x, bias = _cast(x, weight, bias)
    if not _is_recorded(x, weight):
        return _transposed(x, _cast_once(weight, x.dtype), bias, stride, padding)
    return cast(Tensor, _Transpose.apply(x, weight, bias, stride, padding))  # type: ignore[no-untyped-call]


def leaky_relu(x: Tensor) -> Tensor:
    """`F.leaky_relu` with slope 0.2."""
    if not (torch.is_grad_enabled() and _twice.get()):
        return F.leaky_relu(x, SLOPE)
    return cast(Tensor, _Leaky.apply(x))  # type: ignore[no-untyped-call]


def asked_type(weight: Tensor) -> torch.dtype:
    """The type in which `torch.autocast` wants to multiply by this weight; its own where that is off."""
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


def joined(batches: Sequence[Tensor]) -> Tensor:
    """All batches, one behind the other."""
    return batches[0] if len(batches) == 1 else torch.cat(list(batches))


def _cast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    dtype = asked_type(weight)
    return x.to(dtype), None if bias is None else bias.to(dtype)


def _cast_once(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """`weight` as `dtype`; the functions below record where it came from."""
    kept = _casts.get()
    if weight.dtype == dtype or kept is None or not isinstance(weight, torch.nn.Parameter):
        return weight.detach().to(dtype)
    state = weight._version, dtype
    _, known, found = kept.get(id(weight), (weight, None, weight))
    if known != state:
        found = weight.detach().to(dtype)
        kept[id(weight)] = weight, state, found
    return found


def _as(found: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if found is None else found.to(dtype)


def _is_recorded(x: Tensor, weight: Tensor) -> bool:
    return torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)


def _is_slow(x: Tensor) -> bool:
    return x.dtype == torch.bfloat16 and x.device.type == "cpu"


def _is_product(x: Tensor, weight: Tensor, grad: Tensor) -> bool:
    """Whether a matrix product is faster: few places, many weights. A convolution divides its work by places."""
    places, weights = grad.numel() // grad.shape[1], weight[0].numel()
    return _is_slow(x) and places <= weights and weight.shape[1] >= FEW


def _is_thin(x: Tensor, weight: Tensor, stride: int, padding: int) -> bool:
    return _is_slow(x) and weight.shape[1] < FEW and (weight.shape[2], stride, padding) == (4, 2, 1)


def _by_weight(x: Tensor, weight: Tensor, grad: Tensor, stride: int, padding: int, groups: int = 1) -> Tensor:
    """The gradient of `weight` when `F.conv2d` of it and x, (n, i, h, w), is told `grad`, (n, o, h', w')."""
    if groups > 1 or not _is_product(x, weight, grad):
        return conv2d_weight(x, weight.shape, grad, stride, padding, 1, groups)  # type: ignore[no-untyped-call, no-any-return]
    (_, o, height, width), (n, i, side, _) = grad.shape, (len(x), *weight.shape[1:])
    framed = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    image, line, pixel, _ = framed.stride()
    # a row of the matrix for each place: what the kernel sees there, line by line
    seen = framed.as_strided((n, height, width, side, side * i), (image, stride * line, stride * pixel, line, 1))
    told = grad.permute(0, 2, 3, 1).reshape(-1, o)
    return (told.T @ seen.reshape(len(told), -1)).view(o, side, side, i).permute(0, 3, 1, 2)


def _transposed(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """`F.conv_transpose2d`."""
    if not _is_thin(x, weight, stride, padding):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    i, o, *_ = weight.shape
    # Line 2a + b of the kernel ends in line b of the pair of lines a pairs down: for each b a kernel of 2, backwards.
    pairs = weight.reshape(i, o, 2, 2, 2, 2).flip(2, 4).permute(3, 5, 1, 0, 2, 4).reshape(4 * o, i, 2, 2)
    four = None if bias is None else bias.repeat(4)
    y = F.conv2d(x, pairs.contiguous(memory_format=torch.channels_last), four, padding=1).permute(0, 2, 3, 1)
    n, height, width, _ = y.shape
    y = y.reshape(n, height, width, 2, 2 * o).transpose(2, 3).reshape(n, 2 * height, 2 * width, o)
    return y[:, 1:-1, 1:-1].contiguous().permute(0, 3, 1, 2)


class _Convolve(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, how: tuple[int, int, int]) -> Tensor:
        light = _cast_once(weight, x.dtype)
        ctx.save_for_backward(x, light)
        ctx.how, ctx.dtype = how, weight.dtype
        stride, padding, groups = how
        return F.conv2d(x, light, bias, stride, padding, 1, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, weight), (stride, padding, groups) = grads, ctx.saved_tensors, ctx.how
        asked = list(ctx.needs_input_grad[:3])
        thin = groups == 1 and _is_thin(x, weight, stride, padding)
        product = groups == 1 and _is_product(x, weight, grad)
        left = [asked[0] and not thin, asked[1] and not product, asked[2] and asked[1] and not product]
        how = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups)
        found = list(torch.ops.aten.convolution_backward(grad, x, weight, [len(weight)], *how, left))
        if asked[0] and thin:
            found[0] = _transposed(grad, weight, None, stride, padding)
        if asked[1] and product:
            found[1] = _by_weight(x, weight, grad, stride, padding)
        if asked[2] and not left[2]:
            found[2] = grad.sum((0, 2, 3))  # asked for alone, oneDNN computes the gradient by weights with it
        return found[0], _as(found[1], ctx.dtype), found[2], None


class _Transpose(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        light = _cast_once(weight, x.dtype)
        ctx.save_for_backward(x, light)
        ctx.how, ctx.dtype = (stride, padding), weight.dtype
        return _transposed(x, light, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, weight), (stride, padding) = grads, ctx.saved_tensors, ctx.how
        asked = list(ctx.needs_input_grad[:3])
        product = _is_product(grad, weight, x)
        how = ([stride] * 2, [padding] * 2, [1, 1], True, [0, 0], 1)
        left = [asked[0], asked[1] and not product, asked[2] and asked[1] and not product]
        found = list(torch.ops.aten.convolution_backward(grad, x, weight, [weight.shape[1]], *how, left))
        if asked[1] and product:
            found[1] = _by_weight(grad, weight, x, stride, padding)
        if asked[2] and not left[2]:
            found[2] = grad.sum((0, 2, 3))
        return found[0], _as(found[1], ctx.dtype), found[2], None, None


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
        to_weight = _by_weight(x, weight, grad, stride, padding, groups).to(weight.dtype)
        return None, to_weight, grad.sum((0, 2, 3)) if ctx.biased else None, None


class _ConvolveTwice(Function):
    """The convolution; its gradient goes to the input and, unchanged, to `_ToWeights`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, _to_weights: Tensor, how: tuple[int, int, int]
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.how, ctx.sides = how, x.shape[2:]
        stride, padding, groups = how
        return F.conv2d(x, _cast_once(weight, x.dtype), bias, stride, padding, 1, groups)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (weight,), (stride, padding, groups) = grads, ctx.saved_tensors, ctx.how
        to_x = None
        if ctx.needs_input_grad[0]:
            reached = [(side - 1) * stride - 2 * padding + weight.shape[2] for side in grad.shape[2:]]
            (missing,) = {side - there for side, there in zip(ctx.sides, reached, strict=True)}
            if missing or groups > 1:
                to_x = F.conv_transpose2d(grad, weight.to(grad.dtype), None, stride, padding, missing, groups)
            else:
                to_x = _Transpose.apply(grad, weight, None, stride, padding)  # type: ignore[no-untyped-call]
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
