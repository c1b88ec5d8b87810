"""mkdocs hook: a page for each command, made from the program's own help when the site is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from probablyexists.cli.app import app

FOLDER = "reference/commands"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add `reference/commands/audit.md` and the others."""
    for name, text in command_pages().items():
        files.append(File.generated(config, f"{FOLDER}/{name}.md", content=text))
    return files


def command_pages() -> dict[str, str]:
    """Name of a command -> its page in Markdown, with the commands below it."""
    root: Any = typer.main.get_command(app)
    above = root.make_context("probablyexists", [], resilient_parsing=True)
    return {name: "\n".join(_page(command, name, above, 1)) for name, command in root.commands.items()}


def _page(command: Any, name: str, above: Any, level: int) -> Iterator[str]:
    context = command.make_context(name, [], parent=above, resilient_parsing=True)
    below = getattr(command, "commands", {})
    runs_alone = not below or command.invoke_without_command
    yield f"{'#' * level} {context.command_path.removeprefix('probablyexists ')}\n"
    if runs_alone:
        yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    yield _described(command.help or "") + "\n"
    if runs_alone:
        panels: dict[str, list[Any]] = {}
        for parameter in command.get_params(context):
            if not getattr(parameter, "hidden", False):
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panels.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(parameter)
        for title, parameters in panels.items():
            kind = "argument" if title == "Arguments" else "option"
            yield f"**{title}**\n\n| {kind} | meaning |\n|---|---|"
            yield from (_row(*parameter.get_help_record(context)) for parameter in parameters)
            yield ""
    for word, one in below.items():
        yield from _page(one, word, context, level + 1)


def _row(names: str, said: str) -> str:
    """A row of a table. Choices are named one by one: a bar in a code span would end the cell."""
    option, _, value = names.partition(" <")
    choices = value.rstrip(">").split("|") if "|" in value else []
    first = f"`{option}` " + " or ".join(f"`{choice}`" for choice in choices) if choices else f"`{names}`"
    return f"| {first} | {_cell(said)} |"


def _cell(said: str) -> str:
    return re.sub(r"([|*_<\[\]])", r"\\\1", " ".join(said.split()))


def _described(text: str) -> str:
    """Help as Markdown: what is indented is a block of commands, and so is an example that stands alone."""
    parts = []
    for part in text.split("\n\n"):
        if part.startswith("    ") or part.startswith("probablyexists "):
            block = "\n".join(line.removeprefix("    ") for line in part.splitlines())
            parts.append(f"```sh\n{block}\n```")
        else:
            parts.append(re.sub(r"([*_<\[\]])", r"\\\1", part))
    return "\n\n".join(parts)
