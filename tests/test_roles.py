"""Roles are drawn by person, by the shares asked for, and by nothing but the seed."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probablyexists.basis.errors import InputError
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import open_source
from probablyexists.sources.split import draw_roles, write_manifest


def people(*counts: int) -> list[Photo]:
    """Person 0 with counts[0] photos, person 1 with counts[1], ..."""
    return [Photo(f"p{i:03}/{j:03}.jpg", f"p{i:03}") for i, count in enumerate(counts) for j in range(count)]


def by_role(rows: list[tuple[Photo, str]]) -> Counter[str]:
    return Counter(role for _, role in rows)


def test_shares_of_people_and_of_their_photos() -> None:
    rows = draw_roles(people(*[10] * 20), members=0.25, unseen=0.3, seed=0)
    assert by_role(rows) == {"training": 5 * 7, "unseen": 5 * 3, "heldout": 15 * 10}
    per_person = Counter((photo.person, role) for photo, role in rows)
    assert {n for (_, role), n in per_person.items() if role == "unseen"} == {3}


@pytest.mark.parametrize(
    ("n_photos", "unseen", "n_unseen"), [(1, 0.9, 0), (2, 0.9, 1), (4, 0.9, 3), (5, 0.1, 1), (4, 0.1, 0), (3, 0.0, 0)]
)
def test_one_photo_stays_seen_and_halves_round_up(n_photos: int, unseen: float, n_unseen: int) -> None:
    rows = draw_roles(people(n_photos, n_photos), members=0.5, unseen=unseen, seed=3)
    assert by_role(rows)["unseen"] == n_unseen
    assert by_role(rows)["training"] == n_photos - n_unseen
    assert by_role(rows)["heldout"] == n_photos


@pytest.mark.parametrize(("members", "n_members"), [(0.01, 1), (0.99, 3), (0.5, 2), (0.375, 2), (0.37, 1)])
def test_each_side_has_somebody(members: float, n_members: int) -> None:
    rows = draw_roles(people(1, 1, 1, 1), members=members, unseen=0.5, seed=0)
    assert by_role(rows) == {"training": n_members, "heldout": 4 - n_members}


@given(
    counts=st.lists(st.integers(1, 8), min_size=2, max_size=30),
    members=st.floats(0.001, 0.999),
    unseen=st.floats(0, 0.999),
    seed=st.integers(0, 2**32),
    shuffle=st.randoms(use_true_random=False),
)
def test_laws(counts: list[int], members: float, unseen: float, seed: int, shuffle: random.Random) -> None:
    photos = people(*counts)
    rows = draw_roles(photos, members, unseen, seed)
    assert [photo for photo, _ in rows] == sorted(photos), "every photo once, sorted"
    sides: dict[str | None, set[str]] = {}
    for photo, role in rows:
        sides.setdefault(photo.person, set()).add(role)
    assert all(side == {"heldout"} or ("heldout" not in side and "training" in side) for side in sides.values())
    assert {"training", "heldout"} <= {role for _, role in rows}
    mixed = photos[:]
    shuffle.shuffle(mixed)
    assert draw_roles(mixed, members, unseen, seed) == rows
    assert draw_roles(mixed + mixed, members, unseen, seed) == rows


def test_the_seed_decides() -> None:
    photos = people(*[4] * 40)
    assert draw_roles(photos, 0.5, 0.5, 1) == draw_roles(photos, 0.5, 0.5, 1)
    assert draw_roles(photos, 0.5, 0.5, 1) != draw_roles(photos, 0.5, 0.5, 2)


def test_one_persons_photos_do_not_change_anothers_draw() -> None:
    few, more = people(*[6] * 10), people(*[6] * 9, 9)
    of_few = [row for row in draw_roles(few, 0.5, 0.5, 0) if row[0].person != "p009"]
    of_more = [row for row in draw_roles(more, 0.5, 0.5, 0) if row[0].person != "p009"]
    assert of_few == of_more


def test_everybody_has_the_same_chance() -> None:
    photos = people(*[1] * 10)
    drawn = Counter(
        photo.person for seed in range(500) for photo, role in draw_roles(photos, 0.5, 0, seed) if role == "training"
    )
    assert len(drawn) == 10
    assert all(190 <= n <= 310 for n in drawn.values())  # mean 250, standard deviation 11.2


@pytest.mark.parametrize("members", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_share_of_members_out_of_range(members: float) -> None:
    with pytest.raises(InputError, match="share of members"):
        draw_roles(people(1, 1), members, 0.5, 0)


@pytest.mark.parametrize("unseen", [1.0, -0.1, float("nan")])
def test_share_of_unseen_out_of_range(unseen: float) -> None:
    with pytest.raises(InputError, match="share of unseen"):
        draw_roles(people(1, 1), 0.5, unseen, 0)


def test_too_few_people_or_no_people() -> None:
    with pytest.raises(InputError, match="1 people are too few"):
        draw_roles(people(5), 0.5, 0.5, 0)
    with pytest.raises(InputError, match="0 people are too few"):
        draw_roles([], 0.5, 0.5, 0)
    with pytest.raises(InputError, match=r"a\.jpg has no person"):
        draw_roles([Photo("a.jpg", None), *people(1, 1)], 0.5, 0.5, 0)


ODD = ["an,n", 'bo"b', "c\nc", "<script>", "ünï", "normal", "=1+1", " spaced"]


def test_a_manifest_comes_back_as_it_was_drawn(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for person in ODD:
        for name in ("1.jpg", "sub/2.jpg", "x;,y.png"):
            (root / person / name).parent.mkdir(parents=True, exist_ok=True)
            (root / person / name).write_bytes(f"{person}/{name}".encode())
    rows = draw_roles(open_source(root).photos, 0.5, 0.4, 7)
    for place in (root / "split.csv", tmp_path / "split.csv", tmp_path / "new" / "folder" / "split.csv"):
        write_manifest(place, rows, root)
        for role in ("training", "unseen", "heldout"):
            source = open_source(place, role=role)
            wanted = {photo.path for photo, its in rows if its == role}
            assert {
                bytes(data).decode() for _, data in source.stream(source.photos) if isinstance(data, bytes)
            } == wanted
            assert {photo.person for photo in source.photos} == {
                photo.person.strip() for photo, its in rows if its == role if photo.person
            }


def test_the_manifest_on_paper(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    rows = [(Photo("ann/1.jpg", "ann"), "training"), (Photo("bob/1.jpg", "bob"), "heldout")]
    write_manifest(tmp_path / "out" / "split.csv", rows, tmp_path / "set")
    text = (tmp_path / "out" / "split.csv").read_bytes().decode()
    assert text == "path,person,role\n../set/ann/1.jpg,ann,training\n../set/bob/1.jpg,bob,heldout\n"
    with (tmp_path / "out" / "split.csv").open(newline="") as file:
        assert [row["role"] for row in csv.DictReader(file)] == ["training", "heldout"]
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "split.csv"]


def test_a_manifest_cannot_point_into_an_archive_or_lie_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="unpack"):
        write_manifest(tmp_path / "split.csv", [], tmp_path / "set.zip")
    with pytest.raises(InputError, match="cannot be written"):
        write_manifest(tmp_path / "set.zip" / "split.csv", [], tmp_path)
