"""Compiles the C files when the package is built. Without a C compiler the package is built without them."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

PACKAGE = Path("src/probablyexists")
ALL = ("-O3", "-std=c11", "-fPIC", "-shared")
SOURCES = {
    # A product and a sum that became one operation would round otherwise than dlib.
    PACKAGE / "faces/align.c": ("-ffp-contract=off",),
    PACKAGE / "copies/alike.c": ("-ffp-contract=fast", "-fno-math-errno", "-Wno-psabi"),
}


class CompileSources(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.aside = Path(tempfile.mkdtemp())
        for source, flags in SOURCES.items():
            try:
                compiled = self.compiled(Path(self.root) / source, flags)
                if version == "editable":
                    put_beside(Path(self.root) / source, compiled)
                    continue
            except (OSError, subprocess.CalledProcessError) as error:
                said = getattr(error, "stderr", None) or str(error)
                self.app.display_warning(f"{source} is not compiled, the same is done slower: {said.strip()}")
                continue
            platform = next(tag for tag in platform_tags() if not tag.startswith(("manylinux", "musllinux")))
            build_data["tag"] = f"py3-none-{platform}"
            build_data["pure_python"] = False
            build_data["force_include"][str(compiled)] = str(source.relative_to("src").with_suffix(".compiled"))

    def compiled(self, source: Path, flags: tuple[str, ...]) -> Path:
        to = self.aside / f"{source.stem}.compiled"
        known = f'-DSOURCE_SHA256="{hashlib.sha256(source.read_bytes()).hexdigest()}"'
        command = [*shlex.split(os.environ.get("CC", "cc")), *ALL, *flags, known, str(source), "-o", str(to), "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return to

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self.aside)


def put_beside(source: Path, compiled: Path) -> None:
    """A library that is in use keeps what it was."""
    beside = Path(tempfile.mkdtemp(dir=source.parent))
    shutil.move(compiled, beside)
    (beside / compiled.name).replace(source.with_suffix(".compiled"))
    beside.rmdir()
