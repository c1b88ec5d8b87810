"""Generators of torch: TorchScript, torch.export, pickles, the lab's, diffusers'; and Python functions."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hostile_inputs.harm import JSON_TEXTS, harm, json_with
from hostile_inputs.kind import MARK, OUTSIDE, Draw, Kind, Planted, chance, pick
from hostile_inputs.members import Mark
from hostile_inputs.onnx_models import DIM, onnx_bytes, sampled, weights
from probablyexists.basis.errors import InputError


def make_torchscripts(folder: Path) -> None:
    """Programs, good and bad; each in a file of its own."""
    import torch
    from torch import nn

    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.from_numpy(weights()))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16)

    class Saves(Linear):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            torch.save(z, "../outside/executed")
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16)

    class Reads(Linear):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16) + torch.from_file("../outside/secret.bin", False, 1)

    class OnLoad(Linear):
        @torch.jit.export
        def __getstate__(self):  # type: ignore[no-untyped-def]
            return self.w, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[torch.Tensor, bool]):  # type: ignore[no-untyped-def]
            torch.save(state[0], "../outside/executed")
            self.w = state[0]  # type: ignore[assignment]
            self.training = state[1]

    class Endless(Linear):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            n = 0
            while z.numel() > 0:
                n += 1
            return z + n

    class Large(Linear):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.ones(4294967296).sum() + torch.tanh(z @ self.w).reshape(-1, 3, 16, 16)

    class Raises(Linear):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            if z.numel() > 0:
                raise ValueError("line\nbreak \x1b[31m")
            return z

    class Prints(Linear):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            print("\x1b[31m printed")
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16)

    class Tuple(Linear):
        def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
            return z, z

    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in (Linear, Saves, Reads, OnLoad, Endless, Large, Raises, Prints, Tuple):
            program: Any = torch.jit.script(kind())
            program.save(str(folder / f"{kind.__name__}.pt"))


def _side(draw: Draw, at: Path) -> str:
    side = {"latent_shape": [DIM], "range": [-1, 1]}
    text, note = json.dumps(side).encode(), ""
    if chance(draw, 0.25):
        text, note = json_with(draw, side)
    at = at.with_suffix(".json")
    odd = pick(draw, ("", *[""] * 20, "fifo", "folder", "sparse", "missing"))
    if odd == "fifo":
        os.mkfifo(at)
    elif odd == "folder":
        at.mkdir()
    elif odd != "missing":
        at.write_bytes(text)
    if odd == "sparse":
        os.truncate(at, 20 << 30)
    return f"; side: {note} {odd}" if note or odd else ""


def plant_torchscript(draw: Draw, folder: Path, world: Any) -> Planted:
    at = folder / pick(draw, ("g.pt", "g.ts"))
    base: Path = world.base / "torchscript"
    never = None
    if chance(draw, 0.45):
        data, note = harm(draw, (base / "Linear.pt").read_bytes())
    elif chance(draw, 0.5):
        data, note = _other_text(draw, base / "Linear.pt")
    else:
        rare = ("Endless", "Large") if chance(draw, 0.2) else ("Saves", "Reads", "OnLoad", "Raises", "Prints", "Tuple")
        which = pick(draw, rare)
        data, note = (base / f"{which}.pt").read_bytes(), which
        never = {"Saves": "executed", "Reads": "escaped", "OnLoad": "executed"}.get(which)
    at.write_bytes(data)
    note += _side(draw, at)
    return Planted(note, lambda: sampled(at), never=never)  # type: ignore[arg-type]


def _other_text(draw: Draw, path: Path) -> tuple[bytes, str]:
    """The program's own text changed: calls of operators, odd names, a part left out or added."""
    calls = (
        "ops.aten.save(z, '../outside/executed')",
        "ops.aten.from_file('../outside/secret.bin', False, 1)",
        "ops.prims.x(z)",
        "__torch__.torch.classes.x.y(z)",
        "annotate(Tensor, z)" + "+z" * 2000,
        "(" * 3000 + "z" + ")" * 3000,
        "\x00",
        "import os",
    )
    call, drop = str(pick(draw, calls)), draw.random()
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(buffer, "w") as made:
        for entry in given.infolist():
            data = given.read(entry)
            if entry.filename.endswith(".py"):
                at = data.find(b"  return")
                data = data[:at] + f"    _x = {call}\n".encode() + data[at:]
            if drop < 0.2 and entry.filename.endswith(("constants.pkl", "version", ".py")):
                continue
            made.writestr(entry.filename, data)
        if drop > 0.8:
            made.writestr("g/data.pkl", pickle.dumps(Mark(Path(f"../{OUTSIDE}/{MARK}"))))
            made.writestr("G/CODE/x.py", "import os")
    return buffer.getvalue(), f"its text with {call[:40]!a}"


def plant_pickle(draw: Draw, folder: Path, _: Any) -> Planted:
    """Pickles and torch.export files without trust: never to be opened."""
    at = folder / pick(draw, ("g.pkl", "g.pickle", "g.pt2", "g.pt", "g.ts", "g.pth", "g.ckpt", "g.safetensors"))
    mark = folder.parent / OUTSIDE / MARK
    body = pickle.dumps({"G_ema": Mark(mark)}, protocol=int(draw.integers(6)))
    how = pick(draw, ("raw", "zip", "torch", "harmed", "tail"))
    if how == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for part in ("g/data.pkl", "g/constants.pkl", "g/version", "model.json", "g/byteorder"):
                if chance(draw, 0.8):
                    archive.writestr(part, body)
        body = buffer.getvalue()
    elif how == "harmed":
        body, _note = harm(draw, body)
    elif how == "tail":
        body = onnx_bytes() + body
    at.write_bytes(body)
    at.with_suffix(".json").write_text(json.dumps({"latent_shape": [DIM]}))
    return Planted(f"{at.name} {how}", lambda: sampled(at), never="executed")


def plant_own_pickle(draw: Draw, folder: Path, world: Any) -> Planted:
    """Our own torch.export file, trusted, damaged."""
    at = folder / "g.pt2"
    data, note = harm(draw, (world.base / "exported" / "g.pt2").read_bytes())
    at.write_bytes(data)
    return Planted(note + _side(draw, at), lambda: sampled(at, trust=True))


def make_exported(folder: Path) -> None:
    import torch
    from torch import nn

    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.from_numpy(weights()))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.tanh(z @ self.w).reshape(-1, 3, 16, 16)

    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(Linear(), (torch.zeros(4, DIM),)), folder / "g.pt2")


def make_lab_generator(folder: Path) -> None:
    from probablyexists.lab.checkpoint import save_generator
    from probablyexists.networks.build import build_generator

    spec = {"name": "dcgan", "size": 16, "base": 4, "latent": 8}
    try:
        network = build_generator(spec)
    except InputError:
        spec = {"name": "dcgan", "size": 16}
        network = build_generator(spec)
    save_generator(folder, network, spec, {"images": 1})


def _a_file_of(draw: Draw, at: Path, jsons: tuple[str, ...], blobs: tuple[str, ...]) -> str:
    """Damage one file of a folder of networks."""
    which = pick(draw, (*jsons, *jsons, *blobs))
    path = at / which
    odd = pick(draw, ("", *[""] * 14, "fifo", "gone", "folder", "sparse", "link"))
    if odd:
        path.unlink()
        if odd == "fifo":
            os.mkfifo(path)
        elif odd == "folder":
            path.mkdir()
        elif odd == "sparse":
            path.touch()
            os.truncate(path, 20 << 30)
        elif odd == "link":
            path.symlink_to(pick(draw, ("/dev/zero", "/dev/random", f"../../{OUTSIDE}/secret.bin", path.name)))
        return f"{which}: {odd}"
    if which in jsons:
        data, note = json_with(draw, json.loads(path.read_text()))
    else:
        data, note = harm(draw, path.read_bytes())
    path.write_bytes(data)
    return f"{which}: {note}"


def plant_lab(draw: Draw, folder: Path, world: Any) -> Planted:
    at = folder / "generator"
    shutil.copytree(world.base / "lab generator", at)
    note = _a_file_of(draw, at, ("generator.json",), ("generator.safetensors",))
    return Planted(note, lambda: sampled(at), follows_paths="link" in note)


def make_diffusers(folder: Path) -> None:
    import importlib

    diffusers: Any = importlib.import_module("diffusers")
    network = diffusers.UNet2DModel(
        sample_size=16,
        block_out_channels=(4,),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        attention_head_dim=2,
        add_attention=False,
    )
    diffusers.DDPMPipeline(network, diffusers.DDPMScheduler(num_train_timesteps=4)).save_pretrained(folder)


def plant_diffusers(draw: Draw, folder: Path, world: Any) -> Planted:
    at = folder / "pipeline"
    shutil.copytree(world.base / "diffusers", at)
    jsons = ("model_index.json", "unet/config.json", "scheduler/scheduler_config.json")
    weights = next(path for path in (at / "unet").iterdir() if path.suffix == ".safetensors")
    note = _a_file_of(draw, at, jsons, (f"unet/{weights.name}",))
    if chance(draw, 0.1):
        weights.unlink(missing_ok=True)
        body = pickle.dumps({"x": Mark(folder.parent / OUTSIDE / MARK)})
        (at / "unet" / "diffusion_pytorch_model.bin").write_bytes(body)
        note += "; pickled weights that run code"
    if chance(draw, 0.1):
        (at / "unet" / "unet.py").write_text(f"import os; os.mkdir({str(folder.parent / OUTSIDE / MARK)!r})")
        note += "; code beside it"
    return Planted(note, lambda: sampled(at), follows_paths="link" in note)


def plant_side(draw: Draw, folder: Path, world: Any) -> Planted:
    at = folder / "g.pt"
    at.write_bytes((world.base / "torchscript" / "Linear.pt").read_bytes())
    text = str(pick(draw, JSON_TEXTS)).encode("utf-8", "surrogatepass")
    note = text[:30].decode(errors="replace")
    if chance(draw, 0.7):
        text, note = json_with(draw, {"latent_shape": [DIM], "range": [-1, 1]})
    at.with_suffix(".json").write_bytes(text)
    return Planted(note, lambda: sampled(at))


def plant_callable(draw: Draw, _folder: Path, _: Any) -> Planted:
    """A Python function whose pictures are odd. Its own code is the user's, and may do anything."""
    kinds: dict[str, Callable[[Any], Any]] = {
        "raises": lambda _: 1 / 0,
        "exits": lambda _: int("x" * 10),
        "nothing": lambda _: None,
        "text": lambda _: "picture",
        "objects": lambda seeds: np.array([None] * len(seeds)),
        "one too few": lambda seeds: np.zeros((max(0, len(seeds) - 1), 16, 16, 3), np.uint8),
        "grey": lambda seeds: np.zeros((len(seeds), 16, 16), np.uint8),
        "floats to 255": lambda seeds: _noise(seeds) * 255.0,
        "floats to 1": lambda seeds: _noise(seeds) * 1.0,
        "NaN": lambda seeds: np.full((len(seeds), 16, 16, 3), np.nan),
        "infinite": lambda seeds: np.full((len(seeds), 3, 16, 16), np.inf, np.float32),
        "int64": lambda seeds: (_noise(seeds) * 255).astype(np.int64),
        "negative": lambda seeds: (_noise(seeds) * 255).astype(np.int16) - 300,
        "bool": lambda seeds: _noise(seeds) > 0.5,
        "complex": lambda seeds: _noise(seeds) * 1j,
        "tiny": lambda seeds: np.zeros((len(seeds), 1, 1, 3), np.uint8),
        "empty": lambda seeds: np.zeros((len(seeds), 0, 16, 3), np.uint8),
        "growing": lambda seeds: np.zeros((len(seeds), 16 + len(seeds), 16, 3), np.uint8),
        "random": lambda seeds: np.random.default_rng().integers(0, 255, (len(seeds), 16, 16, 3)).astype(np.uint8),
        "lists": lambda seeds: [[[0]] * 16] * len(seeds),
        "message": lambda _: _raise(ValueError("line\nbreak\x1b[31m " + "x" * 9000)),
        "surrogate": lambda _: _raise(RuntimeError("\udc80\u202e")),
    }
    which = pick(draw, tuple(kinds))
    return Planted(which, lambda: sampled(kinds[which]))


def _noise(seeds: Any) -> Any:
    return np.stack([np.random.default_rng(seed).random((16, 16, 3)) for seed in seeds])


def _raise(error: Exception) -> Any:
    raise error


def _programs(world: Any) -> object:
    return world.made("torchscript", make_torchscripts)


def _exported(world: Any) -> object:
    return world.made("exported", make_exported)


def _of_the_lab(world: Any) -> object:
    return world.made("lab generator", make_lab_generator)


def _pipeline(world: Any) -> object:
    return world.made("diffusers", make_diffusers)


KINDS = (
    Kind("generator: TorchScript", "generators", plant_torchscript, 0.35, heavy=_programs),
    Kind("generator: side .json", "generators", plant_side, 0.25, heavy=_programs),
    Kind("generator: pickles, no trust", "generators", plant_pickle, 0.8),
    Kind("generator: own .pt2, trusted", "generators", plant_own_pickle, 0.08, heavy=_exported, suite=False),
    Kind("generator: the lab's", "generators", plant_lab, 0.3, heavy=_of_the_lab),
    Kind("generator: diffusers", "generators", plant_diffusers, 0.15, heavy=_pipeline, suite=False),
    Kind("generator: Python function", "generators", plant_callable, 0.3),
)
