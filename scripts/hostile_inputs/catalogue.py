"""All kinds, in the order of the table."""

from __future__ import annotations

from hostile_inputs import (
    commands,
    folders,
    lab_files,
    onnx_models,
    pages,
    pictures,
    recognisers,
    stored,
    tables,
    tars,
    torch_models,
    whole_commands,
    zips,
)
from hostile_inputs.kind import Kind

_SETS = (*folders.KINDS, *zips.KINDS, *tars.KINDS, *tables.KINDS)
_NETWORKS = (*onnx_models.KINDS, *torch_models.KINDS, *recognisers.KINDS)
_RESULTS = (*stored.KINDS, *pages.KINDS, *lab_files.KINDS)
KINDS: tuple[Kind, ...] = (*pictures.KINDS, *_SETS, *_NETWORKS, *_RESULTS, *commands.KINDS, *whole_commands.KINDS)


def kinds_by_name() -> dict[str, Kind]:
    return {kind.name: kind for kind in KINDS}
