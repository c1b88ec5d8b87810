"""The command line: options from the settings, a file of options, help that can be pasted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from probablyexists.attacks.known import ATTACKS
from probablyexists.basis.errors import ProbablyExistsError
from probablyexists.cli.app import app
from probablyexists.cli.summary import summary
from probablyexists.engines.resources import Resources
from probablyexists.intake.settings import AskSettings, AuditSettings, BlindSettings, EmbedSettings, MatchSettings
from probablyexists.results.findings import SecondOpinion
from test_report import TOO_FEW, estimate, sample_findings, trust

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


def test_the_help_names_every_further_attack() -> None:
    """Also on a narrow terminal. The first attack is always used and cannot be added."""
    listed = re.search(r"Names for --more-attacks: (.*?)\. Exit code", " ".join(help_of("audit", 80).split()))
    assert listed is not None
    assert listed[1].split(", ") == [id.partition("/")[0] for id in ATTACKS][1:]


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


def test_the_terminal_says_why_and_what_was_set_aside() -> None:
    for verdict in ("leak", "no evidence", "inconclusive"):
        findings = sample_findings(verdict)
        lines = summary(findings, Path("o")).splitlines()
        assert [line for line in lines if line.startswith("because")] == [f"because: {why}" for why in findings.because]
    aside = [line for line in lines if line.startswith("set aside")]
    assert aside[0] == "set aside: 9 of 1,460 training photos (6 no face found, 2 truncated, 1 not an image)"
    assert aside[-1] == "set aside: 6 of 1,200 generated samples (6 no face found)"
    roles = [role.model_copy(update={"n_no_face": 0, "n_unreadable": {}}) for role in findings.data.roles]
    whole = findings.model_copy(update={"data": findings.data.model_copy(update={"roles": roles})})
    assert "set aside" not in summary(whole, Path("o"))


def test_the_terminal_answers_in_words_with_one_unit_a_line() -> None:
    one, several = sample_findings(n_named=1), sample_findings("no evidence")
    copies = one.copies.model_copy(update={"n_copies": 1, "n_distinct": 1})
    alike = one.resemblance.model_copy(update={"n_likenesses": 1})
    said = summary(one.model_copy(update={"copies": copies, "resemblance": alike}), Path("o"))
    assert "People affected: 9 of 240 members (1 named by likeness, 8 more copied)\n" in said
    assert "  'person-0000': named and copied, exposure +5.4, q = 0.044, 1 copy\n" in said
    assert "  and 4 more people\n" in said
    tells = "Can an attacker tell? unseen photos: yes, p < 0.001; AUROC 0.71 (0.65 to 0.9, n = 240); "
    assert f"{tells}12 % found at 1 % false alarms\n" in said
    assert "Is the split fair? yes; without the generator AUROC 0.49 " in said
    assert "Which samples? 8.1 % resemble a member, 2.9 % a stranger: excess 5.2 % (2.9 to 8 %, n = 240); " in said
    assert "; 1 likeness\n" in said
    assert "Copies? 1 of 1,200 samples is a copy: 9 certain copies (9 people)\n" in said
    assert "Samples: 1,150 distinct; faces that fewer than 1 in 385 samples show can be missing\n" in said
    smallest = "Smallest leak noticed with 80 % power: 7 of 240 members, or an AUROC of 0.58 over all; "
    assert f"{smallest}at most 6 % of members leaked into these samples as clearly as a photo\n" in said
    rates = "false matches 0.94 % (0.47 to 1.88 %, n = 240), false non-matches 21 % "
    assert f"Recogniser 'dlib-resnet-v1 55533b28', threshold 'FMR 1 % on the members': {rates}" in said
    assert "Copies? 0 of 1,200 samples are copies\n" in summary(several, Path("o"))
    assert "; at most 6 %" in summary(several, Path("o"))
    assert said.isascii()


def test_the_terminal_gives_second_opinions() -> None:
    assert "Second opinion" not in summary(sample_findings(), Path("o"))
    plda = SecondOpinion(
        kind="attack",
        id="plda/1",
        auroc={"unseen photos": estimate(0.7, 0.6, 0.8)},
        less_first={"unseen photos": estimate(0.01, -0.02, 0.04)},
        n_exposed=0,
    )
    other = SecondOpinion(kind="recogniser", id="onnx/a", auroc={"seen photos": TOO_FEW}, n_exposed=1)
    lines = summary(sample_findings(second_opinions=[plda, other]), Path("o")).splitlines()
    assert [line for line in lines if line.startswith("Second opinion")] == [
        "Second opinion: attack plda/1: names 0 members at 5 %; AUROC unseen photos 0.7 (0.6 to 0.8, n = 240), "
        "less the audit's own 0.01 (-0.02 to 0.04, n = 240)",
        "Second opinion: recogniser onnx/a: names 1 member at 5 %; "
        "AUROC seen photos not given, needs at least 1000 people, has 900",
    ]


def test_a_p_value_of_the_best_attack_is_not_read_with_the_auroc_of_another() -> None:
    def seen(attacks: int, consensus: str) -> str:
        more = [SecondOpinion(kind="attack", id=f"own-{i}/1", auroc={}, n_exposed=None) for i in range(attacks - 1)]
        plain = sample_findings(second_opinions=more, trust=[trust(), trust(recogniser="onnx/abc")])
        settings = {**plain.signature.settings, "consensus": consensus}
        signature = plain.signature.model_copy(update={"settings": settings})
        lines = summary(plain.model_copy(update={"signature": signature}), Path("o")).splitlines()
        return next(line for line in lines if line.startswith("Can an attacker tell? seen photos: "))

    assert " by the " not in seen(1, "joint")
    assert " by the best of 3 attacks; by the nearest sample: AUROC " in seen(3, "joint")
    assert ", the largest of 2 recognisers'; by the first recogniser: AUROC " in seen(1, "strict")
    both = seen(2, "strict")
    assert " by the best of 2 attacks, the largest of 2 recognisers'; by the nearest sample with the first " in both
