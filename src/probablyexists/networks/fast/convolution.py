"""Convolutions with derivatives that are cheaper than PyTorch's on a CPU.

Some of PyTorch's first derivatives are slow in bfloat16 on a CPU: by the weights of a strided convolution (a matrix
product here) and by images of three channels (a convolution without stride here). PyTorch's second derivative of a
convolution computes more than a gradient penalty needs. Decision 0011 has the details.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

FEW = 8
"""Channels too few for the vectors of a processor."""


def conv(x: Tensor, weight: Tensor, bias: Tensor | None, how: tuple[int, int, int], *, twice: bool) -> Tensor:
    """`Operations.conv`; `how`: stride, padding, groups; `twice`: differentiable twice, for a gradient penalty.

    Gain with spectral norm: 1.06 (1.02 to 1.09) at 64 pixels, 1.0 at 32. With second derivatives: 1.22 (1.20 to 1.23)
    in WGAN-GP at 64 pixels, 1.29 (1.26 to 1.29) in R3GAN at 32.
    """
    x, bias = _cast(x, weight, bias)
    if not _is_recorded(x, weight):
        stride, padding, groups = how
        return F.conv2d(x, weight.to(x.dtype), bias, stride, padding, 1, groups)
    if not twice:
        return cast(Tensor, _Once.apply(x, weight, bias, how, False))  # type: ignore[no-untyped-call]
    to_weights = _ToWeights.apply(x, weight, bias, how)  # type: ignore[no-untyped-call]
    return cast(Tensor, _ConvolveTwice.apply(x, weight, bias, to_weights, how))  # type: ignore[no-untyped-call]


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, padding: int) -> Tensor:
    """`Operations.conv_transpose`, differentiable once.

    Gain with spectral norm: 1.04 (1.03 to 1.05) at 64 pixels, 1.05 (1.00 to 1.06) at 32.
    """
    x, bias = _cast(x, weight, bias)
    if not _is_recorded(x, weight):
        return _transposed(x, weight.to(x.dtype), bias, stride, padding)
    return cast(Tensor, _Once.apply(x, weight, bias, (stride, padding, 1), True))  # type: ignore[no-untyped-call]


def _cast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Both in the type in which `torch.autocast` multiplies by this weight; the weight's own where autocast is off."""
    kind = weight.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    return x.to(dtype), None if bias is None else bias.to(dtype)


def _is_recorded(x: Tensor, weight: Tensor) -> bool:
    return torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)


def _is_slow(x: Tensor) -> bool:
    return x.dtype == torch.bfloat16 and x.device.type == "cpu"


def _is_product(x: Tensor, weight: Tensor, grad: Tensor) -> bool:
    """Whether a matrix product is faster: few pixels in `grad`, many weights (oneDNN shares its work out by pixels)."""
    pixels, weights = grad.numel() // grad.shape[1], weight[0].numel()
    return _is_slow(x) and pixels <= weights and weight.shape[1] >= FEW


def _is_thin(x: Tensor, weight: Tensor, stride: int, padding: int) -> bool:
    """Whether `_transposed` is faster without stride: images on one side, kernel 4, stride 2, padding 1."""
    return _is_slow(x) and weight.shape[1] < FEW and (weight.shape[2], stride, padding) == (4, 2, 1)


def _by_weight(x: Tensor, weight: Tensor, grad: Tensor, stride: int, padding: int, groups: int = 1) -> Tensor:
    """dL/dweight of y = conv2d(x, weight), given `grad` = dL/dy. x: (n, i, h, w), grad: (n, o, h', w')."""
    if groups > 1 or not _is_product(x, weight, grad):
        return conv2d_weight(x, weight.shape, grad, stride, padding, 1, groups)  # type: ignore[no-untyped-call, no-any-return]
    (_, o, height, width), (n, i, side, _) = grad.shape, (len(x), *weight.shape[1:])
    framed = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    image, line, pixel, _ = framed.stride()
    # one row of the matrix for each pixel of y: the patch of x under the kernel, line by line
    patches = framed.as_strided((n, height, width, side, side * i), (image, stride * line, stride * pixel, line, 1))
    rows = grad.permute(0, 2, 3, 1).reshape(-1, o)
    return (rows.T @ patches.reshape(len(rows), -1)).view(o, side, side, i).permute(0, 3, 1, 2)


def _transposed(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """`F.conv_transpose2d`, as a convolution without stride where x has few channels on the other side."""
    if not _is_thin(x, weight, stride, padding):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    i, o, *_ = weight.shape
    # Each pixel of x adds a 4 x 4 kernel to y, at every second line. In y, lines of even and of odd number each see a
    # kernel of 2 lines, (kernel line 2a + b for b = 0, 1), flipped; columns too. So four ordinary 2 x 2 convolutions
    # give the four kinds of pixels of y, which are then put in their places.
    pairs = weight.reshape(i, o, 2, 2, 2, 2).flip(2, 4).permute(3, 5, 1, 0, 2, 4).reshape(4 * o, i, 2, 2)
    four = None if bias is None else bias.repeat(4)
    y = F.conv2d(x, pairs.contiguous(memory_format=torch.channels_last), four, padding=1).permute(0, 2, 3, 1)
    n, height, width, _ = y.shape
    y = y.reshape(n, height, width, 2, 2 * o).transpose(2, 3).reshape(n, 2 * height, 2 * width, o)
    return y[:, 1:-1, 1:-1].contiguous().permute(0, 3, 1, 2)


class _Once(Function):
    """Both convolutions with their first derivatives: the gradient of one by its input is the other."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, how: tuple[int, int, int], transposed: bool
    ) -> Tensor:
        light = weight.to(x.dtype)
        ctx.save_for_backward(x, light)
        ctx.how, ctx.transposed, ctx.dtype = how, transposed, weight.dtype
        stride, padding, groups = how
        if transposed:
            return _transposed(x, light, bias, stride, padding)
        return F.conv2d(x, light, bias, stride, padding, 1, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, weight), (stride, padding, groups) = grads, ctx.saved_tensors, ctx.how
        large, small = (grad, x) if ctx.transposed else (x, grad)
        asked = list(ctx.needs_input_grad[:3])
        thin = groups == 1 and not ctx.transposed and _is_thin(x, weight, stride, padding)
        product = groups == 1 and _is_product(large, weight, small)
        left = [asked[0] and not thin, asked[1] and not product, asked[2] and asked[1] and not product]
        how = ([stride] * 2, [padding] * 2, [1, 1], ctx.transposed, [0, 0], groups)
        found = list(torch.ops.aten.convolution_backward(grad, x, weight, [grad.shape[1]], *how, left))
        if asked[0] and thin:
            found[0] = _transposed(grad, weight, None, stride, padding)
        if asked[1]:
            found[1] = (_by_weight(large, weight, small, stride, padding) if product else found[1]).to(ctx.dtype)
        if asked[2] and not left[2]:
            found[2] = grad.sum((0, 2, 3))  # oneDNN would compute the gradient by weights with it, and throw it away
        return *found, None, None


class _ToWeights(Function):
    """Zeros of the shape of the result, which take no memory. The gradient of these zeros goes to weight and bias.

    A penalty needs the gradient by the images alone, and a Python function cannot see which of its gradients are
    needed. As a node of its own in the graph, the gradient by the weights is not computed then.
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
    """The convolution. Its gradient goes to x, and unchanged to `_ToWeights`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, _to_weights: Tensor, how: tuple[int, int, int]
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.how, ctx.sides = how, x.shape[2:]
        stride, padding, groups = how
        return F.conv2d(x, weight.to(x.dtype), bias, stride, padding, 1, groups)

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
                to_x = _Once.apply(grad, weight, None, (stride, padding, 1), True)  # type: ignore[no-untyped-call]
        return to_x, None, None, grad, None
