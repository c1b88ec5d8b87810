"""What an audit says: frozen, versioned types, written to and read from `findings.json`.

`Findings.people` and `Findings.samples` are Arrow tables (DuckDB, Polars and pandas read them as they are); in
JSON they are lists of rows. A figure is an `Estimate` with its interval or an `Unresolvable` with its reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import to_json

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import written_whole
from probablyexists.stats.estimate import Figure, Unresolvable
from probablyexists.stats.power import Power

Verdict = Literal["leak", "no evidence", "inconclusive"]
Kind = Literal["copy", "likeness", "none"]


class Frozen(BaseModel):
    """Base of all parts: immutable, unknown names refused, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


class PersonRow(Frozen):
    """One member. Documents the rows of `people`."""

    person: str
    """Pseudonym, or the folder's name with `show_names`."""
    photos: int
    """Training photos of this person in which a face was acquired."""
    compared_on: int
    """Photos in the template that was compared, equal on both sides."""
    similarity: float
    """Cosine of the template and its nearest generated sample that is no copy."""
    exposure: float
    """`similarity` in standard deviations above the held-out people compared on as many photos."""
    p: float
    q: float
    exposed: bool
    nearest: list[str]
    """The nearest samples, best first: paths in their source."""


class SampleRow(Frozen):
    """One generated sample. Documents the rows of `samples`."""

    sample: str
    kind: Kind
    person: str | None
    """Whose copy or likeness it is; None for `none`."""
    similarity: float | None
    """Likeness: cosine to the person. Copy: pixel correlation with the training photo. None: cosine to the nearest
    member, or null where no face was found."""
    heldout_similarity: float | None
    """Cosine to the nearest held-out person; None for a copy."""
    copy_of: str | None
    """The training photo: its fingerprint, or its path with `show_names`."""


PEOPLE_SCHEMA = pa.schema(
    [
        ("person", pa.string()),
        ("photos", pa.int32()),
        ("compared_on", pa.int32()),
        ("similarity", pa.float64()),
        ("exposure", pa.float64()),
        ("p", pa.float64()),
        ("q", pa.float64()),
        ("exposed", pa.bool_()),
        ("nearest", pa.list_(pa.string())),
    ]
)
SAMPLES_SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("kind", pa.string()),
        ("person", pa.string()),
        ("similarity", pa.float64()),
        ("heldout_similarity", pa.float64()),
        ("copy_of", pa.string()),
    ]
)


def _as_table(schema: pa.Schema) -> PlainValidator:
    def check(value: Any) -> pa.Table:
        if isinstance(value, pa.Table):
            return value.cast(schema)
        try:
            return pa.Table.from_pylist(list(value), schema=schema)
        except (pa.ArrowException, TypeError) as error:
            raise ValueError(f"not a table of {schema.names}: {error}") from error

    return PlainValidator(check)


def _rows_schema(row: type[Frozen]) -> WithJsonSchema:
    return WithJsonSchema({"type": "array", "items": row.model_json_schema()})


_rows = PlainSerializer(lambda table: table.to_pylist(), return_type=list)
PeopleTable = Annotated[pa.Table, _as_table(PEOPLE_SCHEMA), _rows, _rows_schema(PersonRow)]
SamplesTable = Annotated[pa.Table, _as_table(SAMPLES_SCHEMA), _rows, _rows_schema(SampleRow)]


class Membership(Frozen):
    """Answer 1: can an attacker tell members from strangers? One entry a population and level."""

    population: Literal["seen photos", "unseen photos"]
    level: Literal["photo", "person"]
    auroc: Figure
    tpr_at_fpr_1_percent: Figure
    tpr_at_fpr_0_1_percent: Figure
    p: float | None
    """Person level only: one-sided Mann-Whitney p-value of "members score no higher than strangers". With several
    attacks that of the best, paid for; with several recognisers the largest."""


class SecondOpinion(Frozen):
    """Answers 1 and 2 by one further attack, or by the first attack with one further recogniser: each by itself, not
    corrected for being one of several."""

    kind: Literal["attack", "recogniser"]
    id: str
    auroc: dict[Literal["seen photos", "unseen photos"], Figure]
    """By person."""
    n_exposed: int
    """Members that it would name alone."""


class SplitBaseline(Frozen):
    """The baseline of answer 1: the same question put to an attacker who never sees the generator (0.5 is fair)."""

    auroc: Figure


class Stratum(Frozen):
    """Members compared on the same number of photos, with the held-out people who have as many."""

    photos: int
    n_members: int
    n_heldout: int
    p_floor: float


class Naming(Frozen):
    """Answer 2: who? The rows are in `people`; this is how they were named."""

    level: float
    """False discovery rate allowed among the named."""
    n_members: int
    n_exposed: int
    n_heldout: int
    p_floor: float
    """Smallest p-value possible: 1 / (held-out people + 1)."""
    smallest_nameable: int
    """How many members must reach the floor before anyone can be named."""
    strata: list[Stratum]


class Resemblance(Frozen):
    """Answer 3: which samples? Rows are in `samples`; this is the excess over strangers."""

    threshold: float
    """Cosine above which a sample counts as resembling a person; set on the members' own non-mated scores."""
    gallery: int
    """People on each side."""
    photos: int
    """Photos in each template of both galleries."""
    n_samples: int
    """Samples that are no copies and show a face."""
    members: float
    """Share of samples that resemble a member."""
    strangers: float
    """Share of samples that resemble somebody in an equally large gallery of held-out people."""
    excess: Figure
    n_likenesses: int


class Copies(Frozen):
    """Answer 4: copies, found first and left out of everything else."""

    n_copies: int
    n_samples: int
    threshold: float
    """Pixel correlation of a copy."""
    highest: float | None
    """The largest pixel correlation of a sample with a training photo; null without samples."""
    calibrated_on: int
    """Held-out photos behind the threshold."""
    heldout_rate: Figure
    """Share of held-out photos that would count as copies."""
    resolvable: bool
    """Whether there were enough held-out photos to hold 1 in 1,000."""


class DosePoint(Frozen):
    """People with about the same number of training photos."""

    photos_from: int
    photos_to: int
    n_members: int
    mean_exposure: Figure


class Dose(Frozen):
    """Answer 5: does more of you leak more? Observed, not causal."""

    slope: Figure
    """Change of exposure (standard deviations) for each doubling of the training photos."""
    heldout_slope: Figure
    """The same for held-out people over their own photo counts: what popularity alone does."""
    points: list[DosePoint]
    most_photos: str | None
    """The person with the most training photos."""
    most_photos_count: int | None
    most_photos_exposed: bool | None


class Missed(Frozen):
    """Answer 6: how much could have been missed?"""

    power: Power | Unresolvable


class ErrorRates(Frozen):
    """FMR and FNMR at one threshold, template against photo, on the held-out people of this audit."""

    name: str
    threshold: float
    fmr: Figure
    fnmr: Figure


class Trust(Frozen):
    """Answer 7: can the recogniser be trusted here?"""

    recogniser: str
    trained_on: str | None
    """What the recogniser learned from, where that is known."""
    overlaps: list[str]
    """Roles whose source is known to have people in common with that."""
    photos: int
    """Photos in the templates of these comparisons."""
    rates: list[ErrorRates]


class RoleData(Frozen):
    """What was given in one role and what became of it."""

    role: str
    """training, unseen, heldout or generated."""
    source: str
    n_images: int
    n_acquired: int
    n_no_face: int
    """Failures to acquire."""
    n_unreadable: dict[str, int]
    """Other reasons to set an image aside, with counts."""
    n_several_faces: int
    """Images with more than one face. In a large image small faces are not looked for once a large one settles it."""
    n_people: int | None
    faces: Literal["detect", "aligned"]
    faces_decided_by: str


class Duplicate(Frozen):
    """The same image in two roles: set aside from both."""

    roles: tuple[str, str]
    photos: tuple[str, str]
    correlation: float


class Clusters(Frozen):
    """Only for sets without names: people are clusters of embeddings."""

    threshold: float
    n_people_training: int
    n_people_heldout: int
    n_on_both_sides: int
    """Clusters found on both sides, set aside from the held-out people."""
    note: str


class Data(Frozen):
    """Where the numbers come from."""

    roles: list[RoleData]
    duplicates: list[Duplicate]
    n_duplicates_set_aside: dict[str, int]
    clusters: Clusters | None


class Signature(Frozen):
    """Everything needed to make the same audit again."""

    probablyexists: str
    python: str
    libraries: dict[str, str]
    recogniser: str
    settings: dict[str, str | int | float | bool | None]
    data_fingerprint: str
    """SHA-256 over role, person and content hash of every image acquired."""
    date: str
    """UTC, ISO 8601."""
    seconds: float


class Findings(Frozen):
    """The result of an audit."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    sentence: str
    """The verdict in one sentence."""
    because: list[str]
    """The rules that fired."""
    cautions: list[str]
    """What limits the verdict."""
    names_shown: bool
    people: PeopleTable
    samples: SamplesTable
    membership: list[Membership]
    second_opinions: list[SecondOpinion]
    """What further attacks and recognisers say."""
    split_baseline: SplitBaseline
    naming: Naming
    resemblance: Resemblance
    copies: Copies
    dose: Dose
    missed: Missed
    trust: Trust
    data: Data
    signature: Signature

    def write(self, path: Path) -> None:
        """Write `findings.json`, whole or not at all; a sample a line, as there may be millions.

        ValueError for a similarity that is not finite: JSON has no such number.
        """
        for name in ("similarity", "heldout_similarity"):
            if pc.all(pc.is_finite(self.samples[name])).as_py() is False:
                raise ValueError(f"samples: {name} is not finite")
        rest = self.model_copy(update={"samples": self.samples.slice(0, 0)}).model_dump_json(indent=1)
        before, empty, after = rest.partition('\n "samples": []')
        assert empty
        with written_whole(path) as aside, aside.open("wb") as file:
            file.write(f'{before}\n "samples": ['.encode())
            line_break = b"\n  "
            for batch in self.samples.to_batches(max_chunksize=10_000):
                for row in batch.to_pylist():
                    file.write(line_break + to_json(row))
                    line_break = b",\n  "
            file.write(f"\n ]{after}\n".encode())

    @classmethod
    def read(cls, path: Path) -> Findings:
        """Read `findings.json`; InputError if it is none of ours."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(f"{path}: not the findings of an audit ({str(error).splitlines()[0]})") from error
