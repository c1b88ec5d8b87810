"""What an audit looks at: sources -> embedded faces -> people, copies, and the samples as each recogniser sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from probablyexists.answers.copying import CopyMatches, find_copies
from probablyexists.answers.judges import Judge
from probablyexists.answers.rows import contents
from probablyexists.attacks.attack import Attack
from probablyexists.attacks.known import chosen
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import Role
from probablyexists.copies.duplicates import SamePicture, same_pictures, without
from probablyexists.embeddings.embed import Embedded
from probablyexists.embeddings.recognisers import Recogniser, open_recognisers
from probablyexists.engines.choose import Engine
from probablyexists.intake.embed_sources import embed_sources
from probablyexists.intake.faces_seen import FacesSeen, faces_seen
from probablyexists.intake.feeding import fed
from probablyexists.intake.groups import Groups, find_groups
from probablyexists.intake.open_sources import has_names, open_sources
from probablyexists.intake.people import Peopled, find_people, judging_half, salt_of
from probablyexists.intake.settings import AuditSettings
from probablyexists.matching.matcher import Matcher
from probablyexists.sources.open_source import Source


@dataclass(frozen=True)
class Gathered:
    """All data for the answers: embedded faces, grouped by person, with copies removed from the samples."""

    sources: Mapping[Role, Source]
    recognisers: Sequence[Recogniser]
    """The audit's own first."""
    feeding: list[str]
    """Cautions about how they are fed."""
    tables: Mapping[Role, Embedded]
    seen: FacesSeen
    pairs: list[SamePicture]
    crowds: Peopled
    copied: CopyMatches
    judges: Sequence[Judge]
    """The same people and samples as each recogniser sees them, in the order of `recognisers`."""
    attacks: tuple[Attack, ...]
    """The nearest sample first."""
    matcher: Matcher
    groups: Groups

    @cached_property
    def salt(self) -> bytes:
        """As `salt_of` gives."""
        return salt_of(self.tables["training"])

    @cached_property
    def contents(self) -> pa.StringArray:
        """The fingerprint of each sample's file, as `answers.rows` has it."""
        return contents(self.tables["generated"], self.salt)

    @property
    def others(self) -> Embedded:
        """The generated samples that are not copies."""
        return self.judges[0].others


def gather(
    settings: AuditSettings,
    work: Engine,
    progress: Progress,
    sources: Mapping[Role, Source] | None = None,
    guard_salt: bytes | None = None,
) -> Gathered:
    """Embed -> match.

    `sources`: those of the settings, where they are open already. `guard_salt`: leave out the held-out people of the
    design half, on whom the guard with this salt was set.
    """
    matcher, threads, cache = work.matcher, settings.resources.threads, settings.resources.cache
    attacks = chosen(settings.more_attacks, has_reference=settings.reference is not None)
    opened = open_recognisers((settings.recogniser, *settings.more_recognisers), cache, settings.feed)
    sources = open_sources(settings, progress) if sources is None else sources
    groups = find_groups(sources, settings, progress)
    (recogniser, *more), feeding = fed(
        opened, sources, settings.faces, cache=cache, seed=settings.seed, look=work.look, progress=progress
    )
    tables = embed_sources(sources, settings.faces, recogniser, cache, work.look, progress)
    generated = tables["generated"]
    seen = faces_seen(sources["generated"], generated, settings.faces, settings.seed)
    people_tables: dict[Role, Embedded] = {role: table for role, table in tables.items() if role != "generated"}

    progress.say("looking for the same picture in two roles, and for copies")
    pairs = same_pictures(people_tables, threads)
    kept = without(people_tables, pairs)
    named = all(has_names(sources[role]) for role in people_tables if role != "reference")
    crowds = find_people(kept, named=named, seed=settings.seed, threads=threads)
    crowds = crowds if guard_salt is None else judging_half(crowds, guard_salt)
    copied = find_copies(crowds.training, crowds.heldout, generated, matcher)

    judges = [Judge(recogniser.id, crowds.by_role, generated, copied.left_out, matcher, groups.of)]
    for another in more:
        progress.say(f"the same people and samples with {another.id}")
        again = embed_sources(sources, settings.faces, another, cache, work.look, progress, pictures=False)
        judges.append(judges[0].again(another.id, again))
    every = [recogniser, *more]
    return Gathered(
        sources,
        every,
        feeding,
        tables,
        seen,
        pairs,
        crowds,
        copied,
        judges,
        attacks,
        matcher,
        groups,
    )
