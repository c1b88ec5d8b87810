"""Who is trained on and who is held out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from probablyexists.basis.errors import InputError
from probablyexists.lab.design import Design, Split, split
from probablyexists.lab.sets import Crop
from probablyexists.sources.open_source import open_source


def crops(counts: dict[str, int]) -> list[Crop]:
    return [Crop(name, f"{name}/{k}.png", Path(f"/{name}-{k}.png")) for name, n in counts.items() for k in range(n)]


EVERYBODY = crops({f"p{i:02d}": 10 for i in range(12)})


def people(chosen: tuple[Crop, ...]) -> set[str]:
    return {crop.person for crop in chosen}


def counts(chosen: tuple[Crop, ...]) -> Counter[str]:
    return Counter(crop.person for crop in chosen)


def test_the_roles_share_no_photo_and_members_are_not_held_out() -> None:
    roles = split(EVERYBODY, Design(people=4, photos=5, unseen=3), seed=0)
    assert counts(roles.training) == dict.fromkeys(people(roles.training), 5)
    assert counts(roles.unseen) == dict.fromkeys(people(roles.training), 3)
    assert not set(roles.training) & set(roles.unseen)
    assert not people(roles.training) & people(roles.heldout)
    assert len(people(roles.training) | people(roles.heldout)) == 12
    assert roles.trained == roles.training


def test_the_order_of_the_set_changes_nothing() -> None:
    design = Design(people=4, photos=5, unseen=3)
    assert split(EVERYBODY, design, seed=3) == split(EVERYBODY[::-1], design, seed=3)
    assert split(EVERYBODY, design, seed=3) != split(EVERYBODY, design, seed=4)


def test_who_has_too_few_photos_for_a_member_is_nobody() -> None:
    """Members and held-out people are drawn from the same kind of people."""
    roles = split(EVERYBODY + crops({"few": 7}), Design(people=4, photos=5, unseen=3), seed=0)
    assert "few" not in people(roles.heldout) | people(roles.training)
    everybody = split(EVERYBODY + crops({"few": 7}), Design(people=4, photos=5, unseen=3, heldout="everybody"), seed=0)
    assert "few" in people(everybody.heldout)
    assert "few" not in everybody.controls
    assert everybody.controls == people(roles.heldout)


@pytest.mark.parametrize(
    ("given", "fewest"),
    [
        ({"photos": 5, "unseen": 3}, 8),
        ({"photos": 2, "unseen": 1, "most": 8}, 9),
        ({"dose": (1, 2, 4), "unseen": 2}, 6),
        ({"photos": "all", "unseen": 4}, 1),
        ({"photos": 5, "unseen": 3, "heldout": "everybody"}, 1),
        ({"photos": 5, "unseen": 3, "truth": "strangers"}, 8),
    ],
)
def test_who_cannot_have_a_role_changes_no_draw(given: dict[str, Any], fewest: int) -> None:
    """So that nothing needs to be cropped of them."""
    design = Design(people=4, **given)
    assert design.fewest_photos == fewest
    some = crops({f"q{n}": n for n in range(1, 12)})
    enough = [crop for crop in some if int(crop.person[1:]) >= fewest]
    for seed in range(5):
        assert split(EVERYBODY + some, design, seed) == split(EVERYBODY + enough, design, seed)


def test_a_dose_is_handed_out_at_random_and_equally_often() -> None:
    design = Design(people=6, dose=(1, 2, 4), unseen=2)
    found = [counts(split(EVERYBODY, design, seed).training) for seed in range(20)]
    assert all(sorted(given.values()) == [1, 1, 2, 2, 4, 4] for given in found)
    given_to_p00 = {given["p00"] for given in found if "p00" in given}
    assert given_to_p00 == {1, 2, 4}


def test_the_over_represented_person_is_one_member_drawn_at_random() -> None:
    drawn = set()
    for seed in range(30):
        roles = split(EVERYBODY, Design(people=4, photos=2, unseen=1, most=8), seed)
        assert roles.most is not None
        assert counts(roles.training)[roles.most] == 8
        assert sorted(counts(roles.training).values()) == [2, 2, 2, 8]
        drawn.add(roles.most)
    assert len(drawn) > 5


def test_natural_counts_keep_back_at_most_half() -> None:
    roles = split(
        crops({"one": 1, "three": 3, "many": 40, "other": 1}),
        Design(people=3, photos="all", unseen=4, include=("one", "three", "many")),
        seed=0,
    )
    assert counts(roles.training) == {"one": 1, "three": 2, "many": 36}
    assert counts(roles.unseen) == {"three": 1, "many": 4}
    assert roles.most == "many"
    assert people(roles.heldout) == {"other"}


def test_strangers_are_trained_on_in_place_of_the_members() -> None:
    roles = split(EVERYBODY, Design(people=4, photos=5, unseen=3, truth="strangers"), seed=0)
    assert len(people(roles.trained)) == 4
    told = people(roles.training) | people(roles.heldout) | people(roles.unseen)
    assert not people(roles.trained) & told


def test_a_picture_that_stands_twice_counts_once() -> None:
    twice = [Crop("p00", f"p00/again-{k}.png", Path(f"/p00-{k}.png")) for k in range(10)]
    design = Design(people=11, photos=10, unseen=0)
    roles = split(EVERYBODY + twice, design, seed=0)
    assert set(counts(roles.training + roles.heldout).values()) == {10}


def test_too_few_people_are_refused_in_one_line() -> None:
    with pytest.raises(
        InputError, match="needs 12 people and some held-out ones with at least 8 photos, the set has 12"
    ):
        split(EVERYBODY, Design(people=12, photos=5, unseen=3), seed=0)
    with pytest.raises(InputError, match="nobody must be members"):
        split(EVERYBODY, Design(people=2, photos=5, include=("nobody",)), seed=0)


def test_the_manifest_is_what_an_audit_reads(tmp_path: Path) -> None:
    for crop in EVERYBODY:
        (tmp_path / crop.path.name).touch()
    here = [Crop(crop.person, crop.photo, tmp_path / crop.path.name) for crop in EVERYBODY]
    roles: Split = split(here, Design(people=4, photos=5, unseen=3), seed=0)
    roles.write(tmp_path / "split.csv")
    for role, chosen in (("training", roles.training), ("unseen", roles.unseen), ("heldout", roles.heldout)):
        source = open_source(tmp_path / "split.csv", role=role)
        assert {(photo.person, Path(photo.path)) for photo in source.photos} == {(c.person, c.path) for c in chosen}
