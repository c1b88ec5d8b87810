"""The command that makes a sheet once more, with the generated pictures on it."""

from __future__ import annotations

import shlex
from pathlib import Path

from probablyexists.basis.text import shown
from probablyexists.intake.settings import AskSettings


def with_faces(settings: AskSettings) -> str:
    """`probablyexists ask ... --show-faces --overwrite`; empty if objects were given that a command cannot name.

    Settings of the machine are not repeated: they change no figure.
    """
    words = ["probablyexists", "ask", *map(str, settings.photos)]
    for name, field in AskSettings.model_fields.items():
        value = getattr(settings, name)
        if name in ("photos", "resources", "show_faces", "overwrite") or value is None or value == field.default:
            continue
        if not isinstance(value, str | int | float | Path):
            return ""
        option = "--" + name.replace("_", "-")
        words += [option] if value is True else [option, str(value)]
    if settings.out is None:
        words += ["--out", "sheet"]
    return " ".join(shlex.quote(shown(word)) for word in [*words, "--show-faces", "--overwrite"])
