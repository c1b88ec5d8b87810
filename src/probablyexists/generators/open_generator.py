"""Which generator is at a path, or behind an object."""

from __future__ import annotations

from pathlib import Path

from probablyexists.basis.errors import InputError
from probablyexists.basis.own_code import is_object_name
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.text import shown
from probablyexists.generators.callables import generator_by_name, generator_of_object
from probablyexists.generators.file_checks import check_trust
from probablyexists.generators.file_generator import FileGenerator
from probablyexists.generators.generator import Generator, Given
from probablyexists.generators.lab_checkpoint import DESCRIPTION, FINAL
from probablyexists.generators.open_file import Found, Kind
from probablyexists.generators.own_process import Limits

INDEX = "model_index.json"
_KINDS: dict[str, Kind] = {
    ".onnx": "onnx",
    ".ts": "torchscript",
    ".pt": "torchscript",
    ".pt2": "exported",
    ".pkl": "stylegan",
    ".pickle": "stylegan",
}
_ON_TRUST: dict[Kind, str] = {"exported": "a torch.export file", "stylegan": "a pickle"}


def open_generator(
    where: str | Path | object,
    given: Given | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Generator | None:
    """The generator at `where`; None if it is something else, such as a folder or an archive of images.

    A file is opened by its suffix: .onnx; .ts and .pt (TorchScript); .pt2 (torch.export) and .pkl (StyleGAN2/3), these
    two only on trust. A folder is opened by its content: generator.json (the lab's, also in the folder that `lab train`
    was given) or model_index.json (diffusers). All these run in a process of their own, within `limits`. A name
    module:Name without such a file is Python code; it and objects run in this process: see `callables`.

    Raises InputError, one line beginning with `where`, if the generator cannot be used or does not always give the same
    picture for a seed.
    """
    given, progress = given or Given(), progress or Silent()
    name = shown(where) if isinstance(where, str | Path) else f"the generator ({type(where).__name__})"
    try:
        if not isinstance(where, str | Path):
            return generator_of_object(where, name, given)
        found = generator_at(Path(where))
        if found is None:
            is_code = is_object_name(str(where)) and not Path(where).exists()
            return generator_by_name(str(where), given) if is_code else None
        if found.kind in _ON_TRUST:
            check_trust(found.path, _ON_TRUST[found.kind], given.trust_pickle, progress)
        return FileGenerator(found, given, limits or Limits(), progress)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({shown(error)}); check the path") from error


def is_generator(where: str) -> bool:
    """Whether opening this would run something: it names code, or a file or folder of a network. By names alone.

    >>> is_generator("my.model:sample"), is_generator("no such folder")
    (True, False)
    """
    try:
        return is_object_name(where) or generator_at(Path(where)) is not None
    except InputError:  # weights
        return True
    except OSError:  # nothing that could be opened
        return False


def generator_at(path: Path) -> Found | None:
    """The generator that this file or folder holds, by its names alone; None if it holds none."""
    if path.is_dir():
        for inside in FINAL:
            if (path / inside / DESCRIPTION).is_file():
                return Found("lab", path / inside)
        return Found("diffusers", path) if (path / INDEX).is_file() else None
    if not path.is_file():
        return None
    suffix = path.suffix.lower()
    if suffix in (".pth", ".ckpt", ".safetensors"):
        raise InputError(
            f"{shown(path)}: weights without their network; give an .onnx or TorchScript export, or module:function"
        )
    return Found(_KINDS[suffix], path) if suffix in _KINDS else None
