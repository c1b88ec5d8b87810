"""What an audit has to do with an earlier one, in words."""

from __future__ import annotations

from probablyexists.answers.changes import LAST_LOOK
from probablyexists.report import words
from probablyexists.results.findings import Again, GuardUsed


def again_sentence(again: Again, sentence: str) -> str:
    """The verdict in one sentence, after what it is of where that is no model."""
    return f"A selection of samples is judged here, not the model. {sentence}" if again.selection else sentence


_TOO_LATE = (
    f'no comparison with the first audit can say "reduced" after look {LAST_LOOK}, as the levels are too small; make a '
    "new first audit with new held-out people"
)


def coming_look(look: int, level: float) -> str:
    """What is said before a look is counted."""
    said = f"this is look {look} at the first audit, counted when its result is written: "
    if look > LAST_LOOK:
        return f"{said}{_TOO_LATE}; if you stop now, it is not counted"
    left = words.counted(LAST_LOOK - look, "look")
    return f"{said}a comparison may claim a change if p <= {level:.2g}; after it, {left} at most can be decided"


def again_cautions(again: Again) -> list[str]:
    """What limits an audit that was made again, the gravest first."""
    found = [f"this is look {again.look}: {_TOO_LATE}"] if again.look > LAST_LOOK else []
    if again.selection:
        found.append(
            f"a selection is judged, not a model: {words.counted(again.n_in_before, 'sample')} of the first audit "
            f"{'is' if again.n_in_before == 1 else 'are'} judged again; what was left out of them, further samples of "
            "the model may show again"
        )
    elif again.n_in_before:
        found.append(f"{_seen_again(again)}, byte by byte: {_why_again(again)}")
    guard = again.guard
    if guard is not None and guard.judges_too:
        found.append(
            f"the guard looks with the recogniser that judges here ({words.recogniser(guard.recogniser)}), so that "
            "what the guard does not see may not be seen here either; better: audit the first samples and these with "
            "a --recogniser that took no part in filtering"
        )
    if guard is not None and not guard.half:
        found.append(
            "the guard's thresholds were set on all held-out people, who judge here too; better: make the guard with "
            "--half, filter new samples with it, and audit these"
        )
    return found


def _seen_again(again: Again) -> str:
    one = again.n_in_before == 1
    return f"{words.counted(again.n_in_before, 'sample')} {'is' if one else 'are'} in the first audit too"


def _why_again(again: Again) -> str:
    """Why samples of the first audit are no old ones."""
    if again.sample_seed is not None:
        return "drawn with other seeds, so the generator repeats itself"
    if again.drawn_anew:
        return "drawn anew, as the user says, by a model that repeats itself; if they were not, this judges old samples"
    return (
        "no more than pictures that the first audit has several times explain; whether they were drawn anew cannot be "
        "told from the files"
    )


def again_facts(again: Again) -> list[tuple[str, str]]:
    """(label, text) of each thing to know, for the page and the terminal."""
    facts = [
        (
            "Look",
            f"number {again.look} after the first audit, of {words.short(words.date(again.before_date), 40)} (data "
            f"fingerprint {words.visible(again.before)[:16]})",
        ),
        (
            "Level",
            f"a comparison with the first audit may claim a change if p ≤ {again.level:.2g}, which is 0.025 × 6 / (π² "
            f"× {again.look}²). Each look at the same people is another chance to find what is not there; over all "
            "looks, however many, that chance is at most 2.5 % (Bonferroni over an infinite series); after look "
            f"{LAST_LOOK} none can be decided",
        ),
        ("Samples", _samples(again)),
        ("Guard", "not given" if again.guard is None else _guard(again.guard)),
    ]
    if again.n_design:
        facts.append(
            (
                "Held-out people",
                f"{words.counted(again.n_design, 'person is', 'people are')} left out, because the guard's thresholds "
                "were set on them; the others judge",
            )
        )
    return facts


def _samples(again: Again) -> str:
    if again.selection:
        return f"{words.count(again.n_in_before)} are of the first audit: a selection is judged, not a model"
    if again.sample_seed is None:
        none = "none has the content of a sample of the first audit"
        return f"{_seen_again(again)}: {_why_again(again)}" if again.n_in_before else none
    drawn = f"drawn with seed {again.sample_seed}, other than the first audit's"
    if again.same_generator:
        drawn += "; the generator is the same, so that what differs from the first audit is chance"
    return drawn


def _guard(guard: GuardUsed) -> str:
    limit = (
        "" if guard.threshold is None else f", refuses likenesses above a score of {words.number(guard.threshold, 3)}"
    )
    half = "the design half of the" if guard.half else "all"
    return (
        f"the samples passed it, as the user says: SHA-256 {words.visible(guard.fingerprint)[:16]}, looks with "
        f"{words.recogniser(guard.recogniser)}{limit}, and was set on {half} held-out people"
    )
