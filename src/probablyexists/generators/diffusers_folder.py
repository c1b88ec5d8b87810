"""An unconditional diffusion pipeline of `diffusers`, DDPM or DDIM: a folder with `model_index.json`.

The network and the noise schedule lie in folders of their own or, as in google/ddpm-celebahq-256, beside the index. The
pipeline's own loader is not used, because it imports classes by names in the folder. Only a `UNet2DModel` and the
numbers of a schedule are read: from JSON and safetensors in this folder or, without safetensors, from a pickle of
tensors alone (`torch.load(weights_only=True)`); never from a network.

Samples are drawn by DDIM (Song, Meng & Ermon, "Denoising Diffusion Implicit Models", arXiv 2010.02502, equation 12) in
50 steps with eta = 0, so that the picture is a function of its starting noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.plain_files import json_object, plain_size
from probablyexists.basis.text import one_line, shown
from probablyexists.generators.file_checks import MOST_MODEL, content_id
from probablyexists.generators.latents import Network, checked_shape
from probablyexists.generators.picture_range import SIGNED
from probablyexists.generators.torch_run import TorchRun, torch_device

INDEX = "model_index.json"
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
"""The first that is there is read."""
STEPS = 50
_SCHEDULE = (
    *("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type"),
    *("clip_sample", "clip_sample_range", "thresholding", "dynamic_thresholding_ratio", "sample_max_value"),
    *("set_alpha_to_one", "steps_offset", "timestep_spacing", "rescale_betas_zero_snr"),
)


def open_diffusers(folder: Path) -> Network:
    """A DDPM or DDIM pipeline folder. InputError for any other pipeline, class, or kind of weights."""
    where = shown(folder)
    _refuse_other_pipelines(json_object(folder / INDEX), where)
    home, scheduler_home = (part if part.is_dir() else folder for part in (folder / "unet", folder / "scheduler"))
    config, schedule = home / "config.json", scheduler_home / "scheduler_config.json"
    shape = _picture_shape(json_object(config), where)
    numbers = json_object(schedule)
    weights = next((home / name for name in WEIGHTS if (home / name).is_file()), None)
    if weights is None:
        raise InputError(f"{where}: {WEIGHTS[0]} is missing beside {config.name}; copy the whole folder")
    plain_size(weights, MOST_MODEL)
    device = torch_device()
    network, scheduler, steps = _load(weights, numbers, device, where)

    def denoise(noise: Any) -> Any:
        sample = noise
        for step in steps:
            sample = scheduler.step(network(sample, step).sample, step, sample, eta=0.0).prev_sample
        return sample

    files = [folder / INDEX, config, schedule, weights]
    id = f"{content_id('diffusers', folder, files)}/ddim-{len(steps)}/{device.type}"
    run = TorchRun(denoise, device, where)
    return Network(id, where, shape, run, range=SIGNED, counted=run.counted)


def _load(weights: Path, schedule: dict[str, Any], device: Any, where: str) -> tuple[Any, Any, Any]:
    diffusers, torch = required("diffusers", "lab"), required("torch", "lab")
    try:
        with torch.random.fork_rng(devices=[]):  # weights are initialised at random before they are read
            network = diffusers.UNet2DModel.from_pretrained(
                weights.parent,
                local_files_only=True,
                use_safetensors=weights.suffix == ".safetensors",
                low_cpu_mem_usage=False,
            )
        scheduler = diffusers.DDIMScheduler(**{name: schedule[name] for name in _SCHEDULE if name in schedule})
        scheduler.set_timesteps(min(STEPS, scheduler.config.num_train_timesteps), device=device)
    except Exception as error:  # missing weights or other pickles, wrong entries
        raise InputError(
            f"{where}: cannot be opened ({one_line(error)}); it needs a UNet2DModel saved as safetensors"
        ) from error
    return network.eval().to(device), scheduler, scheduler.timesteps


def _refuse_other_pipelines(index: dict[str, Any], where: str) -> None:
    parts = {name: value for name, value in index.items() if not name.startswith("_")}
    known = (
        index.get("_class_name") in ("DDPMPipeline", "DDIMPipeline")
        and parts.keys() == {"unet", "scheduler"}
        and parts["unet"] == ["diffusers", "UNet2DModel"]
        and parts["scheduler"] in (["diffusers", "DDPMScheduler"], ["diffusers", "DDIMScheduler"])
    )
    if not known:
        raise InputError(
            f"{where}: {INDEX} names {shown(index.get('_class_name'))} of {shown(', '.join(parts))}; only DDPMPipeline "
            "and DDIMPipeline with diffusers' own UNet2DModel are opened; audit others as module:function or by samples"
        )


def _picture_shape(unet: dict[str, Any], where: str) -> tuple[int, ...]:
    size = unet.get("sample_size")
    sides = size if isinstance(size, list) and len(size) == 2 else [size, size]
    if unet.get("in_channels") != 3 or unet.get("out_channels") != 3:
        raise InputError(
            f"{where}: works on {shown(unet.get('in_channels'))} channels in, {shown(unet.get('out_channels'))} out; "
            "only pipelines that denoise RGB pictures themselves are opened"
        )
    if unet.get("class_embed_type") is not None or unet.get("num_class_embeds") is not None:
        raise InputError(f"{where}: needs a class for each picture; only unconditional pipelines are opened")
    return checked_shape([3, *sides], where)
