"""Audit again after a change, soundly: the same people and settings, fresh samples, and every look is paid for.

Samples that a filter chose, looked at by whoever made the filter, always look better. So samples of the first audit are
refused, held-out people who set a guard's thresholds do not judge, and the level is spent over all looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from probablyexists.attacks.attack import Attack
from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.roles import Role
from probablyexists.basis.text import shown
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.engines.choose import engine
from probablyexists.generators.file_generator import FileGenerator
from probablyexists.generators.generator import Generator
from probablyexists.guarding.guard_file import read_guard
from probablyexists.intake.looks import claim_count, next_look, read_looks
from probablyexists.intake.open_sources import Fresh, generator_of, open_sources
from probablyexists.intake.output_folder import claim_folder
from probablyexists.intake.provenance import fingerprint
from probablyexists.intake.same_audit import (
    first_folder,
    fresh_samples,
    refuse_other_numbers,
    refuse_other_people,
    refuse_other_recognisers,
    refuse_other_roles,
    used_guard,
    with_first,
)
from probablyexists.intake.seen_samples import (
    Seen,
    refuse_both_words,
    refuse_seen_samples,
    refuse_words_for_samples,
)
from probablyexists.intake.settings import ReauditSettings, checked
from probablyexists.report.again_texts import coming_look
from probablyexists.results.findings import Again, Findings, GuardUsed
from probablyexists.sources.open_source import Source
from probablyexists.stats.spending import level_of
from probablyexists.tasks.audit import conclude
from probablyexists.tasks.gather import Gathered, gather


def reaudit(
    before: str | Path,
    training: str | Path,
    heldout: str | Path,
    generated: str | Path | Generator | Callable[..., Any],
    *,
    out: str | Path,
    unseen: str | Path | None = None,
    reference: str | Path | None = None,
    groups: str | Path | None = None,
    guard: str | Path | None = None,
    pass_phrase: str | None = None,
    selection: bool = False,
    drawn_anew: bool = False,
    recogniser: str | Recogniser | None = None,
    more_recognisers: Sequence[str | Recogniser] | None = None,
    more_attacks: Sequence[str | Attack] | None = None,
    samples: int | None = None,
    trust_pickle: bool = False,
    latent_shape: str | int | Sequence[int] | None = None,
    picture_range: str | Sequence[float] | None = None,
    overwrite: bool = False,
    show_faces: bool = False,
    threads: int | None = None,
    memory: float = 2.0,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Audit other samples with the people and settings of an earlier audit, so that both can be compared.

    Parameters
    ----------
    before
        Folder of the first audit. How often it was looked at again is counted there, in `reaudits.json`.
    training, heldout, unseen, reference, groups
        The same as in the first audit.
    generated
        The new samples, or the generator: it is sampled with other seeds. With the first audit's generator the result
        is the null: what a comparison finds where nothing was changed.
    guard
        The guard that the samples passed. Held-out people on whom its thresholds were set do not judge.
    pass_phrase
        The guard's, if its file is encrypted.
    selection
        The samples were chosen from those of the first audit: the selection is judged, not the model.
    drawn_anew
        The samples are new, though more of them have the same bytes as the first audit's than its own repeats explain:
        the model gave the same pictures again. Said in the report as your word.
    recogniser, more_recognisers, more_attacks
        Only where the first audit's are objects, or files that have moved.
    out, samples, trust_pickle, latent_shape, picture_range, overwrite, show_faces, threads, memory, cache
        As in `audit`. `samples`: default as many as in the first audit.

    Raises
    ------
    InputError
        One line, for people, settings or samples with which the two audits could not be compared.
    """
    given = {name: value for name, value in locals().items() if value is not None and name != "pass_phrase"}
    return run(checked(ReauditSettings, given), progress or Silent(), pass_phrase)


def run(settings: ReauditSettings, progress: Progress, pass_phrase: str | None = None) -> Findings:
    """Run `reaudit` with checked settings; `pass_phrase`: of the guard."""
    started = time.monotonic()
    if settings.out is None:
        raise InputError(f"{option('out')}: give a folder: what is looked at is counted when it is written")
    first, folder = Findings.read(settings.before), first_folder(settings.before)
    settings = with_first(settings, first).model_copy(update={"before": folder})
    refuse_both_words(settings)
    refuse_other_roles(settings, first)
    about = None if settings.guard is None else read_guard(settings.guard, pass_phrase).about
    guard = None if settings.guard is None or about is None else used_guard(settings.guard, about, first)
    guard_salt = bytes.fromhex(about.salt) if about is not None and about.half else None
    claim_folder(settings)
    look = claim_count(folder, first.signature.data_fingerprint)
    progress.say(coming_look(look, level_of(look)))
    fresh = fresh_samples(settings, first, n_looks=len(read_looks(folder)))
    with engine(settings.resources, progress) as work:
        sources = open_sources(settings, progress, fresh)
        refuse_other_numbers(sources, first)
        _refuse_without_guard(sources["generated"], settings)
        if generator_of(sources["generated"]).get("generator") is not None:
            refuse_words_for_samples(settings)
        gathered = gather(settings, work, progress, sources, guard_salt)
        refuse_other_recognisers([one.id for one in gathered.recognisers], first)
        now: dict[Role, str] = {
            role: fingerprint({role: gathered.tables[role]}, gathered.salt) for role in gathered.crowds.by_role
        }
        refuse_other_people(gathered.tables, now, first)
        looking = _looking(gathered, settings, first, guard, fresh)
        return conclude(gathered, settings, progress, started, looking)


def _refuse_without_guard(source: Source, settings: ReauditSettings) -> None:
    """InputError if samples are said to pass a guard and come straight from a generator's file; and the reverse."""
    generator = getattr(source, "generator", None)
    if settings.guard is None and hasattr(generator, "guard"):
        raise InputError(f"{option('guard')}: the generator draws behind a guard; give the guard's file")
    if settings.guard is not None and isinstance(generator, FileGenerator):
        raise InputError(
            f"{option('guard', settings.guard)}: the samples would be drawn from {shown(settings.generated)} without "
            "it; give samples that passed it, or a guarded generator as module:Name"
        )


def _looking(
    gathered: Gathered, settings: ReauditSettings, first: Findings, guard: GuardUsed | None, fresh: Fresh
) -> AbstractContextManager[Again]:
    """Counts the look while its result is written. InputError for samples that are not fresh."""
    source = gathered.sources["generated"]
    drawn, was = generator_of(source).get("generator"), first.signature.settings.get("generator")
    seen = Seen.of(gathered.contents, first)
    if drawn is None:
        refuse_seen_samples(seen, len(source.photos), settings)

    @contextmanager
    def looking() -> Iterator[Again]:
        assert settings.out is not None
        with next_look(settings.before, first.signature.data_fingerprint, settings.out) as look:
            yield Again(
                before=look.before,
                before_date=first.signature.date,
                look=look.look,
                level=look.level,
                guard=guard,
                selection=settings.selection,
                drawn_anew=settings.drawn_anew,
                n_in_before=seen.n,
                n_design=len(gathered.crowds.design),
                sample_seed=None if drawn is None else fresh.seed,
                same_generator=None if drawn is None or was is None else drawn == was,
            )

    return looking()
