"""`probablyexists recognisers`: what is known of face recognisers, checking one on photos, and fetching one."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import CheckSettings

if TYPE_CHECKING:
    from pathlib import Path

    from probablyexists.embeddings.kept_networks import Kept
    from probablyexists.embeddings.known_networks import Known
    from probablyexists.tasks.recogniser_check import Check, Checked

recognisers = typer.Typer(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False
)
_SURE = {
    "checked": "read in the network's own repository",
    "listed": "from lists of other projects, so it is tried on photos first",
    "told": "no hash is known, so a file of it is tried on photos",
}


@recognisers.callback()
def listing(context: typer.Context, as_json: Json = False) -> None:
    """List the face recognisers that are known, their licences, where to get them, and which are here.

        probablyexists recognisers

    A file is known by its hash, never by its name. Those that are here are in
    the cache or in ~/.insightface. Use one by its name or by its path:

        probablyexists audit --training T --heldout H --generated G \\
            --out audit/ --recogniser SFace

    Which one for whom: docs/recognisers.md.
    """
    if context.invoked_subcommand is not None:
        return
    from probablyexists.embeddings.kept_networks import kept
    from probablyexists.embeddings.known_networks import KNOWN
    from probablyexists.engines.resources import Resources

    here = list(kept(Resources().cache))
    if as_json:
        rows = [{**asdict(one), "here": _paths(one, here), "get": _get(one)} for one in KNOWN]
        typer.echo(json.dumps(rows, indent=1))
        return
    typer.echo("\n".join(_default() + [line for one in KNOWN for line in _described(one, here)]))
    if others := sum(file.known is None for file in here):
        typer.echo(f"\n{others} other ONNX files are beside them, whose hashes are not known.")


def _default() -> list[str]:
    return [
        "dlib (default), dlib-float32",
        "  here     in an installed package",
        "  trained  FaceScrub, VGG-Face and pictures from the internet; without the people of LFW",
        "  licence  CC0",
        "  said     LFW 99.38 %",
    ]


def _described(one: Known, here: list[Kept]) -> list[str]:
    said = {
        "here": ", ".join(map(str, _paths(one, here))) or "no",
        "get": _get(one),
        "trained": one.trained_on or "not known",
        "licence": one.licence,
        "fed": f"{one.feed} ({_SURE[one.sure]})",
        "said": one.accuracy or "nothing published",
        "sha256": one.sha256 or "not known",
    }
    lines = [textwrap.wrap(value, 100, break_on_hyphens=False) for value in said.values()]
    return ["", one.name] + [
        f"  {name if not number else '':<8} {line}"
        for name, wrapped in zip(said, lines, strict=True)
        for number, line in enumerate(wrapped)
    ]


def _paths(one: Known, here: list[Kept]) -> list[str]:
    return [str(file.path) for file in here if file.known == one]


def _get(one: Known) -> str:
    if one.repo is not None:
        return f"probablyexists recognisers fetch {one.name}"
    return f"{one.file} (see {one.page})" if one.file is not None else f"{one.page}; export it to ONNX"


@recognisers.command()
@from_settings(CheckSettings, arguments=("recogniser",))
def check(settings: CheckSettings, as_json: Json = False, quiet: Quiet = False) -> None:
    """Measure a recogniser on photos of people you know, beside the default: is it fed rightly, is it better?

    RECOGNISER is an .onnx file, or a name as for audit. PHOTOS is one folder
    a person with two photos each or more, or a manifest; best are photos like
    those that you will audit.

        probablyexists recognisers check arcface.onnx --photos photos/

    Thresholds are set on half of the people and measured on the other half:
    false matches are two people taken for one (FMR), false non-matches one
    person taken for two (FNMR).

    Exit code: 0 done; 2 bad input, or a network that tells nobody apart,
    3 a failure of the program.
    """
    from pydantic import TypeAdapter

    from probablyexists.tasks.recogniser_check import check_recogniser_on

    found = check_recogniser_on(settings, progress_of(quiet))
    typer.echo(TypeAdapter(type(found)).dump_json(found, indent=1).decode() if as_json else _checked(found))


def _checked(found: Check) -> str:
    lines = [
        f"{found.n_people:,} of {found.n_given:,} people with two photos or more in {found.photos}: "
        f"{found.n_measured:,} are measured, at thresholds set on the others"
    ]
    for one in found.recognisers:
        lines += ["", one.recogniser + (f": known as {one.known_as}" if one.known_as else ""), *_about(one)]
    return "\n".join(lines)


def _about(one: Checked) -> list[str]:
    from probablyexists.cli.summary import errors

    lines = []
    if one.feed is not None:
        lines.append(f"  fed      {one.feed}: {one.why}" if one.why else f"  fed      {one.feed}")
    lines += [f"  {_AT[rates.kind]} {errors(rates.fmr, rates.fnmr)}" for rates in reversed(one.rates)]
    lines.append(f"  speed    {one.faces_a_second:,.0f} aligned faces a second on one core")
    lines.append(f"  trained  {one.trained_on or 'not known'}")
    if one.overlaps:
        lines.append(
            "           by their name, these photos show people of its training data: on others it may do worse"
        )
    lines.append(f"  licence  {one.licence or 'not known: ask where the file comes from'}")
    return lines


_AT: dict[str, str] = {
    "fmr-1-percent": "threshold of 1 % false matches:",
    "resemblance": "threshold at which 1 % of photos match some stranger, as of an audit:",
}


@recognisers.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name of the list: AuraFace-v1, SFace, LVFace-T, ...")],
    yes: Annotated[bool, typer.Option("--yes", help="Accept the licence without being asked, for scripts.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fetch a recogniser from its own page at Hugging Face into the cache; its hash is checked before it is used.

        probablyexists recognisers fetch SFace

    No other command fetches one, and nothing of yours is sent. Needs the
    package huggingface_hub.

    Exit code: 0 done; 2 bad input, no network, another file than expected, or
    the licence was not accepted, 3 a failure of the program.
    """
    from probablyexists.basis.errors import InputError
    from probablyexists.embeddings.kept_networks import fetched_to
    from probablyexists.engines.resources import Resources
    from probablyexists.tasks.recogniser_fetch import fetch_recogniser, fetchable, is_here

    cache = Resources().cache
    one = fetchable(name)
    path, there = fetched_to(one, cache), is_here(one, cache)
    if not there:
        trained = one.trained_on or "not known"
        typer.echo(f"{one.name}, licence: {one.licence}. Trained on: {trained}. From: {one.repo}", err=True)
        if not yes and not _accepted():
            raise InputError(f"{one.name}: not fetched, because its licence was not accepted")
        path = fetch_recogniser(one, cache, quiet=quiet)
    _tell(one, path, there, as_json)


def _accepted() -> bool:
    """Whether the user says yes; False where nobody can be asked."""
    try:
        return typer.confirm("Do you accept its licence?", err=True)
    except typer.Abort:
        return False


def _tell(one: Known, path: Path, there: bool, as_json: bool) -> None:
    said: dict[str, Any] = {"name": one.name, "path": str(path), "sha256": one.sha256, "fetched": not there}
    typer.echo(json.dumps(said) if as_json else f"{path}; use it with --recogniser {one.name}")
