"""The operations that the lab's networks are made of, in plain PyTorch.

`networks.fast` has those of `Operations` in forms that are faster on a CPU; training and sampling use those, and tests
compare them with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
"""Of the leaky ReLU below zero."""
TAPS = (1.0, 3.0, 3.0, 1.0)
"""The low-pass filter of Karras et al. 2020 (arXiv 1912.04958) and Huang et al. 2024 (arXiv 2501.05441)."""

Network = TypeVar("Network", bound=nn.Module)


class Operations:
    """Plain PyTorch, differentiable any number of times. x: (n, channels, h, w)."""

    def conv(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> Tensor:
        """`F.conv2d` with a square kernel."""
        return F.conv2d(x, weight, bias, stride, padding, 1, groups)

    def conv_transpose(
        self, x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, padding: int
    ) -> Tensor:
        """`F.conv_transpose2d` with a square kernel."""
        return F.conv_transpose2d(x, weight, bias, stride, padding)

    def leaky_relu(self, x: Tensor) -> Tensor:
        """`F.leaky_relu` with slope 0.2."""
        return F.leaky_relu(x, SLOPE)

    def halve(self, x: Tensor) -> Tensor:
        """(n, c, 2h, 2w) -> (n, c, h, w): the filter at every second pixel; border pixels are repeated outside."""
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), _kernel(x), stride=2, groups=x.shape[1])


def blur(x: Tensor, padding: int) -> Tensor:
    """The filter at every pixel, its sum 1, with `padding` (0 to 3) zeros on all sides: h -> h + 2 padding - 3."""
    return F.conv2d(x, _kernel(x), padding=padding, groups=x.shape[1])


def spectrally_normal(weight: Tensor, u: Tensor) -> Tensor:
    """`weight` divided by its largest singular value u' W v, with v = W' u of length 1; in full precision.

    Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks" (arXiv 1802.05957), algorithm 1,
    of the matrix with a row an output. u and v are constants in the derivative (equation 12).
    """
    with torch.autocast(weight.device.type, enabled=False):
        matrix = in_rows(weight)
        with torch.no_grad():
            v = F.normalize(matrix.T @ u, dim=0)
        return weight / (u @ (matrix @ v))


@torch.no_grad()
def power_iteration(weight: Tensor, u: Tensor, times: int = 1) -> Tensor:
    """(o,) a better estimate of the first left singular vector of `weight`, (o, i, k, k), than `u`: algorithm 1."""
    matrix = in_rows(weight)
    for _ in range(times):
        u = F.normalize(matrix @ F.normalize(matrix.T @ u, dim=0), dim=0)
    return u


def in_rows(weight: Tensor) -> Tensor:
    """(o, i, k, k) -> (o, k * k * i).

    The order of columns does not change singular values; in this order weights in channels-last layout are not copied.
    """
    return weight.permute(0, 2, 3, 1).flatten(1)


PLAIN = Operations()


class Layer(nn.Module):
    """A part of a network: plain PyTorch, until `use` gives it other operations."""

    ops: Operations = PLAIN


def use(network: Network, ops: Operations) -> Network:
    """The network, every layer of it with these operations from now on."""
    for module in network.modules():
        if isinstance(module, Layer):
            module.ops = ops
    return network


def joined(batches: Sequence[Tensor]) -> Tensor:
    """All batches as one, in their order."""
    return batches[0] if len(batches) == 1 else torch.cat(list(batches))


def _kernel(x: Tensor) -> Tensor:
    """(c, 1, 4, 4), the filter for each channel of x by itself."""
    taps = torch.tensor(TAPS, dtype=x.dtype, device=x.device) / sum(TAPS)
    return torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
