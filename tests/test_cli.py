"""The command line: options from the settings, a file of options, help that can be pasted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from probablyexists.basis.errors import ProbablyExistsError
from probablyexists.cli.app import app
from probablyexists.engines.resources import Resources
from probablyexists.intake.settings import AskSettings, AuditSettings, BlindSettings, EmbedSettings, MatchSettings

KINDS = {
    "audit": AuditSettings,
    "ask": AskSettings,
    "blind": BlindSettings,
    "embed": EmbedSettings,
    "match": MatchSettings,
}


def help_of(command: str, columns: int) -> str:
    return CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": str(columns)}).output


@pytest.mark.parametrize("command", KINDS)
def test_every_setting_is_an_option_or_an_argument_with_its_help(command: str) -> None:
    said = " ".join(re.sub(r"[│╭╰─╮╯]", " ", help_of(command, 200)).split())
    fields = {name: field for name, field in KINDS[command].model_fields.items() if name != "resources"}
    for name, field in fields.items():
        assert name == "k" or f"--{name.replace('_', '-')}" in said or f" {name}" in said
        assert field.description is not None
        assert field.description in said
    unused = {"match": "cache", "embed": "memory"}.get(command)
    assert all((f"--{name.replace('_', '-')} " in said) == (name != unused) for name in Resources.model_fields)


@pytest.mark.parametrize("command", [*KINDS, "split"])
def test_no_example_is_wrapped_on_a_narrow_terminal(command: str) -> None:
    def examples(columns: int) -> list[str]:
        lines = [line.strip() for line in help_of(command, columns).splitlines()]
        return [line for line in lines if line.startswith("probablyexists ")]

    assert examples(80)
    assert examples(80) == examples(200)


def test_choices_are_listed_and_expert_options_have_a_panel() -> None:
    said = help_of("audit", 120)
    assert "auto|detect|aligned" in said
    assert "local|ray" in said
    first, expert, machine = re.split(r"Expert options|Resources", said)
    assert "--training" in first
    assert "--more-attacks" in expert
    assert "--threads" in machine


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(result.exception, ProbablyExistsError), result.output
    return result.exception.on_command_line


def test_a_file_takes_any_option_and_the_command_line_wins(tmp_path: Path) -> None:
    config = tmp_path / "audit.toml"
    config.write_text(
        f'training = "{tmp_path}/t"\nheldout = "{tmp_path}/h"\ngenerated = "{tmp_path}/g"\n'
        f'out = "{tmp_path}/o"\nmore-attacks = ["nearest-10", "none-such"]\nthreads = 3\nquiet = true\n'
    )
    assert refused("audit", "--config", config).startswith("--more-attacks none-such: not known")
    assert refused("audit", "--config", config, "--threads", 0).startswith("--threads 0: input should be")
    config.write_text("treads = 1\n")
    assert "no option 'treads'" in refused("audit", "--config", config)
    config.write_text("no TOML")
    assert "is not valid TOML" in refused("audit", "--config", config)
    assert "cannot be read" in refused("audit", "--config", tmp_path / "none.toml")


def test_completion_is_there() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
