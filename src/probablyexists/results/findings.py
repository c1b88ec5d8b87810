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
from probablyexists.basis.plain_files import MOST_RESULT, read_plain
from probablyexists.basis.roles import Role
from probablyexists.stats.estimate import Figure, Unresolvable
from probablyexists.stats.power import Power

Verdict = Literal["leak", "no evidence", "inconclusive"]
Kind = Literal["copy", "likeness", "none"]
Threshold = Literal["resemblance", "fmr-1-percent"]


class Frozen(BaseModel):
    """Base of all parts: immutable, unknown names refused, no NaN or infinity; a field's docstring is in the schema."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class PersonRow(Frozen):
    """One member. Documents the rows of `people`."""

    person: str
    """Pseudonym, or the folder's name with `show_names`."""
    photos: int
    """Training photos of this person in which a face was acquired."""
    compared_on: int
    """Photos in the template that was compared, equal on both sides."""
    similarity: float
    """Cosine of the template and its nearest sample that is no copy, -1 to 1."""
    exposure: float
    """The attack's score in standard deviations above the mean of the held-out people compared on as many photos."""
    p: float
    """Conformal p-value against these held-out people, above 0 to 1; lower is more exposed. Valid for any number of
    attacks and recognisers."""
    q: float
    """Benjamini-Hochberg q-value, 0 to 1: the smallest false discovery rate at which this person is named."""
    exposed: bool
    """Whether the person is named: `q` is at most `naming.level`."""
    nearest: list[str]
    """The nearest samples that are not copies, best first: as in `samples`."""


class SampleRow(Frozen):
    """One generated sample. Documents the rows of `samples`."""

    sample: str
    """Path in the source of the samples, or its place in the sorted list of paths (`sample-000001`) where paths may
    carry names."""
    kind: Kind
    """Copy of a training photo, likeness of a named member, or none of these."""
    person: str | None
    """Whose copy or likeness it is; null for `none`, and for a copy of a photo without a name that was set aside."""
    similarity: float | None
    """Likeness: cosine to the person. Copy: pixel correlation with the training photo. None: cosine to the nearest
    member, or null where no face was found."""
    heldout_similarity: float | None
    """Cosine to the nearest held-out person; null for a copy, or where no face was found."""
    copy_of: str | None
    """The training photo: its fingerprint, or its path with `show_names`; null if the sample is no copy."""


_ARROW: dict[Any, pa.DataType] = {
    int: pa.int32(),
    float: pa.float64(),
    float | None: pa.float64(),
    bool: pa.bool_(),
    list[str]: pa.list_(pa.string()),
}


def _schema(row: type[Frozen]) -> pa.Schema:
    """A column for each field; what is no number, boolean or list is text."""
    return pa.schema([(name, _ARROW.get(field.annotation, pa.string())) for name, field in row.model_fields.items()])


PEOPLE_SCHEMA, SAMPLES_SCHEMA = _schema(PersonRow), _schema(SampleRow)


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
    """Answer 1: can an attacker tell members from strangers? One entry for each population and level."""

    population: Literal["seen photos", "unseen photos"]
    """Photos of members: those the generator was trained on, or others."""
    level: Literal["photo", "person"]
    """What is scored: each photo, or each person on equally many photos."""
    auroc: Figure
    """Probability that a member scores above a held-out person, 0 to 1; 0.5 is chance."""
    tpr_at_fpr_1_percent: Figure
    """Share of members above the threshold that 1 % of the held-out people exceed, 0 to 1."""
    tpr_at_fpr_0_1_percent: Figure
    """Share of members above the threshold that 0.1 % of the held-out people exceed, 0 to 1."""
    p: float | None
    """Person level only, else null: one-sided Mann-Whitney p-value of "members score no higher than strangers". With
    several attacks the p-value of the best, corrected for the choice; with several recognisers the largest."""


class SecondOpinion(Frozen):
    """Answers 1 and 2 by one further attack, or by the first attack with one further recogniser: each by itself, not
    corrected for being one of several."""

    kind: Literal["attack", "recogniser"]
    """What differs from the audit's own figures."""
    id: str
    """Name and version of the attack or recogniser."""
    auroc: dict[Literal["seen photos", "unseen photos"], Figure]
    """AUROC by person for each population, 0 to 1."""
    n_exposed: int
    """Members that it alone would name."""


class SplitBaseline(Frozen):
    """The baseline of answer 1: members against held-out people without the generator."""

    auroc: Figure
    """AUROC of a classifier of templates that never sees a sample; 0.5 if the split is fair."""


class Stratum(Frozen):
    """Members compared on the same number of photos, with the held-out people who have as many."""

    photos: int
    """Photos in each template."""
    n_members: int
    """Members compared on this number of photos."""
    n_heldout: int
    """Held-out people with at least this number of photos."""
    p_floor: float
    """Smallest p-value possible in this stratum: 1 / (n_heldout + 1)."""


class Naming(Frozen):
    """Answer 2: who? The rows are in `people`; this is how they were named."""

    level: float
    """False discovery rate allowed among the named, 0 to 1."""
    n_members: int
    """Members tested."""
    n_exposed: int
    """Members named."""
    n_heldout: int
    """Held-out people with a usable photo."""
    p_floor: float
    """Smallest p-value possible in any stratum: 1 / (held-out people + 1)."""
    smallest_nameable: int
    """How many members must reach the floor before anyone can be named; n_members + 1 if nobody can."""
    strata: list[Stratum]
    """The comparisons, by number of photos."""


class Resemblance(Frozen):
    """Answer 3: which samples? Rows are in `samples`; this is the excess over strangers."""

    threshold: float
    """Cosine from which a sample resembles a person; set on non-mated scores of the members (of the held-out people
    where members are few)."""
    gallery: int
    """People in each of the two galleries."""
    photos: int
    """Photos in each template of both galleries."""
    n_samples: int
    """Samples that are not copies and show a face."""
    members: float
    """Share of samples that resemble a member, 0 to 1."""
    strangers: float
    """Share of samples that resemble somebody in an equally large gallery of held-out people, 0 to 1."""
    excess: Figure
    """`members` minus `strangers`, -1 to 1; above 0 the samples resemble members more."""
    n_likenesses: int
    """Samples that show a named member and are not copies."""


class Copies(Frozen):
    """Answer 4: copies, found first and left out of everything else."""

    n_copies: int
    """Samples that reproduce a training photo."""
    n_samples: int
    """Samples that were compared: all that show a face."""
    threshold: float
    """Pixel correlation from which a sample is a copy, -1 to 1. Higher for members with very many photos."""
    highest: float | None
    """The largest pixel correlation of a sample with a training photo; null without samples."""
    calibrated_on: int
    """Held-out photos behind the threshold."""
    heldout_rate: Figure
    """Share of held-out photos that would count as copies, mean over people, 0 to 1."""
    resolvable: bool
    """Whether there were enough held-out photos to hold false copies at 1 in 1,000."""


class DosePoint(Frozen):
    """People with about the same number of training photos."""

    photos_from: int
    """Fewest training photos of a person in this group."""
    photos_to: int
    """Most training photos of a person in this group."""
    n_members: int
    """Members in this group."""
    mean_exposure: Figure
    """Mean exposure in standard deviations of the held-out people; higher is more exposed."""


class Dose(Frozen):
    """Answer 5: does more of you leak more? Observed, not causal."""

    slope: Figure
    """Change of exposure (standard deviations) for each doubling of the training photos."""
    heldout_slope: Figure
    """The same for held-out people over their own photo counts: what popularity alone does."""
    points: list[DosePoint]
    """The curve, in groups whose photo counts double."""
    most_photos: str | None
    """The person with the most training photos; null if several have as many."""
    most_photos_count: int | None
    """Training photos of that person, or null."""
    most_photos_exposed: bool | None
    """Whether that person is named, or null."""


class Missed(Frozen):
    """Answer 6: how much could have been missed?"""

    power: Power | Unresolvable
    """The smallest number of exposed members that would probably have been noticed, or why it cannot be given."""


class ErrorRates(Frozen):
    """FMR and FNMR at one threshold, template against photo, on the held-out people of this audit."""

    kind: Threshold
    """How the threshold was set: that of answer 3, or at FMR 1 % among the members."""
    name: str
    """The same in words."""
    threshold: float
    """Cosine from which two faces match, -1 to 1."""
    fmr: Figure
    """False match rate: share of comparisons of different people that match, 0 to 1."""
    fnmr: Figure
    """False non-match rate: share of comparisons of one person that do not match, 0 to 1."""


class Trust(Frozen):
    """Answer 7: can the recogniser be trusted here?"""

    recogniser: str
    """Name and version of the recogniser."""
    trained_on: str | None
    """What the recogniser was trained on; null where that is not known."""
    overlaps: list[Role]
    """Roles whose source is known to have people in common with the recogniser's training set."""
    photos: int
    """Photos in the templates of these comparisons."""
    rates: list[ErrorRates]
    """Error rates, one entry for each threshold."""


class RoleData(Frozen):
    """What was given in one role and what became of it."""

    role: Role
    """training, unseen, heldout, reference, generated or asked."""
    source: str
    """The folder, archive, table or generator, as it was given."""
    n_images: int
    """Images in the source."""
    n_acquired: int
    """Images in which a face was acquired."""
    n_no_face: int
    """Failures to acquire: images without a face."""
    n_unreadable: dict[str, int]
    """Images set aside for other reasons: reason -> count. A flat picture is of one colour."""
    n_several_faces: int
    """Images with more than one face. In a large image small faces are not searched once a large one settles it."""
    n_repeated: int | None
    """Samples that show the same picture as an earlier sample; null for photos."""
    n_people_given: int | None
    """People in the source, by name; null for samples and for photos without names."""
    people_set_aside: dict[str, int]
    """People given of whom no photo could be used: why most of their photos could not -> people."""
    n_people: int | None
    """People with a usable photo: those who were audited or compared with; null for samples."""
    faces: Literal["detect", "aligned"]
    """How faces were found: by the detector, or the frame taken as the face."""
    faces_decided_by: str
    """The setting or the measurement that decided this."""

    @property
    def n_set_aside(self) -> int:
        """Images that could not be used, for whatever reason."""
        return self.n_no_face + sum(self.n_unreadable.values())

    @property
    def n_people_set_aside(self) -> int:
        """People given of whom no photo could be used."""
        return sum(self.people_set_aside.values())

    @property
    def why_set_aside(self) -> dict[str, int]:
        """Reason -> images that could not be used, the most frequent first."""
        reasons = {"no face found": self.n_no_face, **self.n_unreadable}
        return {reason: n for reason, n in sorted(reasons.items(), key=lambda one: (-one[1], one[0])) if n}


class Duplicate(Frozen):
    """The same image in two roles: set aside from both."""

    roles: tuple[Role, Role]
    """The two roles."""
    photos: tuple[str, str]
    """The photo in each role: its fingerprint, or its path with `show_names`."""
    correlation: float
    """Pixel correlation of the two, -1 to 1; 1 for the same bytes."""


class Clusters(Frozen):
    """Only for sets without names: people are clusters of embeddings."""

    threshold: float
    """Mean Euclidean distance of embeddings up to which two clusters are one person."""
    n_people_training: int
    """Clusters among the training photos that were judged."""
    n_people_heldout: int
    """Clusters among the held-out photos that they were compared with."""
    n_on_both_sides: int
    """Clusters found on both sides. Each is of the side of one of its photos, drawn at random; its photos on the other
    side are set aside."""
    n_people_set_aside: dict[Role, int]
    """Clusters of training and of held-out photos that were set aside because they are of the other side."""
    n_photos_set_aside: dict[Role, int]
    """Their photos. Copies of training photos among them are found nevertheless."""
    note: str
    """What clusters are worth, for the reader."""


class Data(Frozen):
    """Where the numbers come from."""

    roles: list[RoleData]
    """One entry for each role given."""
    duplicates: list[Duplicate]
    """Every image found in two roles."""
    n_duplicates_set_aside: dict[Role, int]
    """Role -> images set aside because they are in another role too."""
    clusters: Clusters | None
    """How people were found without names; null where photos have names."""

    @property
    def of_members_given(self) -> str:
        """ " (30 given)" where some members have no usable photo, else nothing; for use after a number of members."""
        for role in self.roles:
            if role.role == "training" and role.people_set_aside:
                return f" ({role.n_people_given:,} given)"
        return ""


class Signature(Frozen):
    """Everything needed to make the same audit again."""

    probablyexists: str
    """Version of this package."""
    python: str
    """Version of Python."""
    libraries: dict[str, str]
    """Library -> version."""
    recogniser: str
    """Name and version of the first recogniser."""
    settings: dict[str, str | int | float | bool | None]
    """Every setting as it was used, with the attack and, where samples were drawn, the generator."""
    data_fingerprint: str
    """SHA-256 over role, person and content hash of every image acquired."""
    date: str
    """When the audit ended: UTC, ISO 8601."""
    seconds: float
    """How long the audit took."""


class Findings(Frozen):
    """The result of an audit.

    `people` and `samples` are Arrow tables: `findings.people.to_pandas()` makes a pandas frame, and
    `polars.from_arrow(findings.people)` one of Polars, where these are installed.
    """

    schema_version: Literal[3] = 3
    """Version of this format."""
    verdict: Verdict
    """Leak, no evidence (at this power), or inconclusive."""
    sentence: str
    """The verdict in one sentence."""
    because: list[str]
    """The rules that fired."""
    cautions: list[str]
    """What limits the verdict."""
    names_shown: bool
    """Whether people and photos are given by name; if not, by pseudonym and fingerprint."""
    samples_numbered: bool
    """Whether samples are called by their place in the sorted list of their paths (`sample-000001`), because the paths
    may carry names; if not, by their paths."""
    people: PeopleTable
    """One row for each member, the most exposed first."""
    samples: SamplesTable
    """One row for each sample, by path."""
    membership: list[Membership]
    """Answer 1: can an attacker tell members from strangers?"""
    second_opinions: list[SecondOpinion]
    """What further attacks and recognisers say."""
    split_baseline: SplitBaseline
    """The baseline of answer 1: is the split fair?"""
    naming: Naming
    """Answer 2: who is exposed?"""
    resemblance: Resemblance
    """Answer 3: which samples resemble members?"""
    copies: Copies
    """Answer 4: copy or likeness?"""
    dose: Dose
    """Answer 5: does more of you leak more?"""
    missed: Missed
    """Answer 6: how large a leak could have been missed?"""
    trust: Trust
    """Answer 7: how often is the recogniser wrong on these faces?"""
    data: Data
    """What was given and what became of it."""
    signature: Signature
    """Versions, settings, data and date."""

    def __repr__(self) -> str:
        naming, copies = self.naming, self.copies
        return (
            f"Findings({self.verdict}: {naming.n_exposed:,} of {naming.n_members:,} members named, "
            f"{copies.n_copies:,} copies in {copies.n_samples:,} samples)"
        )

    __str__ = __repr__

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
    def read(cls, path: str | Path) -> Findings:
        """Read `findings.json`; InputError if it is no such file, or one of another format."""
        try:
            return cls.model_validate_json(read_plain(Path(path), MOST_RESULT))
        except OSError as error:
            said = f"cannot be read ({error.strerror}); give the findings.json of an audit"
            raise InputError(f"{path}: {said}") from error
        except ValidationError as error:
            reads = cls.model_fields["schema_version"].default
            has = {found["loc"]: found["input"] for found in error.errors()}.get(("schema_version",))
            said = f"not the findings of an audit ({str(error).splitlines()[0]})"
            if isinstance(has, int):
                when = "an earlier" if has < reads else "a later"
                said = f"written by {when} version (format {has}, this one reads {reads}); audit again"
            raise InputError(f"{path}: {said}") from error
