"""Command-line options from a task's settings: one option for each field, with the field's docstring as help."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.plain_files import toml_table
from probablyexists.basis.progress import Console, Progress, Silent
from probablyexists.engines.resources import Resources
from probablyexists.intake.settings import checked
from probablyexists.results.cover import Cover

EXPERT = "Expert options"
COVER = "First page of the report"
MACHINE = "Resources"
_FILE = "probablyexists.config"
_EXPERT_FIELDS = (
    *("faces", "recogniser", "feed", "more_recognisers", "consensus", "more_attacks", "level", "seed", "trust_pickle"),
    *("latent_shape", "picture_range", "picture_seconds"),
)

_PANELS = dict.fromkeys(_EXPERT_FIELDS, EXPERT) | dict.fromkeys(Cover.model_fields, COVER)

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

Json = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress on stderr.")]
Seed = Annotated[int, typer.Option(help="Seed for all random choices.")]


def progress_of(quiet: bool) -> Progress:
    """Progress bars on stderr, or none if `quiet`."""
    return Silent() if quiet else Console()


def from_settings(
    kind: type[BaseModel], *, arguments: tuple[str, ...] = (), required: tuple[str, ...] = ()
) -> Decorator:
    """Decorate `command(settings, **own)`: Typer gets an option for each field of `kind`, then those of `command`.

    `arguments`: fields given by position. `required`: optional fields that the command line requires.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        fields = {name: field for name, field in kind.model_fields.items() if name != "resources"}
        shared = {name: field for name, field in Resources.model_fields.items() if name not in _unused(kind)}
        shared = shared if "resources" in kind.model_fields else {}
        extra = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        def needed_first(item: tuple[str, FieldInfo]) -> tuple[int, bool]:
            """Sort key: required options first, and the task's own before those of every task."""
            name, field = item
            return 0 if field.is_required() else 1 if name in required else 2, name not in kind.__annotations__

        parameters = [
            *(_parameter(name, fields.pop(name), typer.Argument, True) for name in arguments),
            *(
                _parameter(name, field, typer.Option, name in required or field.is_required())
                for name, field in sorted(fields.items(), key=needed_first)
            ),
            *(own.replace(kind=inspect.Parameter.KEYWORD_ONLY) for own in extra),
            *(_parameter(name, field, typer.Option, False, MACHINE) for name, field in shared.items()),
            inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config),
            inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        ]

        def run(**given: Any) -> None:
            context = given.pop("context")
            given.pop("config")
            own = {parameter.name: given.pop(parameter.name) for parameter in extra}
            asked = {name: value for name, value in given.items() if value is not None and not _left(context, name)}
            try:
                command(checked(kind, asked), **own)
            except InputError as error:
                if file := in_file(context, *error.options):
                    raise InputError(f"{error.raw} ({file})") from error
                raise

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def _unused(kind: type[BaseModel]) -> tuple[str, ...]:
    """Resources that a task has no use for."""
    known = {"MatchSettings": "cache", "EmbedSettings": "memory", "CheckSettings": "memory"}
    known["DrawSettings"] = "engine ray_address cache"
    return tuple(known.get(kind.__name__, "").split())


def _parameter(
    name: str, field: FieldInfo, how: Callable[..., Any], required: bool, panel: str | None = None
) -> inspect.Parameter:
    names = () if how is typer.Argument else ("-k",) if name == "k" else ("--" + name.replace("_", "-"),)
    panel = panel or (_PANELS.get(name) if names else None)
    typer_option = how(*names, help=field.description, rich_help_panel=panel)
    annotation: Any = Annotated[_on_command_line(field.annotation), typer_option]
    default = None if field.default in (PydanticUndefined, ()) else field.default
    if required:
        default = inspect.Parameter.empty
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _on_command_line(annotation: Any) -> Any:
    """The part of a field's type that a command line can give: of `str | Recogniser | None` it is `str`."""
    if get_origin(annotation) is tuple:
        return list[_on_command_line(get_args(annotation)[0])]  # type: ignore[misc]
    if get_origin(annotation) in (Union, types.UnionType):
        return next(part for part in get_args(annotation) if part in (str, int, float, bool, Path))
    assert annotation in (str, int, float, bool, Path) or get_origin(annotation) is Literal
    return annotation


def _config(context: typer.Context, path: Path | None) -> Path | None:
    """Use the options of a TOML file as defaults; the command line takes precedence."""
    if path is None:
        return None
    given = toml_table(path, option("config", path))
    names = {opt.lstrip("-"): parameter.name for parameter in context.command.params for opt in parameter.opts}
    values = {}
    for key, value in given.items():
        name = names.get(key.replace("_", "-"), names.get(key))
        if name is None or name == "config":
            raise InputError(
                f"{option('config', path)}: no option {key!r}; write options without the --, such as training"
            )
        values[name] = value
    context.default_map = {**(context.default_map or {}), **values}
    context.meta[_FILE] = path
    return path


def _left(context: typer.Context, name: str) -> bool:
    """Whether an option was not given, here or in a file: the settings then have their own default."""
    return getattr(context.get_parameter_source(name), "name", "") == "DEFAULT"


def in_file(context: typer.Context, *names: str) -> str:
    """Where the options came from, for a message about them; empty if none of them came from a file."""
    sources = [getattr(context.get_parameter_source(name), "name", "") for name in names]
    return f"given in {context.meta[_FILE]}" if "DEFAULT_MAP" in sources else ""


Config = Annotated[
    Path | None, typer.Option(help="TOML file of options; the command line wins.", callback=_config, is_eager=True)
]
