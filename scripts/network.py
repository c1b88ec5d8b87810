"""Run every command under strace and count the sockets: none may lead out of this machine.

    python scripts/network.py

Needs Linux and strace. Each command gets an empty home, an empty folder for temporary files, and small sets of drawn
people. A socket that is connected, bound or written to is local if its address is a file (AF_UNIX), the kernel
(AF_NETLINK) or a loopback address other than port 53: a name that is looked up counts as leading out, wherever the
resolver is. `--telemetry` leaves the usage reports of ONNX Runtime on, to see that they would be found.
"""

from __future__ import annotations

import argparse
import importlib
import ipaddress
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=network", "-e", "signal=none")
_CALL = re.compile(r"(connect|bind|sendto|sendmsg|sendmmsg)\((\d+), (.*)")
_FAMILY = re.compile(r"sa_family=(AF_\w+)")
_ADDRESS = re.compile(r'inet_addr\("([^"]*)"|inet_pton\(AF_INET6, "([^"]*)"')
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_OPENED = re.compile(r"socket\((AF_\w+), ")


@dataclass
class Traced:
    """What one command did."""

    rc: int
    opened: Counter[str] = field(default_factory=Counter)
    """Sockets opened, by family."""
    local: int = 0
    """Addresses on this machine that were connected, bound or written to."""
    outside: list[str] = field(default_factory=list)
    """The others."""
    left: list[str] = field(default_factory=list)
    """Files and folders in the home and among the temporary files afterwards."""
    said: str = ""


def outside(line: str) -> str | None:
    """The address outside this machine that a line of strace names; None if it names none.

    >>> outside('7 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16) = 0')
    'connect 192.0.2.1:80'
    >>> outside('7 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0')
    >>> outside('7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0')
    'connect 127.0.0.53:53'
    """
    call = _CALL.search(line)
    family = _FAMILY.search(line) if call else None
    if call is None or family is None or family[1] in ("AF_UNIX", "AF_NETLINK", "AF_UNSPEC"):
        return None
    found, port = _ADDRESS.search(line), _PORT.search(line)
    if found is None or port is None:
        return f"{call[1]} {family[1]}"
    address = ipaddress.ip_address(found[1] or found[2])
    inside = getattr(address, "ipv4_mapped", None) or address
    return None if inside.is_loopback and port[1] != "53" else f"{call[1]} {address}:{port[1]}"


def traced(command: list[str], work: Path, *, telemetry: bool = False, seconds: float = 3600) -> Traced:
    """Run `command` under strace, with `work`/home as home and `work`/tmp for temporary files."""
    home, temporary, trace = work / "home", work / "tmp", work / "trace"
    for folder in (home, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PROBABLYEXISTS_"))}
    environment = {**kept, "HOME": str(home), "TMPDIR": str(temporary)}
    if telemetry:
        command = [sys.executable, "-c", _WITH_TELEMETRY, *command[3:]]
    done = subprocess.run(
        [
            "strace",
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            "trace=network",
            "-e",
            "signal=none",
            "-o",
            str(trace),
            *command,
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd=work,
    )
    found = Traced(done.returncode, said=done.stdout + done.stderr)
    for line in trace.read_text(errors="replace").splitlines():
        if opened := _OPENED.search(line):
            found.opened[opened[1]] += 1
        if way := outside(line):
            found.outside.append(way)
        elif _CALL.search(line) and _FAMILY.search(line):
            found.local += 1
    for folder in (home, temporary):
        found.left += sorted(f"{path.relative_to(work)}" for path in folder.rglob("*") if not path.is_dir())
    return found


_EXPERIMENT = """
name = "tiny"
about = "One run: what does it ask the network for?"

[defaults]
size = 32
base = 8
batch = 16
images = 640
samples = 100
snapshot_samples = 100
people = 8
photos = 3
unseen = 1
heldout_photos = 3

[[grid]]
part = "tiny"
set = "people:60x8"
procedure = ["dcgan"]
seed = 0
"""

_WITH_TELEMETRY = """
import os, sys, time
import probablyexists
del os.environ["ORT_DISABLE_TELEMETRY"]
import onnxruntime
from probablyexists.cli.main import main
try:
    main()
finally:
    time.sleep(15)  # reports are sent some seconds after the first event
"""


def commands(root: Path) -> dict[str, list[str]]:
    """Name -> arguments of `probablyexists`, on drawn people in `root`; each may need the results of those before."""
    from probablyexists.drawn.population import write_population

    for name, people in (("training", range(24)), ("heldout", range(24, 48)), ("reference", range(48, 100))):
        write_population(root / name, people, range(3))
    write_population(root / "samples", range(12, 36), range(3, 5))
    at = {name: str(root / name) for name in ("training", "heldout", "reference", "samples", "cache")}
    person = next((root / "training").iterdir())
    experiment = root / "tiny.toml"
    experiment.write_text(_EXPERIMENT)
    audit = f"audit --training {at['training']} --heldout {at['heldout']} --generated {at['samples']}"
    tables = f"{root}/t {root}/h"
    lines = {
        "audit": f"{audit} --out {root}/audit",
        "audit --engine ray": f"{audit} --engine ray --out {root}/ray",
        "ask": f"ask {person} --reference {at['reference']} --generated {at['samples']} --out {root}/sheet",
        "blind": f"blind --generated {at['samples']} --reference {at['reference']} --out {root}/frequent",
        "blind, diffusers": f"blind --generated {_pipeline(root)} --samples 60 --reference {at['reference']} "
        f"--faces aligned --out {root}/pipeline-frequent",
        "reference --from": f"reference lfw --from {_lfw(root)} --out {root}/lfw",
        "recognisers": "recognisers",
        "recognisers check": f"recognisers check dlib-float32 --photos {at['training']}",
        "embed": f"embed {at['training']} --out {root}/t",
        "embed --engine ray": f"embed {at['heldout']} --engine ray --out {root}/h",
        "match": f"match {tables} --out {root}/found",
        "match --engine ray": f"match {tables} --engine ray --out {root}/found-by-ray",
        "demo": f"demo --out {root}/demo",
        "lab train": f"lab train people:60x8 --people 8 --photos 3 --images 640 --size 32 --base 8 --out {root}/gan",
        "lab run": f"lab run {experiment} --out {root}/lab",
        "lab plot": f"lab plot {experiment} --out {root}/lab --to {root}/plots",
        "lab leaderboard": f"lab leaderboard {root}/lab",
    }
    # A cluster of its own must embed, so it gets a cache of its own.
    without_cache = {"match", "match --engine ray", "demo", "lab plot", "reference --from", "recognisers"}
    return {
        name: [
            *shlex.split(line),
            *([] if name in without_cache else ["--cache", at["cache"] + ("-ray" if "ray" in name else "")]),
        ]
        for name, line in lines.items()
    }


def _lfw(root: Path) -> Path:
    """Drawn people in a copy of scikit-learn's folder."""
    folder = root / "scikit_learn_data" / "lfw_home" / "lfw_funneled"
    for photo in (root / "reference").rglob("000.png"):
        name = photo.parent.name
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}_0001.jpg").write_bytes(photo.read_bytes())
    return folder.parent


def _pipeline(root: Path) -> Path:
    """A folder of `diffusers`, untrained and small."""
    diffusers = importlib.import_module("diffusers")
    network = diffusers.UNet2DModel(
        sample_size=64,
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    diffusers.DDPMPipeline(network, diffusers.DDPMScheduler(num_train_timesteps=3)).save_pretrained(root / "pipeline")
    return root / "pipeline"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=None, help="names of commands")
    parser.add_argument("--telemetry", action="store_true")
    given = parser.parse_args()
    print("| command | exit | sockets opened | to this machine | to others | written beside `--cache` and `--out` |")
    print("|---|---|---|---|---|---|")
    bad = 0
    with tempfile.TemporaryDirectory(prefix="network-") as folder:
        root = Path(folder)
        for number, (name, arguments) in enumerate(commands(root).items()):
            if given.only and name not in given.only:
                continue
            run = [sys.executable, "-m", "probablyexists", *arguments]
            found = traced(run, root / f"run-{number}", telemetry=given.telemetry)
            opened = ", ".join(f"{n} {family}" for family, n in sorted(found.opened.items())) or "none"
            to_others = ", ".join(f"{n} x {way}" for way, n in Counter(found.outside).items()) or "0"
            left = ", ".join(f"`{path}`" for path in found.left) or "nothing"
            print(f"| `{name}` | {found.rc} | {opened} | {found.local} | {to_others} | {left} |")
            sys.stdout.flush()
            if found.rc:
                print(found.said[-2000:], file=sys.stderr)
            bad += len(found.outside) + bool(found.rc)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
