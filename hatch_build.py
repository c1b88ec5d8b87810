"""Compiles `faces/align.c` when the package is built. Without a C compiler the package is built without it."""

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

SOURCE = Path("src/probablyexists/faces/align.c")
# A product and a sum that became one operation would round otherwise than dlib.
FLAGS = ("-O3", "-std=c11", "-ffp-contract=off", "-fPIC", "-shared")


class CompileAlign(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.aside = Path(tempfile.mkdtemp())
        source, compiled = Path(self.root) / SOURCE, self.aside / "align.compiled"
        known = f'-DSOURCE_SHA256="{hashlib.sha256(source.read_bytes()).hexdigest()}"'
        command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, known, str(source), "-o", str(compiled), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
            if version == "editable":
                beside = Path(tempfile.mkdtemp(dir=source.parent))
                shutil.move(compiled, beside)
                (beside / compiled.name).replace(source.with_suffix(".compiled"))
                beside.rmdir()
                return
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            self.app.display_warning(f"{SOURCE} is not compiled, faces are aligned without it, slower: {said.strip()}")
            return
        platform = next(tag for tag in platform_tags() if not tag.startswith(("manylinux", "musllinux")))
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
        build_data["force_include"][str(compiled)] = "probablyexists/faces/align.compiled"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self.aside)
