"""The commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from probablyexists import __version__
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Console, Progress, Silent
from probablyexists.cli.lab import lab
from probablyexists.cli.summary import frequent_summary, sheet_summary, summary

app = typer.Typer(
    help="Find out whose face a generative model remembers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(lab, name="lab")

_AUDIT_HELP = """Audit a generator's samples for the people it was trained on.

TRAINING, HELDOUT and UNSEEN hold one folder a person (or are a CSV or
Parquet manifest: path, person, role; or photos without names).
GENERATED is a folder, zip or tar of images, or a generator to sample:
.onnx, TorchScript (.pt, .ts), a folder of the lab or of diffusers
(DDPM, DDIM), a Python function as module:function; with --trust-pickle
also torch.export (.pt2) and StyleGAN2/3 (.pkl).

    probablyexists audit --training T --heldout H --generated G --out audit/

    probablyexists audit --training T --heldout H \\
        --generated gan.onnx --samples 50000 --out audit/

Exit code: 0 done, 1 the verdict is "leak" and --fail-on-leak was given,
2 bad input.
"""

_SPLIT_HELP = """Draw members, held-out people and unseen photos at random, before training.

    probablyexists split photos/ --members 0.5 --unseen 0.3 --out split.csv

Train on the rows whose role is "training" only. Later give the same file to the audit:

    probablyexists audit --training split.csv --unseen split.csv \\
        --heldout split.csv --generated G --out audit/
"""

_ASK_HELP = """Ask about one person: do the samples resemble them more than they do others?

PHOTOS are image files, or one folder or archive, all of the same person.
REFERENCE holds one folder a person (or a manifest): others whom the
generator was not trained on. GENERATED is as for audit.

    probablyexists ask me-1.jpg me-2.jpg --reference R --generated G --out sheet/

Exit code: 0 done, whatever was found; 2 bad input.
"""

_BLIND_HELP = """List the faces that a generator gives too often; nobody it was trained on need be known.

REFERENCE holds one folder a person (or a manifest). GENERATED is as for audit.

    probablyexists blind --generated G --reference R --out frequent/

Exit code: 0 done, whatever was found; 2 bad input.
"""

_EMBED_HELP = """Embed a set of images into a table: Parquet files of path, person, sha256 and embedding.

    probablyexists embed samples/ --out table/

Exit code: 0 done; 2 bad input.
"""

_MATCH_HELP = """The nearest references of every row of a table of embeddings: exact, in bounded memory.

Writes, in the order of the queries, `similarity` (cosine) and `reference` (row of the other table). A stopped run goes
on behind the files that are there.

    probablyexists match table/ other-table/ --out matches/ -k 3

Exit code: 0 done; 2 bad input.
"""

Json = Annotated[bool, typer.Option("--json", help="The whole result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Faces = Annotated[str, typer.Option(help="auto, detect (find the face first) or aligned (images are crops).")]
Recogniser = Annotated[str, typer.Option(help="dlib, dlib-float32, insightface, or the path of an .onnx file.")]
Threads = Annotated[int | None, typer.Option(help="Threads; default: all cores.")]
Memory = Annotated[float, typer.Option(help="GiB that matching may use, beside the tables of embeddings.")]
Engine = Annotated[str, typer.Option(help="local, or ray: embed and match on a Ray cluster.")]
RayAddress = Annotated[str | None, typer.Option(help="Of a Ray cluster that runs; default: one on this machine.")]
Samples = Annotated[int | None, typer.Option(help="How many pictures to draw from a generator; default: 10000.")]
TrustPickle = Annotated[
    bool, typer.Option("--trust-pickle", help="Open a .pkl or .pt2, which can run any code it holds.")
]
Cache = Annotated[Path | None, typer.Option(help="Where embeddings are kept; default: the user's cache.")]


def _progress(quiet: bool) -> Progress:
    return Silent() if quiet else Console()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"probablyexists {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


@app.command("audit", help=_AUDIT_HELP)
def audit_command(
    training: Annotated[Path, typer.Option(help="Photos the generator was trained on.")],
    heldout: Annotated[Path, typer.Option(help="Photos of people it never saw, from the same source.")],
    generated: Annotated[Path, typer.Option(help="Its samples, or the generator itself.")],
    out: Annotated[Path, typer.Option(help="Folder for findings.json, report.html and withhold.txt.")],
    unseen: Annotated[Path | None, typer.Option(help="Other photos of the training people, not trained on.")] = None,
    faces: Faces = "auto",
    recogniser: Recogniser = "dlib",
    more_recognisers: Annotated[
        list[str] | None, typer.Option(help="Asked too; people are named where all agree. Can be repeated.")
    ] = None,
    more_attacks: Annotated[
        list[str] | None, typer.Option(help="Tried beside nearest-sample, and paid for. Can be repeated.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Photos of yet other people, for attacks that learn from them.")
    ] = None,
    level: Annotated[float, typer.Option(help="False discovery rate allowed among the people named.")] = 0.05,
    seed: Seed = 0,
    threads: Threads = None,
    memory: Memory = 2.0,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    show_names: Annotated[bool, typer.Option("--show-names", help="Folder names instead of pseudonyms.")] = False,
    show_faces: Annotated[bool, typer.Option("--show-faces", help="Do not pixelate faces in the report.")] = False,
    fail_on_leak: Annotated[bool, typer.Option("--fail-on-leak", help="Exit code 1 if the verdict is leak.")] = False,
    samples: Samples = None,
    trust_pickle: TrustPickle = False,
    cache: Cache = None,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how long it will take, and how much memory and disk.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    from probablyexists.intake.settings import Settings, checked

    given: dict[str, Any] = {
        "training": training,
        "heldout": heldout,
        "generated": generated,
        "unseen": unseen,
        "out": out,
        "faces": faces,
        "recogniser": recogniser,
        "more_recognisers": more_recognisers or (),
        "more_attacks": more_attacks or (),
        "reference": reference,
        "level": level,
        "seed": seed,
        "threads": threads,
        "memory": memory,
        "engine": engine,
        "ray_address": ray_address,
        "show_names": show_names,
        "show_faces": show_faces,
        "samples": samples,
        "trust_pickle": trust_pickle,
        **({} if cache is None else {"cache": cache}),
    }
    settings, progress = checked(Settings, given), _progress(quiet)
    if dry_run:
        from probablyexists.tasks.dry_run import plan

        typer.echo(str(plan(settings, progress)))
        return
    from probablyexists.tasks.audit import run

    findings = run(settings, progress)
    typer.echo(findings.model_dump_json(indent=1) if as_json else summary(findings, out))
    if fail_on_leak and findings.verdict == "leak":
        raise typer.Exit(1)


@app.command("ask", help=_ASK_HELP)
def ask_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos of the person.")],
    generated: Annotated[Path, typer.Option(help="The samples, or the generator itself.")],
    reference: Annotated[Path, typer.Option(help="Photos of people it was not trained on, one folder a person.")],
    out: Annotated[Path, typer.Option(help="Folder for sheet.json and sheet.html.")],
    owner_split: Annotated[
        bool,
        typer.Option("--owner-split", help="The owner drew the reference people at random before training."),
    ] = False,
    faces: Faces = "auto",
    recogniser: Recogniser = "dlib",
    level: Annotated[float, typer.Option(help="Largest p-value that is called evidence.")] = 0.05,
    seed: Seed = 0,
    threads: Threads = None,
    memory: Memory = 2.0,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    show_faces: Annotated[bool, typer.Option("--show-faces", help="Do not pixelate faces on the sheet.")] = False,
    samples: Samples = None,
    trust_pickle: TrustPickle = False,
    cache: Cache = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    from probablyexists.tasks.ask import ask

    chosen: dict[str, Any] = {} if cache is None else {"cache": cache}
    sheet = ask(
        list(photos),
        generated,
        reference,
        out=out,
        owner_split=owner_split,
        faces=faces,
        recogniser=recogniser,
        level=level,
        seed=seed,
        threads=threads,
        memory=memory,
        engine=engine,
        ray_address=ray_address,
        show_faces=show_faces,
        samples=samples,
        trust_pickle=trust_pickle,
        progress=_progress(quiet),
        **chosen,
    )
    typer.echo(sheet.model_dump_json(indent=1) if as_json else sheet_summary(sheet, out))


@app.command("blind", help=_BLIND_HELP)
def blind_command(
    generated: Annotated[Path, typer.Option(help="The samples, or the generator itself.")],
    reference: Annotated[Path, typer.Option(help="Photos of people, one folder a person.")],
    out: Annotated[Path, typer.Option(help="Folder for frequent.json and frequent.html.")],
    faces: Faces = "auto",
    recogniser: Recogniser = "dlib",
    level: Annotated[float, typer.Option(help="False discovery rate allowed among samples.")] = 0.01,
    seed: Seed = 0,
    threads: Threads = None,
    memory: Memory = 2.0,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    show_faces: Annotated[bool, typer.Option("--show-faces", help="Do not pixelate faces on the page.")] = False,
    samples: Samples = None,
    trust_pickle: TrustPickle = False,
    cache: Cache = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    from probablyexists.tasks.blind import blind

    chosen: dict[str, Any] = {} if cache is None else {"cache": cache}
    found = blind(
        generated,
        reference,
        out=out,
        faces=faces,
        recogniser=recogniser,
        level=level,
        seed=seed,
        threads=threads,
        memory=memory,
        engine=engine,
        ray_address=ray_address,
        show_faces=show_faces,
        samples=samples,
        trust_pickle=trust_pickle,
        progress=_progress(quiet),
        **chosen,
    )
    typer.echo(found.model_dump_json(indent=1) if as_json else frequent_summary(found, out))


@app.command("embed", help=_EMBED_HELP)
def embed_command(
    images: Annotated[Path, typer.Argument(help="A folder, archive or table of images.")],
    out: Annotated[
        str, typer.Option(help="Folder for Parquet files: a path, or an address such as s3://bucket/faces.")
    ],
    faces: Faces = "auto",
    recogniser: Recogniser = "dlib",
    threads: Threads = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    cache: Cache = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    from collections import Counter

    from probablyexists.tasks.embed_match import embed_into

    chosen: dict[str, Any] = {} if cache is None else {"cache": cache}
    table = embed_into(
        images,
        out,
        faces=faces,
        recogniser=recogniser,
        threads=threads,
        engine=engine,
        ray_address=ray_address,
        progress=_progress(quiet),
        **chosen,
    )
    aside = Counter(photo.reason for photo in table.set_aside)
    if as_json:
        typer.echo(json.dumps({"out": out, "embedded": len(table), "set_aside": dict(sorted(aside.items()))}))
        return
    reasons = "".join(f"; {reason}: {n:,}" for reason, n in sorted(aside.items()))
    typer.echo(f"{len(table):,} embeddings in {out}{reasons}")


@app.command("match", help=_MATCH_HELP)
def match_command(
    queries: Annotated[str, typer.Argument(help="Embeddings: a Parquet file or a folder of them.")],
    references: Annotated[str, typer.Argument(help="The same, to be searched.")],
    out: Annotated[
        str, typer.Option(help="Folder for Parquet files: a path, or an address such as s3://bucket/found.")
    ],
    k: Annotated[int, typer.Option("-k", help="Nearest references of each.")] = 1,
    threads: Threads = None,
    memory: Memory = 2.0,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    from probablyexists.tasks.embed_match import match_into

    made = match_into(
        queries,
        references,
        out,
        k=k,
        threads=threads,
        memory=memory,
        engine=engine,
        ray_address=ray_address,
        progress=_progress(quiet),
    )
    typer.echo(json.dumps({"out": out, "matched": made}) if as_json else f"{made:,} matched now, in {out}")


@app.command("split", help=_SPLIT_HELP)
def split_command(
    dataset: Annotated[Path, typer.Argument(help="One folder a person, an archive, or a manifest.")],
    out: Annotated[Path, typer.Option(help="The manifest to write (CSV: path, person, role).")],
    members: Annotated[float, typer.Option(help="Share of people who become members.")] = 0.5,
    unseen: Annotated[float, typer.Option(help="Share of a member's photos kept out of training.")] = 0.3,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    from collections import Counter

    from probablyexists.sources.folder import FolderSource
    from probablyexists.sources.manifest import ManifestSource
    from probablyexists.sources.open_source import open_source
    from probablyexists.sources.split import draw_roles, write_manifest

    if out.exists():
        raise InputError(f"--out {out}: exists; a split is drawn once, give another name or delete it first")
    source = open_source(dataset)
    if not isinstance(source, FolderSource | ManifestSource):
        raise InputError(f"{dataset}: an archive cannot be named file by file; unpack it and split the folder")
    rows = draw_roles(source.photos, members, unseen, seed)
    write_manifest(out, rows, source.folder)
    photos = Counter(role for _, role in rows)
    people = {role: len({p.person for p, r in rows if r == role}) for role in ("training", "heldout")}
    if as_json:
        typer.echo(json.dumps({"out": str(out), "photos": dict(photos), "people": people}))
        return
    typer.echo(f"{people['training']} members: {photos['training']} photos to train on, {photos['unseen']} unseen")
    typer.echo(f"{people['heldout']} held-out people: {photos['heldout']} photos")
    typer.echo(f"written to {out}; train on the rows whose role is training, and on nothing else")


@app.command("demo")
def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for the drawn photos and the report.")] = Path(
        "probablyexists-demo"
    ),
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Draw people, plant a leak, audit it, and compare what the report names with the truth."""
    from probablyexists.demo import demo

    outcome = demo(out, seed, _progress(quiet))
    typer.echo(outcome.text)
    if not outcome.right:
        raise typer.Exit(1)


@app.command("schema")
def schema_command(
    of: Annotated[
        Literal["findings", "sheet", "frequent"],
        typer.Argument(help="What audit, ask or blind writes.", show_default=True),
    ] = "findings",
) -> None:
    """Print the JSON Schema of findings.json, sheet.json or frequent.json."""
    from pydantic import BaseModel

    from probablyexists.results.findings import Findings
    from probablyexists.results.frequent import FrequentFaces
    from probablyexists.results.sheet import Sheet

    written: dict[str, type[BaseModel]] = {"findings": Findings, "sheet": Sheet, "frequent": FrequentFaces}
    typer.echo(json.dumps(written[of].model_json_schema(mode="serialization"), indent=1))
