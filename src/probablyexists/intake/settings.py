"""The settings of each task: typed, checked before anything is read, and written with the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from probablyexists.attacks.attack import Attack
from probablyexists.basis.errors import InputError, option
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.engines.resources import Resources
from probablyexists.generators.generator import Generator, Given
from probablyexists.results.cover import Cover, CoverLine

Checked = TypeVar("Checked", bound=BaseModel)
LONGEST_QUOTED = 200
"""Letters of a wrong argument that a message quotes."""


class Task(BaseModel):
    """Settings of every task that makes random choices and works for long."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, use_attribute_docstrings=True)

    seed: int = 0
    """Seed for all random choices."""
    resources: Resources = Field(default_factory=Resources)


class Settings(Task):
    """Settings of every task that embeds."""

    faces: Literal["auto", "detect", "aligned"] = "auto"
    """How faces are cropped: detect finds them first, aligned takes crops as they are, auto decides for each image."""
    recogniser: str | Recogniser = "dlib"
    """Face recogniser: dlib, dlib-float32, insightface, a name that `recognisers` lists, an .onnx file, module:Name."""
    feed: str | None = None
    """How an .onnx recogniser is fed, such as RGB,-1..1 or BGR,0..255 or facenet; default: by its hash, or tried."""


def _named(out: Any) -> Any:
    if out == "":
        raise ValueError("is empty; give a folder")
    return out


def _shape(given: Any) -> str | None:
    """`latent_shape` as text, checked."""
    if given is None:
        return None
    numbers = _numbers(given, "give positive integers, such as 512 or 4,8,8")
    if not all(number.is_integer() and 0 < number < 1e9 for number in numbers):
        raise PydanticCustomError("shape", "give positive integers, such as 512 or 4,8,8")
    return ",".join(str(int(number)) for number in numbers)


def _range(given: Any) -> str | None:
    """`picture_range` as text, checked."""
    if given is None:
        return None
    numbers = _numbers(given, "give black and white, such as -1,1")
    if len(numbers) != 2 or not -1e9 < numbers[0] < numbers[1] < 1e9:
        raise PydanticCustomError("range", "give black, then white, such as -1,1")
    return ",".join(f"{number:g}" for number in numbers)


def _numbers(given: Any, wanted: str) -> list[float]:
    try:
        parts = given.split(",") if isinstance(given, str) else [given] if isinstance(given, int) else list(given)
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        raise PydanticCustomError("numbers", "{wanted}", {"wanted": wanted}) from None


class Drawing(Task):
    """What a task that may draw from a generator is told about it."""

    generated: Path | Generator | Callable[..., Any]
    """Generated samples (folder, zip, tar, table), or the generator itself: a file, a folder, or module:function."""
    samples: int | None = Field(default=None, ge=1)
    """Pictures to draw from a generator; default: 10,000."""
    trust_pickle: bool = False
    """Open a .pkl or .pt2 file, which can run any code it holds."""
    latent_shape: Annotated[str | None, BeforeValidator(_shape)] = None
    """Shape of one latent, such as 512 or 4,8,8, of a TorchScript or .pt2 file without a .json file that says it."""
    picture_range: Annotated[str | None, BeforeValidator(_range)] = None
    """Values of black and white in a generator's pictures, such as -1,1 or 0,1; default: taken from the pictures."""
    picture_seconds: float = Field(default=25.0, gt=0.0, le=1e6)
    """Longest time for the first picture of a generator that is a file."""

    @property
    def given(self) -> Given:
        """What is said about the generator."""
        shape, within = self.latent_shape, self.picture_range
        black, white = within.split(",") if within else ("", "")
        return Given(
            self.trust_pickle,
            self.resources.threads,
            tuple(int(side) for side in shape.split(",")) if shape else None,
            (float(black), float(white)) if within else None,
            self.samples,
        )


class DrawSettings(Drawing):
    """The arguments of `draw`."""

    generated: Path | Generator | Callable[..., Any]
    """The generator: a file, a folder of the lab or of diffusers, or module:Name."""
    out: Annotated[Path, BeforeValidator(_named)]
    """Folder for the pictures."""


class GeneratorSettings(Settings, Drawing):
    """Settings of every task about a generator that looks at faces."""

    out: Annotated[Path | None, BeforeValidator(_named)] = None
    """Folder for the results."""
    overwrite: bool = False
    """Replace an earlier result in the output folder."""
    show_faces: bool = False
    """Show faces instead of outlines."""


class AuditSettings(GeneratorSettings):
    """The arguments of `audit`."""

    training: Path
    """Photos the generator was trained on: one folder a person, a manifest, or photos without names."""
    heldout: Path
    """Photos of people it never saw, drawn from the same source."""
    unseen: Path | None = None
    """Other photos of the training people, not trained on."""
    reference: Path | None = None
    """Photos of other people, for attacks that learn from them."""
    groups: Path | None = None
    """Groups of people: a CSV or Parquet table (person, group), for figures by group."""
    more_attacks: tuple[str | Attack, ...] = ()
    """Extra attack: a known name or module:Name; p-values are corrected for picking the best. Can be repeated."""
    more_recognisers: tuple[str | Recogniser, ...] = ()
    """Extra recogniser; all judge together (see --consensus). Can be repeated."""
    consensus: Literal["joint", "strict"] = "joint"
    """How several recognisers judge: joint, as one; or strict, each alone, and nobody is named unless all agree."""
    flat: bool = False
    """Folders are not people: photos have no names, and people are groups of similar faces."""
    level: float = Field(default=0.05, gt=0.0, lt=1.0)
    """False discovery rate allowed among the people named."""
    show_names: bool = False
    """Show names and paths instead of pseudonyms and numbers."""
    title: CoverLine = None
    """Title of the report, at most 120 characters, as the following."""
    model: CoverLine = None
    """The generator and its version, for the report."""
    owner: CoverLine = None
    """Who answers for the generator, for the report."""
    assessor: CoverLine = None
    """Who made the audit, for the report."""
    confidential: bool = False
    """Mark each page of the report as confidential."""

    @property
    def cover(self) -> Cover:
        """What the first page of the report says of the audit."""
        return Cover(**{name: getattr(self, name) for name in Cover.model_fields})


class ReauditSettings(AuditSettings):
    """The arguments of `reaudit`."""

    before: Path
    """Folder of the first audit."""
    guard: Path | None = None
    """The guard that the samples passed: its file."""
    selection: bool = False
    """The samples were chosen from those of the first audit: judge the selection, not the model."""
    drawn_anew: bool = False
    """The samples are new, though some have the same bytes as the first audit's: the model gave the same again."""


def _several(photos: Any) -> tuple[Any, ...]:
    return (photos,) if isinstance(photos, str | Path) else tuple(photos)


class AskSettings(GeneratorSettings):
    """The arguments of `ask`."""

    photos: Annotated[tuple[Path, ...], BeforeValidator(_several)] = Field(min_length=1)
    """Photos of the person: image files, or one folder, archive or manifest."""
    reference: Path
    """Photos of people the generator was not trained on: one folder a person, or a manifest."""
    level: float = Field(default=0.05, gt=0.0, lt=1.0)
    """Largest p-value that counts as evidence."""
    owner_split: bool = False
    """The generator's owner drew the reference people at random before training."""
    hide_photos: bool = False
    """Leave the person's photos out of the sheet, to give it away."""


class BlindSettings(GeneratorSettings):
    """The arguments of `blind`."""

    reference: Path
    """Photos of people: one folder a person, or a manifest."""
    level: float = Field(default=0.01, gt=0.0, lt=1.0)
    """False discovery rate allowed among samples that show a frequent face."""


class GuardSettings(Settings):
    """The arguments of `guard`."""

    training: Path | None = None
    """Photos of the people to keep out: one folder a person, a manifest, or photos without names; default: nobody."""
    heldout: Path
    """Photos of other people from the same source, whom no generator was trained on; they set the threshold."""
    out: Path | None = None
    """File for the guard, such as guard.pe."""
    unseen: Path | None = None
    """Other photos of the training people, to measure how many the guard lets through."""
    rate: float = Field(default=0.001, gt=0.0, lt=1.0)
    """Share of strangers' pictures refused by mistake, at most, on average over draws of held-out people. 0.001 needs
    at least 999 of them; a single guard may refuse more, see its interval."""
    half: bool = False
    """Use half of the held-out people, always the same, and leave the others for a later audit."""
    overwrite: bool = False
    """Replace an earlier guard."""


class EmbedSettings(Settings):
    """The arguments of `embed`."""

    images: Path
    """A folder, archive or table of images."""
    out: str
    """Folder for Parquet files: a path, or an address such as s3://bucket/faces."""


class CheckSettings(Settings):
    """The arguments of `recognisers check`."""

    photos: Path
    """Photos of people: one folder a person, or a manifest; at least two of each."""


class MatchSettings(BaseModel):
    """The arguments of `match`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    queries: str
    """Embeddings: a Parquet file or a folder of them."""
    references: str
    """Embeddings to search in: a Parquet file or a folder of them."""
    out: str
    """Folder for Parquet files: a path, or an address such as s3://bucket/found."""
    k: int = Field(default=1, ge=1)
    """Nearest references of each query."""
    resources: Resources = Field(default_factory=Resources)


class CompareSettings(BaseModel):
    """The arguments of `compare`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    before: Path
    """Folder of the first audit."""
    after: Path
    """Folder of the second audit: of the same people, with fresh samples."""
    people: Path | None = None
    """Text file, a person a line: those treated, chosen before the first audit; default: those affected in it."""
    filtered: float | None = Field(default=None, ge=-1.0, le=1.0)
    """Cosine from which a filter refused samples as alike to members; samples as alike to held-out people go too.
    Default: that of the guard with which the second audit was made, if it looks with the same recogniser."""
    out: Annotated[Path | None, BeforeValidator(_named)] = None
    """Folder for the results."""
    overwrite: bool = False
    """Replace an earlier result in the output folder."""
    level: float | None = Field(default=None, gt=0.0, lt=0.5)
    """One-sided level: how often "reduced" is said at most if nothing changed; default: what reaudit left, or 0.025."""
    margin: float = Field(default=0.2, ge=0.0, le=10.0)
    """Mean rise of the others' exposure, in standard deviations, up to which they are no worse; choose it before."""
    seed: int = 0
    """Seed for all random choices."""


def checked(kind: type[Checked], arguments: Mapping[str, Any]) -> Checked:
    """A task's arguments as settings; `cache=None` is the default folder. InputError names the first wrong argument."""
    given = {name: value for name, value in arguments.items() if name != "progress"}
    machine = {name: given.pop(name) for name in Resources.model_fields if name in given}
    if machine.get("cache") is None:
        machine.pop("cache", None)
    try:
        resources = {"resources": Resources.model_validate(machine)} if "resources" in kind.model_fields else {}
        return kind.model_validate({**given, **resources})
    except ValidationError as error:
        first = error.errors()[0]
        name, said = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        value = {**given, **machine}.get(name)
        if isinstance(value, str) and len(value) > LONGEST_QUOTED:
            value = f"{value[:LONGEST_QUOTED]}…"
        raise InputError(f"{option(name, value)}: {said[:1].lower()}{said[1:]}") from None


_NOT_SIGNED = ("resources", "photos", "overwrite", "picture_seconds", *Cover.model_fields)


def signed(settings: Settings | CompareSettings) -> dict[str, str | int | float | bool | None]:
    """The settings for a result's signature, without those that change no figure."""
    given = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {name: _words(value) for name, value in given.items() if name not in _NOT_SIGNED}


def _words(value: Any) -> str | int | float | bool | None:
    if isinstance(value, tuple):
        return ", ".join(str(_words(part)) for part in value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value) if isinstance(value, Path) else str(getattr(value, "id", type(value).__name__))
