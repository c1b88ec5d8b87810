"""Public face sets through scikit-learn's own fetchers, unpacked to one folder a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text, written_whole


def fetch(name: str, cache: Path) -> Path:
    """The folder of `lfw` or `olivetti`, fetched now if it never was (scikit-learn keeps its own copy).

    Raises InputError where there is no network.
    """
    folder = cache / "lab" / "fetched" / name
    if (folder / "whole").exists():
        return folder / "photos"
    from sklearn.datasets import fetch_lfw_people, fetch_olivetti_faces

    try:
        if name == "olivetti":
            bunch = fetch_olivetti_faces(data_home=str(cache / "scikit-learn"))
            names = [f"person-{number:02d}" for number in bunch.target]
        else:
            bunch = fetch_lfw_people(
                data_home=str(cache / "scikit-learn"), funneled=True, color=True, resize=1.0, slice_=None
            )
            names = [str(bunch.target_names[number]).replace(" ", "_") for number in bunch.target]
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise InputError(f"set {name}: cannot be fetched ({said}); give a folder that holds it with --faces") from None
    for number, (person, picture) in enumerate(zip(names, bunch.images, strict=True)):
        with written_whole(folder / "photos" / person / f"{number:05d}.png") as aside:
            Image.fromarray(np.round(picture * 255).clip(0, 255).astype(np.uint8)).save(aside, format="PNG")
    write_text(folder / "whole", "")
    return folder / "photos"
