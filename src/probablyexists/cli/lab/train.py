"""`probablyexists lab train`."""

from __future__ import annotations

from typing import Annotated

import typer

from probablyexists.basis.errors import required
from probablyexists.basis.threads import limited_threads
from probablyexists.cli.lab.lab_options import Cache, Device, Faces, Out, Threads, checked
from probablyexists.cli.options import Quiet, progress_of


def train(
    faces_of: Annotated[str, typer.Argument(metavar="SET", help="People to train on.")],
    out: Out,
    procedure: Annotated[str, typer.Option(help="dcgan, lsgan, wgan-gp, hinge-sn, r3gan, stylegan2, diffusion.")] = (
        "hinge-sn"
    ),
    people: Annotated[int, typer.Option(help="Members; the other people are held out.")] = 20,
    photos: Annotated[int, typer.Option(help="Training photos of a member.")] = 5,
    unseen: Annotated[int, typer.Option(help="Photos of a member kept out of training.")] = 5,
    images: Annotated[int | None, typer.Option(help="Budget: training images shown, repeats counted.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget: minutes of training.")] = None,
    size: Annotated[int, typer.Option(help="Pixels: 32, 48, 64 or 128; 16 for a trial.")] = 32,
    base: Annotated[int, typer.Option(help="Channels at the largest resolution.")] = 32,
    batch: Annotated[int, typer.Option(help="Images a step.")] = 64,
    augment: Annotated[bool, typer.Option("--augment", help="DiffAugment.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the split, the weights and the batches.")] = 0,
    faces: Faces = None,
    device: Device = "auto",
    threads: Threads = None,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Train one generator on people of a set, and say how to audit it.

        probablyexists lab train people --people 20 --photos 5 --minutes 5 --out one/

    SET: people (drawn), lfw, celeba, orl (below --faces), olivetti (fetched), or
    any folder or manifest with people's names.

    Stopped, the same command goes on where it was. A run trains on one GPU
    (--device cuda:1); on several GPUs start one run for each.
    """
    required("torch", "lab")
    from probablyexists.engines.resources import default_cache
    from probablyexists.lab.design import Design, split
    from probablyexists.lab.machine import find_machine
    from probablyexists.lab.sets import crops, read
    from probablyexists.lab.train import train as train_on
    from probablyexists.lab.training import Training

    settings = checked(
        Training,
        procedure=procedure,
        size=size,
        base=base,
        batch=batch,
        images=images,
        minutes=minutes,
        augment=augment,
        seed=seed,
    )
    design = checked(Design, people=people, photos=photos, unseen=unseen)
    machine, progress, manifest = find_machine(device), progress_of(quiet), out / "split.csv"
    with limited_threads(threads):
        of_set = crops(faces_of, size, faces, cache or default_cache(), progress, design.fewest_photos, threads)
        roles = split(of_set, design, seed)
        if not (manifest.exists() and (out / "training" / "checkpoint.json").exists()):
            roles.write(manifest)  # that of a run in the folder stays: if this is another run, it is refused
        trained = train_on(settings, read(list(roles.trained)), out / "training", machine, progress)
    typer.echo(
        f"{trained.images:,} images in {trained.seconds / 60:.1f} minutes; samples: {trained.generator}/sheet.png\n"
        f"probablyexists audit --training {manifest} --unseen {manifest} --heldout {manifest} "
        f"--generated {trained.generator} --samples 4000 --faces aligned --out {out / 'audit'}"
    )
