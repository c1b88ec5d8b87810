"""How the recognisers that are files are fed: as known, as asked, or as tried on the people of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import Role
from probablyexists.embeddings.embed import Look
from probablyexists.embeddings.feed_trial import try_feeds
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.faces.placing import FacesMode
from probablyexists.sources.open_source import Source


def fed(
    recognisers: Sequence[Recogniser],
    sources: Mapping[Role, Source],
    mode: FacesMode,
    *,
    cache: Path,
    seed: int,
    look: Look,
    progress: Progress,
) -> tuple[list[Recogniser], list[str]]:
    """The same recognisers, each file with its feed, and a caution for each whose feed could not be tried.

    Tried on reference people, who take no part in the comparison of members and held-out people; without them, or if
    too few of them have two photos, on members and held-out people together (see `feed_trial`). InputError if a file
    tells people apart with no feed, or not as asked.
    """
    found: list[Recogniser] = []
    cautions = []
    for recogniser in recognisers:
        if not isinstance(recogniser, OnnxRecogniser):
            found.append(recogniser)
            continue
        called = recogniser.path.name
        if recogniser.certain:
            assert recogniser.known is not None
            progress.say(f"recogniser {called}: is {recogniser.known.name}, fed {recogniser.feed}")
            found.append(recogniser)
            continue
        groups = [[role for role in roles if role in sources] for roles in _ROLES]
        for roles in filter(None, groups):
            people = [(sources[role], mode) for role in roles]
            trial = try_feeds(recogniser, people, cache=cache, seed=seed, look=look)
            if trial.tried:
                break
        if trial.chosen is None:
            todo = f"leave out {option('feed')}" if recogniser.asked else "give a face recogniser, or its feed"
            raise InputError(f"{option('recogniser', recogniser.path)}: {trial.why}; {todo}")
        progress.say(f"recogniser {called}: fed {trial.chosen}, {trial.why}")
        if not trial.tried:
            cautions.append(f"The recogniser {called} was fed {trial.chosen}, {_by(recogniser)}, {trial.why}.")
        found.append(recogniser.fed(trial.chosen))
    return found, cautions


_ROLES: tuple[tuple[Role, ...], ...] = (("reference",), ("training", "heldout"), ("images",))


def _by(recogniser: OnnxRecogniser) -> str:
    if recogniser.asked:
        return "as asked"
    return "as lists say" if recogniser.known is not None else "as most are"
