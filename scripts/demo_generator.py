"""Make the demo's generator: train a small GAN on drawn people, one of them far too often, and export it to ONNX.

    python scripts/demo_generator.py --out scratch/demo-generator

Writes src/probablyexists/assets/demo-generator.onnx and prints its SHA-256, which belongs into demo.py. Stopped, it
goes on where it was. 64 px, hinge loss with spectral norm (Miyato et al. 2018), 200,000 images, seed 0.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from probablyexists.basis.files import sha256_file
from probablyexists.basis.progress import Console
from probablyexists.demo import GENERATOR, N_MEMBERS, POPULATION, member_photos
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.lab.machine import find_machine
from probablyexists.lab.train import train
from probablyexists.lab.training import Training
from probablyexists.networks.build import build_generator

SIZE = 64
ASSETS = Path(__file__).parents[1] / "src" / "probablyexists" / "assets"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    wanted = [(person, photo) for person in range(N_MEMBERS) for photo in member_photos(person)]
    with ThreadPoolExecutor() as pool:
        photos = np.stack(list(pool.map(small, wanted)))
    settings = Training(procedure="hinge-sn", size=SIZE, base=24, batch=32, mirror=False, images=args.images)
    trained = train(settings, photos, args.out, find_machine("cpu"), Console())
    network = build_generator({"name": "dcgan", "size": SIZE, "base": 24}).eval()
    network.load_state_dict(load_file(trained.generator / "generator.safetensors"))
    ASSETS.mkdir(exist_ok=True)
    torch.onnx.export(
        network,
        (torch.zeros(1, 128),),
        ASSETS / GENERATOR,
        dynamo=False,
        input_names=["latent"],
        output_names=["image"],
        dynamic_axes={"latent": {0: "n"}, "image": {0: "n"}},
        opset_version=17,
    )
    print(f"{trained.seconds / 60:.1f} minutes; {sha256_file(ASSETS / GENERATOR)}")


def small(which: tuple[int, int]) -> np.ndarray:
    """A member's photo as the generator learns it, (64, 64, 3)."""
    picture = Image.fromarray(draw_photo(draw_person(POPULATION, which[0]), which[1]))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main()
