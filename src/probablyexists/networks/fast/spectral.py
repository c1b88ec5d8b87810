"""Spectral normalisation with a backward pass written out, in the weight's own layout."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from probablyexists.networks.fast.convolution import autocast_type
from probablyexists.networks.operations import in_rows


def spectrally_normal(weight: Tensor, u: Tensor) -> Tensor:
    """`Operations.spectrally_normal`, in the type of `torch.autocast`; differentiable once.

    Gain with spectral norm: 1.02 (1.01 to 1.03) at 64 pixels, none at 32.
    """
    with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
        v = F.normalize(in_rows(weight).T @ u, dim=0)
    return cast(Tensor, _Divided.apply(weight, u, v, autocast_type(weight)))  # type: ignore[no-untyped-call]


class _Divided(Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, u: Tensor, v: Tensor, dtype: torch.dtype) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            norm = u @ (in_rows(weight) @ v)
        ctx.save_for_backward(weight, u, v, norm)
        return (weight / norm).to(dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        weight, u, v, norm = ctx.saved_tensors
        grad = in_rows(grads[0]).to(weight.dtype)
        slope = torch.dot(grad.flatten(), in_rows(weight).flatten()) / norm
        to_weight = (grad / norm).addr_(u * (-slope / norm), v)
        o, i, height, width = weight.shape
        return to_weight.view(o, height, width, i).permute(0, 3, 1, 2), None, None, None
