"""Spectral normalisation: a weight divided by its largest singular value, in its own layout and a pass or two.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks" (arXiv 1802.05957), algorithm 1. The
value is that of the matrix with a row for each output. Its columns may come in any order, so that here they lie as
the weight does in memory and nothing is copied.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from probablyexists.networks.operations import asked_type


@torch.no_grad()
def power_iteration(weight: Tensor, u: Tensor, times: int = 1) -> Tensor:
    """(o,) closer to the first left singular vector of `weight`, (o, i, k, k), than `u` is."""
    matrix = _matrix(weight)
    for _ in range(times):
        u = F.normalize(matrix @ F.normalize(matrix.T @ u, dim=0), dim=0)
    return u


def spectrally_normal(weight: Tensor, u: Tensor) -> Tensor:
    """`weight` / (u' W v), with v = W' u of length 1, in the type that `torch.autocast` asks for; (o, i, k, k).

    As in the paper u and v count as constant in the derivative (equation 12). It can be differentiated once.
    """
    with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
        v = F.normalize(_matrix(weight).T @ u, dim=0)
    return cast(Tensor, _Divided.apply(weight, u, v, asked_type(weight)))  # type: ignore[no-untyped-call]


def _matrix(weight: Tensor) -> Tensor:
    return weight.permute(0, 2, 3, 1).flatten(1)


class _Divided(Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, u: Tensor, v: Tensor, dtype: torch.dtype) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            norm = u @ (_matrix(weight) @ v)
        ctx.save_for_backward(weight, u, v, norm)
        return (weight / norm).to(dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        weight, u, v, norm = ctx.saved_tensors
        grad = _matrix(grads[0]).to(weight.dtype)
        slope = torch.dot(grad.flatten(), _matrix(weight).flatten()) / norm
        told = (grad / norm).addr_(u * (-slope / norm), v)
        o, i, height, width = weight.shape
        return told.view(o, height, width, i).permute(0, 3, 1, 2), None, None, None
