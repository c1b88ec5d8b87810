"""`probablyexists guard`: make a guard, see what is in it, add and remove people, check pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.text import clean, shown
from probablyexists.cli.guard_summary import KINDS, also_under, described, in_json
from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.cli.pass_phrase import VARIABLE, PassPhraseFile, known_pass_phrase, new_pass_phrase
from probablyexists.intake.settings import GuardSettings

if TYPE_CHECKING:
    from probablyexists.guarding.checking import Guard

guard = typer.Typer(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True
)

RecogniserName = Annotated[str | None, typer.Option(help="The recogniser, if the guard was made with an .onnx file.")]
Cache = Annotated[Path | None, typer.Option(help="Folder for models; default: $PROBABLYEXISTS_CACHE or the user's.")]
GuardFile = Annotated[Path, typer.Argument(metavar="GUARD", help="The file of a guard.")]


@from_settings(GuardSettings, required=("out",))
def _make(
    settings: GuardSettings,
    pass_phrase_file: Annotated[
        Path | None, typer.Option(help=f"Encrypt with the pass phrase in its first line; default: ${VARIABLE}, if set.")
    ] = None,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Encrypt; the terminal asks for the pass phrase.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a guard: one file that tells whether a picture may leave, or shows somebody who must be kept out.

    It refuses copies of the training photos and likenesses of the training
    people. By mistake it also refuses pictures of strangers: at most --rate of
    them on average over draws of the held-out people, who set the threshold. A
    single guard may refuse more; `show` has its interval. n held-out people
    can promise 1 / (n + 1) at best: the default, 1 in 1,000, needs 999.

        probablyexists guard --training T --heldout H --out guard.pe
        probablyexists guard check guard.pe --generated G --to kept/

    One person can be kept out without an audit:

        probablyexists guard --heldout H --out guard.pe
        probablyexists guard add guard.pe me-1.jpg me-2.jpg --name me

    The file is biometric data. It can be encrypted with a pass phrase, which
    comes from a file, from PROBABLYEXISTS_PASS_PHRASE, or from the terminal.
    """
    from probablyexists.tasks.guard import run

    assert settings.out is not None
    made = run(settings, progress_of(quiet), new_pass_phrase(pass_phrase_file, encrypt))
    typer.echo(in_json(made) if as_json else described(made, settings.out))


def _unless_command(make: Callable[..., None]) -> Callable[..., None]:
    """`make` where no command follows; its required options are asked for then only."""
    given_by = make.__signature__.parameters.values()  # type: ignore[attr-defined]
    needed = [one.name for one in given_by if one.default is one.empty and one.name != "context"]

    def entry(**given: Any) -> None:
        if given["context"].invoked_subcommand is not None:
            return
        for name in needed:
            if given[name] is None:
                raise InputError(f"missing option {option(name)}; see probablyexists guard --help")
        make(**given)

    parameters = [one.replace(default=None) if one.name in needed else one for one in given_by]
    entry.__signature__ = make.__signature__.replace(parameters=parameters)  # type: ignore[attr-defined]
    entry.__annotations__, entry.__doc__ = make.__annotations__, make.__doc__
    return entry


guard.callback()(_unless_command(_make))


@guard.command()
def show(
    file: GuardFile,
    pass_phrase_file: PassPhraseFile = None,
    recogniser: RecogniserName = None,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Show who is in a guard, and what it promises.

    probablyexists guard show guard.pe
    """
    found = _open(file, pass_phrase_file, recogniser, cache)[0]
    typer.echo(in_json(found) if as_json else described(found, file))


@guard.command()
def add(
    file: GuardFile,
    photos: Annotated[list[Path], typer.Argument(help="Photos of one person: image files, or one folder or archive.")],
    name: Annotated[str | None, typer.Option(help="What to call the person; default: a pseudonym.")] = None,
    twice: Annotated[
        bool, typer.Option("--twice", help="Add the person even if photos are here already under another name.")
    ] = False,
    pass_phrase_file: PassPhraseFile = None,
    recogniser: RecogniserName = None,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Keep one more person out. The threshold is set again on the held-out people that the guard holds.

    Photos that are in the guard already under another name are refused:
    whoever removes one name would leave the person in.

        probablyexists guard add guard.pe me-1.jpg me-2.jpg --name me
    """
    from probablyexists.basis.errors import ImageError
    from probablyexists.intake.open_sources import open_photos

    found, phrase = _open(file, pass_phrase_file, recogniser, cache)
    source = open_photos(tuple(photos))
    files = [data for _, data in source.stream(source.photos) if not isinstance(data, ImageError)]
    after = found.add(files, name=name, twice=twice)
    others = after.other_names(after.people[-1])
    after.write(file, phrase)
    if as_json:
        typer.echo(in_json(after, others))
        return
    n = int(after.content.members.n_photos[-1])
    typer.echo(f"added: {shown(after.people[-1])}, {n} of {len(source.photos)} photos used")
    for line in also_under(others, file, removed=False):
        typer.echo(line)
    if same := len(found.content.strangers.prints) - len(after.content.strangers.prints):
        typer.echo(f"{same} of the held-out people has one of these photos, and no longer counts")
    typer.echo(described(after, file))


@guard.command()
def remove(
    file: GuardFile,
    person: Annotated[str, typer.Argument(help="Pseudonym or name, as `show` has it.")],
    pass_phrase_file: PassPhraseFile = None,
    recogniser: RecogniserName = None,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Take a person out of a guard, with their photos. The threshold is set again.

    If the person may be there under another name too, it says which.

        probablyexists guard remove guard.pe me
    """
    from probablyexists.report.words import counted

    found, phrase = _open(file, pass_phrase_file, recogniser, cache)
    members = found.content.members
    number = members.number(person)
    others, after = found.other_names(person), found.remove(person)
    after.write(file, phrase)
    if as_json:
        typer.echo(in_json(after, others))
        return
    typer.echo(f"removed: {shown(members.names[number])}, {counted(int(members.n_photos[number]), 'photo')}")
    if more := len(members.pictures) - int(members.n_photos[number]) - len(after.content.members.pictures):
        typer.echo(f"removed too: {counted(more, 'photo')} of nobody known, the same pictures")
    for line in also_under(others, file, removed=True) if len(after) else ():
        typer.echo(line)
    typer.echo(described(after, file))


@guard.command()
def check(
    file: GuardFile,
    generated: Annotated[Path, typer.Option(help="Pictures to check: a folder, an archive or a table.")],
    to: Annotated[Path | None, typer.Option(help="Folder to which the allowed ones are copied.")] = None,
    pass_phrase_file: PassPhraseFile = None,
    recogniser: RecogniserName = None,
    cache: Cache = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check pictures: which are refused, and why; the others can be copied to a folder.

    probablyexists guard check guard.pe --generated G --to kept/
    """
    from probablyexists.guarding.withholding import checked_pictures

    found = _open(file, pass_phrase_file, recogniser, cache)[0]
    if not len(found):
        typer.echo("nobody is in this guard, so everything passes: probablyexists guard add GUARD PHOTOS", err=True)
    rows = list(checked_pictures(found, generated, to, progress_of(quiet)))
    counts = Counter(decision.kind for _, decision in rows)
    if as_json:
        pictures = [{"picture": clean(name), "allowed": one.allowed, **asdict(one)} for name, one in rows]
        typer.echo(json.dumps({"counts": counts, "pictures": pictures}, indent=1))
        return
    for name, decision in rows:
        if not decision.allowed:
            typer.echo(f"{shown(name)}: {decision}")
    allowed = sum(decision.allowed for _, decision in rows)
    said = "; ".join(words.format(n=f"{counts[kind]:,}") for kind, words in KINDS.items() if counts[kind])
    copied = f", and are copied to {shown(to)}" if to else ""
    typer.echo(f"{allowed:,} of {len(rows):,} may leave{copied}" + (f" ({said})" if said else ""))


def _open(file: Path, phrase_file: Path | None, recogniser: str | None, cache: Path | None) -> tuple[Guard, str | None]:
    from probablyexists.guarding.checking import open_guard

    phrase = known_pass_phrase(phrase_file, file)
    return open_guard(file, pass_phrase=phrase, recogniser=recogniser, threads=None, cache=cache), phrase
