"""A denoising diffusion model: U-Net and schedule from `diffusers`, trained as DDPM, sampled as DDIM.

Ho, Jain & Abbeel 2020, "Denoising Diffusion Probabilistic Models" (arXiv 2006.11239); Song, Meng & Ermon 2020,
"Denoising Diffusion Implicit Models" (arXiv 2010.02502); the cosine schedule is Nichol & Dhariwal's 2021 (arXiv
2102.09672).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from probablyexists.basis.errors import InputError, required

ATTENTION = 8
"""Pixels of the smallest frame at most. Only there is attention, whose cost grows with pixels^2."""
GROUP = 16
"""Channels of a norm group. CPU kernels run along a group: with the usual 4 a bfloat16 step took a third longer."""


class Diffusion(nn.Module):
    """(n, 3, size, size) normal numbers -> (n, 3, size, size) images in [-1, 1].

    `base`: channels of the full frame; the halved ones have twice as many. `steps`: noise levels in training.
    `sampling_steps`: denoiser passes for one image. Raises InputError for a size that cannot be halved down to 8
    pixels or less, or more sampling steps than levels; required without `diffusers`.
    """

    def __init__(self, size: int, base: int = 32, steps: int = 1000, sampling_steps: int = 25) -> None:
        super().__init__()
        if not 1 <= sampling_steps <= steps:
            raise InputError(f"network diffusion: sampling_steps {sampling_steps} is not within 1 to {steps} steps")
        self.latent_shape = (3, size, size)
        self.unet = _unet(size, base).eval()
        self.schedule = _schedule(steps, sampling_steps)

    def train(self, mode: bool = True) -> Diffusion:
        """As for any module, but the U-Net stays in eval mode: none of its layers behaves differently in training mode.

        In training mode `diffusers` copies activations out of the channels-last layout.
        """
        super().train(mode)
        self.unet.eval()
        return self

    def loss(self, images: torch.Tensor) -> torch.Tensor:
        """Mean squared error of the predicted noise, at levels drawn uniformly. images: (n, 3, size, size) in [-1, 1].

        DDPM, equation 14 and algorithm 1. Levels and noise come from torch's global generator.
        """
        t = torch.randint(self.schedule.config.num_train_timesteps, (len(images),), device=images.device)
        # Not randn_like: it fills memory in order, so that the noise would depend on the layout.
        noise = torch.randn(images.shape, device=images.device)
        predicted = self.unet(self.schedule.add_noise(images.float(), noise, t), t).sample
        return nn.functional.mse_loss(predicted.float(), noise)

    @torch.no_grad()
    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """DDIM, equation 12 with sigma = 0, from the noisiest level down to the image; no gradient.

        The predicted image is clipped to [-1, 1] at each level, the predicted noise is not.
        """
        return self.denoised(latent.float(), self.schedule.timesteps.tolist())

    def denoised(self, images: torch.Tensor, levels: Sequence[int]) -> torch.Tensor:
        """Images with the noise of the first of these levels, through all of them, down to the images without noise."""
        for t in levels:
            predicted = self.unet(images, t).sample.float()
            images = self.schedule.step(predicted, t, images, eta=0.0).prev_sample
        return images


def _unet(size: int, base: int) -> nn.Module:
    """Ho et al.'s U-Net (appendix B), smaller: one residual block a frame going down, attention in the middle only."""
    n_frames, smallest = 1, size
    while smallest > ATTENTION:
        if smallest % 2:
            raise InputError(f"network diffusion: size {size} cannot be halved down to {ATTENTION} pixels or less")
        n_frames, smallest = n_frames + 1, smallest // 2
    unet: nn.Module = _diffusers().UNet2DModel(
        sample_size=size,
        block_out_channels=(base,) + (2 * base,) * (n_frames - 1),
        down_block_types=("DownBlock2D",) * n_frames,
        up_block_types=("UpBlock2D",) * n_frames,
        layers_per_block=1,
        norm_num_groups=next(n for n in range(max(1, base // GROUP), 0, -1) if base % n == 0),
        attention_head_dim=None,  # one head
    )
    # As in Ho et al.'s code: at first a residual block is the identity, and the predicted noise is zero.
    for name, weights in unet.named_parameters():
        if name.startswith("conv_out.") or ".conv2." in name or ".to_out." in name:
            nn.init.zeros_(weights)
    return unet


def _schedule(steps: int, sampling_steps: int) -> Any:
    """Cosine: the linear one leaves small images as pure noise over its last fifth (Nichol & Dhariwal, section 3.2).

    Levels are divided into `sampling_steps` equal ranges; sampling uses the middle level of each. The very last level,
    with 1 / 20,000 of an image's variance left, would turn rounding errors into noise.
    """
    schedule = _diffusers().DDIMScheduler(
        num_train_timesteps=steps,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="epsilon",
        clip_sample=True,
        set_alpha_to_one=True,
        timestep_spacing="leading",
        steps_offset=steps // sampling_steps // 2,
    )
    schedule.set_timesteps(sampling_steps)
    return schedule


def _diffusers() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about optional packages
        return required("diffusers", "lab")
