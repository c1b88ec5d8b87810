"""Are samples fresh, or were they in an earlier audit? By the bytes of their files.

A picture that was drawn again is no evidence of re-use where the earlier samples repeat each other as often. What
cannot be told from the files, the user says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.intake.settings import ReauditSettings
from probablyexists.results.findings import Findings
from probablyexists.stats.recurrence import p_of_recurrence

P = 0.01
"""p-value up to which samples that come back are not explained by repeats among the earlier ones."""


@dataclass(frozen=True)
class Seen:
    """The samples of two audits, by the fingerprints of their files; null where a file was not read."""

    earlier: pa.Array
    later: pa.Array

    @classmethod
    def of(cls, later: pa.Array, first: Findings) -> Seen:
        """`later`: fingerprints with the salt of the first audit."""
        return cls(first.samples["content"].combine_chunks(), later)

    @cached_property
    def _times(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """How often each content is in the earlier audit; how often each of the later is there, and in the later."""
        first, second = (pc.value_counts(contents.drop_null()) for contents in (self.earlier, self.later))
        times = first.field("counts").to_numpy()
        at = pc.index_in(second.field("values"), value_set=first.field("values"))
        before = np.append(times, 0)[pc.fill_null(at, len(times)).to_numpy()]
        return times, before, second.field("counts").to_numpy()

    @property
    def n(self) -> int:
        """Later samples with the content of an earlier one."""
        _, before, times = self._times
        return int(times[before > 0].sum())

    @property
    def is_reuse(self) -> bool:
        """Whether more samples come back than repeats among the earlier ones explain; or all, each as often as there.

        Contents that occur several times in the earlier audit are no evidence: a model that gave them so often gives
        them again. Where none does, one sample that comes back is enough.
        """
        earlier, before, times = self._times
        once = int(times[before == 1].sum())
        if once and earlier.max() == 1:
            return True
        if len(times) > 1 and bool((before == times).all()):
            return True
        twice = int((earlier == 2).sum())
        return once > 0 and p_of_recurrence(once, twice, int(earlier.sum()), int(times.sum())) <= P


def refuse_seen_samples(seen: Seen, n_samples: int, settings: ReauditSettings) -> None:
    """InputError if samples of a folder or archive were in the first audit, unless a selection is judged, or the user
    says that they were drawn anew."""
    generated, what = option("generated", str(settings.generated)), "the first audit"
    if seen.is_reuse and not (settings.selection or settings.drawn_anew):
        raise InputError(
            f"{generated}: {seen.n:,} of {n_samples:,} samples were in {what}, so that they say nothing new of the "
            f"model; draw new ones; or give {option('drawn_anew', True)} if they are new and the model gave the same "
            f"pictures again, or {option('selection', True)} to judge the selection and not the model"
        )
    if settings.selection and not seen.n:
        raise InputError(f"{generated}: no sample was in {what}; leave out {option('selection', True)}")


def refuse_both_words(settings: ReauditSettings) -> None:
    """InputError if samples are said to be a selection of old ones and drawn anew."""
    if settings.selection and settings.drawn_anew:
        raise InputError(
            f"{option('drawn_anew', True)}: a selection of the first audit's samples ({option('selection', True)}) was "
            "not drawn anew; give one of the two"
        )


def refuse_words_for_samples(settings: ReauditSettings) -> None:
    """InputError if what is said of samples is said of a generator: it is sampled here, with seeds not used before."""
    for name in ("selection", "drawn_anew"):
        if getattr(settings, name):
            raise InputError(f"{option(name, True)}: is for samples, and a generator is given; leave it out")
