"""Which generator is at a path, or behind an object."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from probablyexists.basis.errors import InputError
from probablyexists.basis.own_code import is_object_name
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.text import shown
from probablyexists.generators.callables import generator_by_name, generator_of_object
from probablyexists.generators.file_checks import trusting
from probablyexists.generators.generator import Generator


def open_generator(
    where: str | Path | object,
    *,
    trust_pickle: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Generator | None:
    """The generator at `where`; None if it is something else, such as a folder or an archive of images.

    A file is opened by its suffix: .onnx; .ts and .pt (TorchScript); .pt2 (torch.export) and .pkl (StyleGAN2/3), these
    two only with `trust_pickle`. A folder is opened by its content: generator.json (the lab's) or model_index.json
    (diffusers). A name module:Name without such a file is Python code. For an object see `callables`.

    `threads`: of an ONNX model; None: all cores. Raises InputError, one line beginning with `where`, if the generator
    cannot be used or does not always give the same picture for a seed.
    """
    if not isinstance(where, str | Path):
        name = f"the generator ({type(where).__name__})"
        own = generator_of_object(where, name)
        _refuse_changing(own, name)
        return own
    try:
        generator = _open(Path(where), trust_pickle, threads, progress or Silent())
    except OSError as error:
        raise InputError(f"{shown(where)}: cannot be read ({shown(error)}); check the path") from error
    if generator is not None:
        _refuse_changing(generator, shown(where))
    return generator


def _open(path: Path, trust_pickle: bool, threads: int | None, progress: Progress) -> Generator | None:
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        return generator_by_name(str(path)) if is_object_name(str(path)) else None
    return _open_file(path, trust_pickle, threads, progress) if path.is_file() else None


def _open_file(path: Path, trust_pickle: bool, threads: int | None, progress: Progress) -> Generator | None:
    kind = path.suffix.lower()
    if kind == ".onnx":
        from probablyexists.generators.onnx_file import open_onnx

        return open_onnx(path, threads)
    if kind in (".ts", ".pt"):
        from probablyexists.generators.torch_files import open_torchscript

        return open_torchscript(path)
    if kind == ".pt2":
        from probablyexists.generators.torch_files import EXPORTED, open_exported

        if trust_pickle:
            progress.say(trusting(path, EXPORTED))
        return open_exported(path, trust_pickle=trust_pickle)
    if kind in (".pkl", ".pickle"):
        from probablyexists.generators.stylegan_pickle import PICKLE, open_stylegan

        if trust_pickle:
            progress.say(trusting(path, PICKLE))
        return open_stylegan(path, trust_pickle=trust_pickle)
    if kind in (".pth", ".ckpt", ".safetensors"):
        raise InputError(
            f"{shown(path)}: weights without their network; give an .onnx or TorchScript export, or module:function"
        )
    return None


def _open_folder(folder: Path) -> Generator | None:
    if (folder / "generator.json").is_file():
        from probablyexists.generators.lab_checkpoint import open_lab_checkpoint

        return open_lab_checkpoint(folder)
    if (folder / "model_index.json").is_file():
        from probablyexists.generators.diffusers_folder import open_diffusers

        return open_diffusers(folder)
    return None


def _refuse_changing(generator: Generator, where: str) -> None:
    """InputError if a seed's picture changes when sampled alone: by fresh noise, or by statistics of the batch."""
    beside, alone = generator.sample([0, 1])[1], generator.sample([1])[0]
    if beside.shape != alone.shape or np.abs(beside.astype(np.int16) - alone.astype(np.int16)).mean() > 1:
        raise InputError(
            f"{where}: the picture of a seed changes from call to call or with the seeds beside it; make it depend on "
            "its seed alone (a network in eval mode, without random layers)"
        )
