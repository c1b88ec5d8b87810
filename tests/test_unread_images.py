"""Photos of which none can be used: the message counts the reasons, and what it advises fits them."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings.embed import embed, in_threads, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.intake.embed_sources import embed_sources
from probablyexists.sources.open_source import open_source

HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100)


def photo(person: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(draw_photo(draw_person(11, person), 0, 128)).save(buffer, "JPEG")
    return buffer.getvalue()


def landscape() -> bytes:
    buffer = io.BytesIO()
    slope = np.linspace(0, 250, 96, dtype=np.uint8)
    Image.fromarray(np.broadcast_to(slope[:, None, None], (96, 96, 3)).copy()).save(buffer, "PNG")
    return buffer.getvalue()


def message(folder: Path, files: list[bytes], recogniser: DlibRecogniser) -> str:
    folder.mkdir()
    for number, data in enumerate(files):
        (folder / f"{number}.jpg").write_bytes(data + bytes(number))
    with pytest.raises(InputError) as caught:
        embed_sources(
            {"training": open_source(folder)},
            "detect",
            recogniser,
            folder.parent / "cache",
            in_threads(1),
            Silent(),
        )
    return caught.value.on_command_line


@pytest.fixture
def without_heic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)


def test_photos_of_phones_only_are_named_with_their_cure(
    tmp_path: Path, recogniser: DlibRecogniser, without_heic: None
) -> None:
    said = message(tmp_path / "photos", [HEIC] * 3, recogniser)
    assert said == (
        f"--training {tmp_path / 'photos'}: no face from any of 3 images (3 HEIC not read); "
        "run: pip install pi-heif; or convert to JPEG or PNG"
    )


def test_truncated_photos_only_are_not_blamed_on_the_way_faces_are_found(
    tmp_path: Path, recogniser: DlibRecogniser
) -> None:
    said = message(tmp_path / "photos", [photo(n)[:900] for n in range(3)], recogniser)
    assert said.endswith("no face from any of 3 images (3 truncated); check the files")


def test_pictures_without_a_face_are_counted_apart_from_those_not_read(
    tmp_path: Path, recogniser: DlibRecogniser, without_heic: None
) -> None:
    files = [landscape(), landscape(), HEIC, photo(0)[:900], photo(1)[:900], photo(2)[:900]]
    said = message(tmp_path / "photos", files, recogniser)
    assert "6 images (3 truncated, 2 no face found, 1 HEIC not read); " in said
    assert "pip install pi-heif" in said
    assert said.endswith("; try --faces aligned if the images are face crops")


def test_photos_set_aside_before_their_library_was_installed_are_read_afterwards(
    tmp_path: Path, recogniser: DlibRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = tmp_path / "photos", tmp_path / "cache"
    folder.mkdir()
    (folder / "0.heic").write_bytes(HEIC)

    def reasons() -> list[str]:
        store = open_store(cache, recogniser, "detect")
        table = embed(open_source(folder), recogniser, store, "detect", Silent(), "photos", in_threads(1))
        return [aside.reason for aside in table.set_aside]

    class Reads:
        def __init__(self, file: object) -> None:
            raise OSError("a damaged file")

    installed = ModuleType("pi_heif")
    installed.HeifImageFile = Reads  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    assert reasons() == ["HEIC not read"]
    monkeypatch.setitem(sys.modules, "pi_heif", installed)
    assert reasons() == ["damaged"]
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    assert reasons() == ["HEIC not read"]
