"""`probablyexists audit`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from probablyexists.cli.options import Json, Quiet, from_settings, progress_of
from probablyexists.intake.settings import AuditSettings


@from_settings(AuditSettings, required=("out",))
def audit(
    settings: AuditSettings,
    as_json: Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate time, memory and disk space.")] = False,
    fail_on_leak: Annotated[bool, typer.Option("--fail-on-leak", help="Exit code 1 if the verdict is leak.")] = False,
    quiet: Quiet = False,
) -> None:
    """Audit a generator's samples for the people it was trained on.

    TRAINING, HELDOUT and UNSEEN are folders with one folder a person, photos
    without names, or a CSV or Parquet manifest (path, person, role, group).
    GENERATED is a folder, zip or tar of images, or a generator to sample:
    .onnx, TorchScript (.pt, .ts), a folder of the lab or of diffusers
    (DDPM, DDIM), or Python code as module:Name; with --trust-pickle
    also torch.export (.pt2) and StyleGAN2/3 (.pkl). TorchScript and .pt2
    need the shape of a latent, such as --latent-shape 512, or a side
    file: gan.json beside gan.pt, {"latent_shape": [512], "range": [-1, 1]}.

        probablyexists audit --training T --heldout H \\
            --generated G --out audit/

        probablyexists audit --training T --heldout H \\
            --generated gan.onnx --samples 50000 --out audit/

    Names for --more-attacks: nearest-10, nearest-100, photo-set,
    monte-carlo-ball-0.1-weighted, kernel-density, density-ratio,
    gan-leaks-pixels, gan-leaks-pixels-calibrated,
    gan-leaks-embeddings-calibrated, adaptive-s-norm-200, plda,
    learned-classifier.

    Exit code: 0 done, 1 the verdict is "leak" and --fail-on-leak was given,
    2 bad input, 3 a failure of the program.
    """
    progress = progress_of(quiet)
    if dry_run:
        from probablyexists.tasks.dry_run import plan

        planned = plan(settings, progress)
        typer.echo(json.dumps(asdict(planned), indent=1) if as_json else str(planned))
        return
    from probablyexists.cli.summary import summary
    from probablyexists.results.reading_back import FINDINGS
    from probablyexists.tasks.audit import run

    findings = run(settings, progress)
    assert settings.out is not None
    written = settings.out / FINDINGS
    typer.echo(written.read_text("utf-8").rstrip() if as_json else summary(findings, settings.out))
    if fail_on_leak and findings.verdict == "leak":
        raise typer.Exit(1)
