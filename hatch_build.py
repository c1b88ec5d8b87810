"""Compiles `faces/align.c` when the package is built. Without a C compiler the package is built without it."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src/probablyexists/faces/align.c")
# A product and a sum that became one operation would round otherwise than dlib.
FLAGS = ("-O3", "-std=c11", "-ffp-contract=off", "-fPIC", "-shared")


class CompileAlign(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source = Path(self.root) / SOURCE
        compiled, made = source.with_suffix(".so"), source.with_suffix(".made.so")
        known = f'-DSOURCE_SHA256="{hashlib.sha256(source.read_bytes()).hexdigest()}"'
        command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, known, str(source), "-o", str(made), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            compiled.unlink(missing_ok=True)
            said = getattr(error, "stderr", None) or str(error)
            self.app.display_warning(f"{SOURCE} is not compiled, faces are aligned without it, slower: {said.strip()}")
            return
        made.replace(compiled)
        if version != "editable":
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"py3-none-{platform}"
            build_data["pure_python"] = False
        build_data["artifacts"].append(str(SOURCE.with_suffix(".so")))
