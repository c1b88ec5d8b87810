"""The operations of a network, each in its fast form.

A *gain* is how many times as long a training step takes with the plain operation in its place: median and quartiles of
4 to 7 rounds, in turns; bfloat16, channels last, batch 32, one thread of an AMD EPYC with AVX512-bf16; base 32 at 32
pixels, 64 at 64. All together: DCGAN 1.02 and 1.07, WGAN-GP 1.13 and 1.22, StyleGAN2 1.52 and 1.35, R3GAN 2.06 (at 32).
"""

from __future__ import annotations

import copy
import itertools

from torch import Tensor

from probablyexists.networks.fast import blur, convolution, leaky_relu, spectral
from probablyexists.networks.operations import Network, Operations, use


class Fast(Operations):
    """`Operations` with the same values and derivatives, in less time on a CPU; under `torch.autocast` too.

    `twice`: with second derivatives, which a gradient penalty needs. Without, first derivatives cost less, and a
    second one is an error.
    """

    def __init__(self, *, twice: bool = False) -> None:
        self.twice = twice

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
        """See `Operations`."""
        conv = convolution.conv_twice if self.twice else convolution.conv
        return conv(x, weight, bias, stride=stride, padding=padding, groups=groups)

    def conv_transpose(
        self, x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int, padding: int
    ) -> Tensor:
        """See `Operations`; differentiable once, as generators are under no penalty."""
        return convolution.conv_transpose(x, weight, bias, stride=stride, padding=padding)

    def leaky_relu(self, x: Tensor) -> Tensor:
        """See `Operations`."""
        return leaky_relu.leaky_relu_twice(x) if self.twice else super().leaky_relu(x)

    def blur(self, x: Tensor, padding: int) -> Tensor:
        """See `Operations`."""
        return blur.blur(x, padding)

    def halve(self, x: Tensor) -> Tensor:
        """See `Operations`."""
        return blur.halve(x)

    def spectrally_normal(self, weight: Tensor, u: Tensor) -> Tensor:
        """See `Operations`; differentiable once."""
        return spectral.spectrally_normal(weight, u)


def twice_differentiable(network: Network) -> Network:
    """The same network, with the same weights and buffers in memory, and with second derivatives."""
    shared = {id(tensor): tensor for tensor in itertools.chain(network.parameters(), network.buffers())}
    return use(copy.deepcopy(network, shared), Fast(twice=True))
