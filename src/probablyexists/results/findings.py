"""What an audit says: frozen, versioned types, written to and read from `findings.json` and `samples.parquet`.

`Findings.people` and `Findings.samples` are Arrow tables (DuckDB, Polars and pandas read them as they are). People are
rows in findings.json; samples, of which there may be millions, are rows in the Parquet file beside it. A figure is an
`Estimate` with its interval or an `Unresolvable` with its reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    ValidationError,
    WithJsonSchema,
)

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text
from probablyexists.basis.roles import Role
from probablyexists.results.contradictions import contradiction
from probablyexists.results.cover import Cover
from probablyexists.results.reading_back import FINDINGS, findings_file, held_in, no_findings
from probablyexists.results.rows_file import read_rows, write_rows
from probablyexists.stats.estimate import Figure, Unresolvable
from probablyexists.stats.power import Power

Verdict = Literal["leak", "no evidence", "inconclusive"]
Kind = Literal["copy", "likeness", "none"]
Population = Literal["seen photos", "unseen photos"]
Reason = Literal["named", "copied", "named and copied"]
Fairness = Literal["fair", "not fair", "not shown"]
Threshold = Literal["resemblance", "fmr-1-percent"]


SAMPLES: Final = "samples.parquet"
NEIGHBOURS: Final = "neighbours.parquet"


class Frozen(BaseModel):
    """Base of all parts: immutable, unknown names refused, no NaN or infinity; a field's docstring is in the schema."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class PersonRow(Frozen):
    """One member. Documents the rows of `people`."""

    person: str
    """Pseudonym, or the folder's name with `show_names`."""
    group: str | None
    """The person's group, as the owner gave it; null without groups."""
    photos: int
    """Training photos of this person in which a face was acquired."""
    compared_on: int
    """Photos in the template that was compared, equal on both sides."""
    similarity: float
    """Cosine of the template and its nearest sample that is no copy, -1 to 1."""
    exposure: float
    """The attack's score in standard deviations above the mean of the held-out people compared on as many photos; with
    groups, of those of the same comparison."""
    p: float
    """Conformal p-value against these held-out people, above 0 to 1; lower is more exposed. Valid for any number of
    attacks and recognisers."""
    q: float
    """Benjamini-Hochberg q-value, 0 to 1: the smallest false discovery rate at which this person is named. With groups
    the larger of two: over all members, and over those of the same comparison."""
    exposed: bool
    """Whether the person is named: `q` is at most `naming.level`, and the split allows such a claim."""
    copies: int
    """Distinct pictures among the samples that reproduce a photo of this person."""
    reason: Reason | None
    """Why the person is affected: named by likeness, copied, or both; null if not affected. Copies count only where
    they are beyond chance."""
    nearest: list[str]
    """The nearest samples that are not copies, best first: as in `samples`."""


class SampleRow(Frozen):
    """One generated sample. Documents the rows of `samples.parquet`."""

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
    unjudged: str | None
    """A member who is neither named nor cleared, as there are too few held-out people or the split is not fair, and
    whom the sample resembles: its cosine to them is at least `resemblance.threshold`. The most similar one; null for a
    copy or likeness, and where there is none."""
    content: str | None
    """Fingerprint of the sample's file (`content_of`, with `data.sample_salt`), 16 hexadecimal digits: two files of the
    same bytes have the same. Null where the picture could not be read."""


class SamplesFile(Frozen):
    """The file beside findings.json that holds a row for each sample, by path; its columns are those of `SampleRow`."""

    file: Literal["samples.parquet"]
    """Its name."""
    rows: int = Field(ge=0)
    """Rows in it."""
    sha256: str
    """Its SHA-256, in hexadecimal."""


class NeighboursFile(Frozen):
    """The file beside findings.json from which two audits are compared: for each member and held-out person the samples
    most similar to them. It shows who looks like which sample, so only the owner may read it."""

    file: Literal["neighbours.parquet"]
    """Its name."""
    rows: int = Field(ge=0)
    """Rows in it: one for each member, and one for each held-out person in each comparison."""
    sha256: str
    """Its SHA-256, in hexadecimal."""
    recogniser: str
    """Name and version of the recogniser whose similarities these are: the first that judges."""
    n_samples: int = Field(ge=0)
    """Samples that were searched: all that show a face, copies among them, each as often as it was given."""
    nearest: int = Field(ge=1)
    """Samples in each row, or all of them if there are fewer."""


_ARROW: dict[Any, pa.DataType] = {
    int: pa.int32(),
    float: pa.float64(),
    float | None: pa.float64(),
    int | None: pa.int32(),
    bool: pa.bool_(),
    list[str]: pa.list_(pa.string()),
}


def _schema(row: type[Frozen]) -> pa.Schema:
    """A column for each field; what is no number, boolean or list is text."""
    return pa.schema([(name, _ARROW.get(field.annotation, pa.string())) for name, field in row.model_fields.items()])


PEOPLE_SCHEMA, SAMPLES_SCHEMA = _schema(PersonRow), _schema(SampleRow)


def _as_table(row: type[Frozen], schema: pa.Schema) -> PlainValidator:
    needed = [name for name, field in row.model_fields.items() if type(None) not in get_args(field.annotation)]

    def check(value: Any) -> pa.Table:
        if isinstance(value, pa.Table):
            return value.cast(schema)
        try:
            table = pa.Table.from_pylist(list(value), schema=schema)
        except (pa.ArrowException, TypeError, OverflowError, AttributeError) as error:
            raise ValueError(f"not a table of {schema.names}: {error}") from error
        for name in needed:
            column = table[name]
            if column.null_count or (pa.types.is_list(column.type) and pc.list_flatten(column).null_count):
                raise ValueError(f"a row lacks its {name}")
        return table

    return PlainValidator(check)


def _samples(table: pa.Table, info: SerializationInfo) -> Any:
    """The rows, or where they are written if `write` says so."""
    return (info.context or {}).get("samples") or table.to_pylist()


PeopleTable = Annotated[
    pa.Table,
    _as_table(PersonRow, PEOPLE_SCHEMA),
    PlainSerializer(lambda table: table.to_pylist(), return_type=list),
    WithJsonSchema({"type": "array", "items": PersonRow.model_json_schema()}),
]
SamplesTable = Annotated[
    pa.Table,
    _as_table(SampleRow, SAMPLES_SCHEMA),
    PlainSerializer(_samples),
    WithJsonSchema({**SamplesFile.model_json_schema(), "x-rows": SampleRow.model_json_schema()}),
]


class Affected(Frozen):
    """Everybody whom the samples give away: named by likeness, or copied. The people are in `people`, with `reason`."""

    n: int
    """People affected: each once, whatever the reasons."""
    n_named: int
    """Named by likeness, copied or not."""
    n_copied: int
    """Copied, named or not."""


class Membership(Frozen):
    """Answer 1: can an attacker tell members from strangers? One entry for each population, level, and with the copies
    in or out."""

    population: Population
    """Photos of members: those the generator was trained on, or others."""
    copies: Literal["in", "out"]
    """in: all samples, what an attacker sees; out: without copies, identity alone. Where no sample is a copy both are
    the same, and only `out` is given."""
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
    several attacks the p-value of the best, corrected for the choice; with several recognisers that must
    all agree (consensus strict) the largest."""


class SecondOpinion(Frozen):
    """Answers 1 and 2 by one further attack, or by the first attack with one recogniser alone: each by itself, not
    corrected for being one of several."""

    kind: Literal["attack", "recogniser"]
    """What differs from the audit's own figures."""
    id: str
    """Name and version of the attack or recogniser."""
    auroc: dict[Population, Figure]
    """AUROC by person for each population, 0 to 1."""
    less_first: dict[Population, Figure] = {}
    """The same AUROC less that of the audit's own figures, of the same people in pairs, -1 to 1."""
    tpr_at_fpr_1_percent: dict[Population, Figure] = {}
    """Share of members above the threshold that 1 % of the held-out people exceed, by person, 0 to 1."""
    tpr_at_fpr_0_1_percent: dict[Population, Figure] = {}
    """The same at 0.1 %."""
    n_exposed: int | None
    """Members that it alone would name; null where the split does not allow such a claim."""


class SplitBaseline(Frozen):
    """The baseline of answer 1: members against held-out people without the generator."""

    auroc: Figure
    """AUROC of a classifier of templates that never sees a sample; 0.5 if the split is fair."""
    same_attack: Figure
    """AUROC of the audit's own attack with held-out photos of other people in place of the samples; 0.5 if the split is
    fair. Below 0.5 members are less like the held-out people than these are among themselves: not fair either."""
    fairness: Fairness
    """fair: one of the two excludes a difference that matters, and neither shows one; not fair: one shows it; not
    shown: there are too few people to tell."""
    group_shift: float | None
    """How much higher strangers' scores would have to be, in their standard deviations, for members as a group not to
    be above them; null where they are not."""
    names_shift: float | None
    """How much higher strangers' scores would have to be, in their standard deviations, for nobody to be named; null
    where nobody is."""
    shift: Figure
    """How much higher members' scores are than strangers' in the same-attack baseline, in standard deviations of the
    strangers' scores: what the difference between the sources is, to be read beside the two shifts above."""
    photo_counts: Figure
    """AUROC of the number of photos of a person, unseen ones included, in doublings: 0.5 if members and held-out people
    have as many, 1 if every member has far more."""


class Stratum(Frozen):
    """Members compared on the same number of photos, with the held-out people who have as many."""

    group: str | None
    """The group that these members and held-out people are of; null for several groups put together, or without
    groups."""
    photos: int
    """Photos in each template."""
    n_members: int
    """Members compared on this number of photos."""
    n_heldout: int
    """Held-out people (of the group) with at least this number of photos."""
    p_floor: float = Field(gt=0.0)
    """Smallest p-value possible in this stratum, as `naming.p_floor`: 1 / (n_heldout + 1) with one attack."""


class Histogram(Frozen):
    """How many values are in each of several equal bins."""

    low: float
    """Where the first bin begins: the lowest value."""
    high: float
    """Where the last bin ends: the highest value."""
    counts: list[int]
    """Values in each bin, from `low` to `high`."""


class Naming(Frozen):
    """Answer 2: who? The rows are in `people`; this is how they were named."""

    level: float
    """False discovery rate allowed among the named, 0 to 1."""
    n_members: int
    """Members tested."""
    n_exposed: int | None
    """Members named; null where the split is not fair, so that nobody can be."""
    verdict_level: float
    """False discovery rate that counts for the verdict, whatever `level` is."""
    n_for_verdict: int | None
    """Members named at `verdict_level`; null as for `n_exposed`."""
    n_suggestive: int | None
    """Members named at 5 %: too many for "no evidence", whatever `level` is; null as for `n_exposed`."""
    n_heldout: int
    """Held-out people with a usable photo."""
    p_floor: float = Field(gt=0.0)
    """Smallest p-value in any stratum for a member whom one attack alone exposes: a / (held-out people + 1) with a
    attacks."""
    smallest_nameable: int
    """How many members must reach the floor before anyone can be named; n_members + 1 if nobody can."""
    strata: list[Stratum]
    """The comparisons, by number of photos."""
    strangers: Histogram | None = None
    """Exposure of the held-out people, each once in every comparison; null if not known."""


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
    """Distinct pictures among the samples that are not copies and show a face: near-identical ones are one."""
    members: float
    """Share of these that resemble a member, 0 to 1."""
    strangers: float
    """Share of these that resemble somebody in an equally large gallery of held-out people, 0 to 1."""
    excess: Figure
    """`members` minus `strangers`, -1 to 1; above 0 the samples resemble members more."""
    n_likenesses: int
    """Samples that show a named member and are not copies."""


class Copies(Frozen):
    """Answer 4: copies, found first; left out of everything else if chance cannot explain them."""

    n_copies: int
    """Samples that reproduce a training photo."""
    n_samples: int
    """Samples that were compared: all that show a face."""
    n_distinct: int
    """Distinct pictures among the copies."""
    n_certain: int | None = None
    """Samples among the copies that only the same photograph explains: a pixel correlation of 0.95 or more; the others
    are probable. Null if not known."""
    p: float | None
    """Probability of so many distinct copies, or more, if none is one: false copies alone; null without copies. Each
    distinct picture is judged by one of its samples."""
    beyond_chance: bool
    """Whether chance cannot explain the copies, or one is certain: then the people copied are affected."""
    threshold: float
    """Pixel correlation from which a sample is a copy, -1 to 1. Higher for members with very many photos."""
    highest: float | None
    """The largest pixel correlation of a sample with a training photo; null without samples. Below the threshold, the
    largest of the 1,000 samples that seem most alike: not every sample is compared in every way."""
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
    leaked_share: Figure
    """Share of the members who leaked as clearly as a photo shows them, 0 to 1: `high` is a one-sided 95 % limit, and
    `low` is 0."""
    smallest_auroc: float | None
    """The smallest true AUROC by person, of seen photos, at which members as a group would have been found above
    strangers with 80 % power; null if not even 1 would."""


class CurvePoint(Frozen):
    """What fewer samples would have told."""

    n_samples: int
    """Samples in each part."""
    n_parts: int
    """Parts of the samples, drawn at random, that do not overlap."""
    named: float
    """Members named, mean over the parts. By the nearest sample."""
    named_low: int
    """Fewest members named in a part."""
    named_high: int
    """Most members named in a part."""
    auroc: Figure
    """AUROC of seen photos by person, mean over the parts, and of their limits."""


class FaceVariety(Frozen):
    """How many different faces the samples show, and how near they are to people's faces."""

    n: int
    """Samples, and photos of held-out people, that are measured: as many of either."""
    different: float
    """Effective number of different faces among these samples, 1 to n (Vendi score). Small, as faces have most of their
    embedding in common: compare it between audits with equal n."""
    distance: float
    """Squared Frechet distance of their embeddings from the photos', 0 to 4: larger if the samples look less like
    people, or vary less. Compare it between audits with equal n."""


class Sampling(Frozen):
    """How much of the generator the samples show."""

    n_samples: int
    """Samples in which a face was acquired."""
    n_distinct: int
    """Distinct pictures among them: near-identical ones are one."""
    with_face: Figure
    """Share of the samples in which the detector sees a face, 0 to 1, however faces are cropped."""
    unseen_rate: float = Field(gt=0.0)
    """What appears less often than this, per sample, can be missing from so many distinct samples, with probability 5 %
    or more: about 3 / n_distinct."""
    curve: list[CurvePoint]
    """People named and AUROC against the number of samples, fewest first; the last point has all of them."""
    faces: FaceVariety | None = None
    """What the samples are worth as faces, to be compared between audits; null where it was not measured."""
    refused: float | None = None
    """Share of the pictures drawn that a guard refused, 0 to 1; null where samples were not drawn behind a guard."""


class GroupFindings(Frozen):
    """Answers 1, 2 and 7 for one group of people, as the owner grouped them."""

    group: str
    """Its name."""
    n_members: int
    """Members of the group."""
    n_heldout: int
    """Held-out people of the group."""
    within: bool
    """Whether p-values are against held-out people of this group; if not, there are too few, and all are pooled."""
    auroc: dict[Population, Figure]
    """AUROC by person, copies left out: members of the group against held-out people of the group, 0 to 1."""
    n_named: int | None
    """Members of the group who are named; null where naming is not claimed."""
    fmr: Figure
    """Share of comparisons of different people of the group that match at the threshold at which 1 % of all members'
    match, 0 to 1."""
    fnmr: Figure
    """Share of comparisons of one person of the group that do not match at that threshold, 0 to 1."""


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
    """Answer 7: can the recogniser be trusted here? One entry for each recogniser."""

    recogniser: str
    """Name and version of the recogniser."""
    judges: bool
    """Whether it judges, alone or with others: not if it misses more than half of true matches and another does not."""
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
    """Images in which the detector counted more than one face; not those taken on their frame. In a large image small
    faces are not searched once a large one settles it."""
    n_repeated: int | None
    """Samples that show the same picture as an earlier sample; null for photos."""
    n_people_given: int | None
    """People in the source, by name; null for samples and for photos without names."""
    people_set_aside: dict[str, int]
    """People given of whom no photo could be used: why most of their photos could not -> people."""
    n_people: int | None
    """People with a usable photo: those who were audited or compared with; null for samples."""
    faces: Literal["auto", "detect", "aligned"]
    """How faces were found: by the detector, on the frame, or on the frame only where landmarks settle there."""
    faces_decided_by: str
    """The setting or the rule that decided this."""
    n_on_frame: int | None = None
    """Faces taken on the frame of their image; the detector found the others. Null if written before it was counted."""
    fingerprint: str | None = None
    """Salted SHA-256 over person and content of every image acquired, as `data_fingerprint`: two audits with the same
    have the same people. Null in results of other tasks, and for samples."""

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
    sample_salt: str
    """What `content` in the rows of the samples is made with: the same for the same training photos, so that audits of
    one training set can be compared, and of no use for pseudonyms and fingerprints of photos."""

    @property
    def of_members_given(self) -> str:
        """ " (30 given)" where some members have no usable photo, else nothing; for use after a number of members."""
        for role in self.roles:
            if role.role == "training" and role.people_set_aside:
                return f" ({role.n_people_given:,} given)"
        return ""


class GuardUsed(Frozen):
    """The guard that the samples of a further audit passed, as its file says."""

    fingerprint: str
    """SHA-256 of the guard's file, in hexadecimal."""
    recogniser: str
    """Name and version of the recogniser that it looks with."""
    threshold: float | None
    """Score above which it refuses a picture as a likeness; null if its file does not say."""
    half: bool
    """Whether its thresholds were set on the design half of the held-out people alone."""
    judges_too: bool
    """Whether its recogniser is the one that judges in this audit: what the guard does not see, the audit may then not
    see either."""


class Again(Frozen):
    """An audit made again after another, with the same people and settings, and other samples."""

    before: str
    """`signature.data_fingerprint` of the first audit."""
    before_date: str
    """`signature.date` of the first audit."""
    look: int = Field(ge=1)
    """Which audit after the first this is, counted in the first one's folder: 1 for the first again."""
    level: float = Field(gt=0.0, lt=1.0)
    """What a comparison with the first audit may spend: the probability of finding a change, one-sided, where there is
    none. All looks together spend at most 2.5 %."""
    guard: GuardUsed | None
    """The guard that the samples passed; null if none is said."""
    selection: bool
    """Whether samples of the first audit were allowed: then a selection of samples is judged, and not a model."""
    drawn_anew: bool = False
    """Whether the user says that samples with the content of one of the first audit were drawn anew."""
    n_in_before: int
    """Samples whose content was in the first audit: selected from there, or drawn again; the second is known where a
    generator was sampled anew, said where it is `drawn_anew`, and else explained by repeats in the first audit."""
    n_design: int
    """Held-out people left out, because the guard's thresholds were set on them."""
    sample_seed: int | None = Field(ge=0, lt=2**62)
    """Seed of the samples, other than the first audit's; null where no generator was sampled."""
    same_generator: bool | None
    """Whether the same generator was sampled in both audits: what differs then is chance. Null where it is not known,
    because samples came as files."""


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

    schema_version: Literal[7] = 7
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
    """One row for each sample, by path: in findings.json the file that holds them."""
    affected: Affected
    """Everybody named by likeness or copied."""
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
    sampling: Sampling
    """Answer 6: how much of the generator do the samples show?"""
    trust: list[Trust]
    """Answer 7: how often is each recogniser wrong on these faces? The first is the audit's own."""
    groups: list[GroupFindings]
    """Answers 1, 2 and 7 by group, largest group first; empty without groups."""
    data: Data
    """What was given and what became of it."""
    neighbours: NeighboursFile | None = None
    """From what `compare` reads; null where the audit was not written to a folder."""
    signature: Signature
    """Versions, settings, data and date."""
    cover: Cover = Cover()
    """What the people in charge say about the audit, for the first page of the report."""
    again: Again | None = None
    """What this audit has to do with an earlier one; null for a first audit."""

    def __repr__(self) -> str:
        affected, copies = self.affected, self.copies
        return (
            f"Findings({self.verdict}: {affected.n:,} of {self.naming.n_members:,} members affected, "
            f"{copies.n_copies:,} copies in {copies.n_samples:,} samples)"
        )

    __str__ = __repr__

    def write(self, folder: Path) -> None:
        """Write `samples.parquet` and `findings.json` into a folder, each whole or not at all, findings.json last.

        ValueError for a similarity that is not finite. WriteError.
        """
        for name in ("similarity", "heldout_similarity"):
            if pc.all(pc.is_finite(self.samples[name])).as_py() is False:
                raise ValueError(f"samples: {name} is not finite")
        sha256 = write_rows(folder / SAMPLES, self.samples)
        its = SamplesFile(file=SAMPLES, rows=self.samples.num_rows, sha256=sha256)
        write_text(folder / FINDINGS, self.model_dump_json(indent=1, context={"samples": its}) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Findings:
        """Read `findings.json`, given itself or by its folder, and `samples.parquet` beside it.

        InputError if these are no such files, of another format, or contradict themselves.
        """
        path = findings_file(Path(path))
        held = held_in(path, cls.model_fields["schema_version"].default)
        try:
            found = cls.model_validate({**held, "samples": []})
            its = SamplesFile.model_validate(held.get("samples"))
        except ValidationError as error:
            raise no_findings(path, error) from error
        samples = read_rows(path.with_name(its.file), SAMPLES_SCHEMA, its.rows, its.sha256)
        found = found.model_copy(update={"samples": samples})
        if why := contradiction(found):
            raise InputError(f"{path}: contradicts itself, so it was changed since it was written ({why}); audit again")
        return found
