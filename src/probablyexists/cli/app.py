"""The commands; each is in its own file."""

from __future__ import annotations

from typing import Annotated

import typer

from probablyexists import __version__
from probablyexists.cli.ask import ask
from probablyexists.cli.audit import audit
from probablyexists.cli.blind import blind
from probablyexists.cli.compare import compare
from probablyexists.cli.demo import demo
from probablyexists.cli.draw import draw
from probablyexists.cli.embed import embed
from probablyexists.cli.export import export
from probablyexists.cli.guard import guard
from probablyexists.cli.lab import lab
from probablyexists.cli.match import match
from probablyexists.cli.reaudit import reaudit
from probablyexists.cli.recognisers import recognisers
from probablyexists.cli.reference import reference
from probablyexists.cli.schema import schema
from probablyexists.cli.show import show
from probablyexists.cli.split import split
from probablyexists.cli.withhold import withhold

app = typer.Typer(
    help="Find out whose face a generative model remembers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    audit,
    show,
    reaudit,
    compare,
    withhold,
    ask,
    blind,
    draw,
    embed,
    match,
    split,
    reference,
    export,
    demo,
    schema,
):
    app.command()(command)
app.add_typer(guard, name="guard")
app.add_typer(recognisers, name="recognisers")
app.add_typer(lab, name="lab")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"probablyexists {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
