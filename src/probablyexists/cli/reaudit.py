"""`probablyexists reaudit`."""

from __future__ import annotations

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.cli.pass_phrase import PassPhraseFile, known_pass_phrase
from probablyexists.intake.settings import ReauditSettings


@from_settings(ReauditSettings, arguments=("before",), required=("out",))
def reaudit(
    settings: ReauditSettings, pass_phrase_file: PassPhraseFile = None, as_json: Json = False, quiet: Quiet = False
) -> None:
    """Audit again after a change, so that compare can judge what it did.

    BEFORE is the folder of the first audit; people and settings are the same,
    and are refused if they differ. GENERATED is new: samples of the first
    audit are refused, and a generator is sampled with other seeds. How often
    the first audit was looked at again is counted in BEFORE/reaudits.json:
    every look spends a part of 2.5 %, and the report says how much.

        probablyexists reaudit before/ --training T --heldout H \\
            --generated new.onnx --out after/

        probablyexists reaudit before/ --training T --heldout H \\
            --generated passed/ --guard guard.pe --out after/

    With --guard, held-out people on whom the guard was set do not judge: make
    it with --half. With the first audit's own generator the result is the
    null: what compare finds where nothing was changed. Make it with a copy
    of BEFORE, as it is no look at the change.

    Exit code: 0 done, 2 bad input, 3 a failure of the program.
    """
    from probablyexists.cli.summary import summary
    from probablyexists.results.reading_back import FINDINGS
    from probablyexists.tasks.reaudit import run

    phrase = None if settings.guard is None else known_pass_phrase(pass_phrase_file, settings.guard)
    findings = run(settings, progress_of(quiet), phrase)
    assert settings.out is not None
    written = settings.out / FINDINGS
    typer.echo(written.read_text("utf-8").rstrip() if as_json else summary(findings, settings.out))
