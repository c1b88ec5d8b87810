# %% [markdown]
# # A first audit, on drawn people
#
# In this tutorial nobody is real. We draw faces, make a "generator" that secretly remembers some of them, audit it, and
# compare what the audit says with what we know. It takes about a minute, needs no network and no GPU, and writes into
# the folder `first-audit` below the working folder.
#
# Run it cell by cell (see the page [Tutorial](../tutorial.md)), or as a whole: `python docs/tutorial/first_audit.py`.

# %%
from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

import probablyexists
from probablyexists.drawn.population import draw_person, draw_photo, write_population

HERE = Path("first-audit")
SIZE = 96
"""Pixels of a picture's side."""


def table(rows: list[dict]) -> None:
    """Print rows as a table."""
    texts = [[f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    texts.insert(0, list(rows[0]))
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))


# %% [markdown]
# ## 1. People
#
# An audit needs two kinds of people from one source: *members*, whose photos the generator was trained on, and
# *held-out people*, whom it never saw. Here the numbers of the drawn people decide, and drawn people have nothing to do
# with their numbers: the split is fair.
#
# Of the members we also keep *unseen photos*, which nobody trains on. Only they can show that a generator remembers a
# person, and not just a picture.

# %%
MEMBERS = range(8)
HELDOUT = range(8, 108)

write_population(HERE / "training", MEMBERS, photos=range(3), size=SIZE)
write_population(HERE / "unseen", MEMBERS, photos=range(10, 12), size=SIZE)
write_population(HERE / "heldout", HELDOUT, photos=range(3), size=SIZE)

# %% [markdown]
# ## 2. A generator with a secret
#
# A generator is anything that makes images from seeds. This one is a function: most of its pictures show people whom
# nobody has ever seen (numbers from 1,000 on). But one in six shows one of four members, in poses and light that were
# never photographed: a *likeness*. And one in fifty repeats a training photo of member 7: a *copy*.

# %%
REMEMBERED = (0, 1, 3, 5)
COPIED = 7


def shows(seed: int) -> tuple[str, int]:
    """The secret: what the picture of a seed is, and the number of the person in it."""
    rng = np.random.default_rng(seed)
    chance = rng.random()
    if chance < 1 / 50:
        return "copy", COPIED
    if chance < 1 / 50 + 1 / 6 and REMEMBERED:
        return "likeness", int(rng.choice(REMEMBERED))
    return "nobody", 1000 + seed


@cache  # drawing takes longer than looking, and a seed has one picture
def picture(seed: int) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: what the generator makes of a seed."""
    kind, person = shows(seed)
    return draw_photo(draw_person(0, person), photo=1000 + seed if kind == "likeness" else 0, size=SIZE)


def generator(seeds: list[int]) -> np.ndarray:
    """(n, SIZE, SIZE, 3) uint8."""
    return np.stack([picture(seed) for seed in seeds])


# %% [markdown]
# ## 3. The audit
#
# The audit knows nothing of `REMEMBERED`, `COPIED` and `shows`. It draws samples by seed, recognises faces, and
# compares. (240 samples keep this quick. With fewer than 1,000 distinct samples an audit can find a leak, but it never
# says "no evidence".)

# %%
findings = probablyexists.audit(
    HERE / "training",
    HERE / "heldout",
    generator,
    unseen=HERE / "unseen",
    samples=240,
    out=HERE / "audit",
    overwrite=True,
    show_names=True,
)
print(findings.verdict)
print(findings.sentence)
for reason in findings.because:
    print(" because", reason)
for caution in findings.cautions:
    print(" but", caution)

# %% [markdown]
# `first-audit/audit/report.html` says the same at length, on a page for readers who do not program.
#
# ## 4. Who?
#
# `findings.people` is an Arrow table with a row for each member, the most exposed first. *Exposure* is how far the
# person scores above people whom the generator never saw, in standard deviations; *p* and *q* say how sure that is.
# Somebody is named if *q* is at most 0.05: of all names given, at most 5 % are then expected to be wrong.

# %%
table(findings.people.select(["person", "photos", "exposure", "p", "q", "copies", "reason"]).to_pylist())

# %% [markdown]
# The smallest p that n held-out people can give is 1 / (n + 1): it is a rank, and somebody must be first.

# %%
print(f"{findings.naming.n_heldout} held-out people: the smallest p is {findings.naming.p_floor:.4f}")

# %% [markdown]
# ## 5. One exposed person, without a plot
#
# Where is the most exposed member among strangers? Each line is a range of exposures, each `#` a held-out person.

# %%
first = findings.people.slice(0, 1).to_pylist()[0]
strangers = findings.naming.strangers
width = (strangers.high - strangers.low) / len(strangers.counts)
for start in range(0, len(strangers.counts), 4):
    low = strangers.low + start * width
    print(f"{low:5.1f} to {low + 4 * width:4.1f}  {'#' * sum(strangers.counts[start : start + 4])}")
print(f"{first['exposure']:5.1f}           <- {first['person']}, nearest samples: {', '.join(first['nearest'])}")

# %% [markdown]
# ## 6. Which samples?
#
# `findings.samples` has a row for each sample. A *copy* reproduces a training photo, pixel for pixel; a *likeness*
# shows a named person in a picture of its own. Its similarity is a cosine, and cosines are high for strangers too, so
# the nearest held-out person is beside it.

# %%
columns = ["sample", "kind", "person", "similarity", "heldout_similarity"]
samples = findings.samples.select(columns).to_pylist()
withheld = [row for row in samples if row["kind"] != "none"]
table(withheld[:8])
print(f"{len(withheld)} of {len(samples)} samples are to be withheld; withhold.txt lists them")

# %% [markdown]
# ## 7. Can an attacker tell?
#
# The AUROC is the probability that a member scores above a stranger; 0.5 is chance. It is given for the photos that
# were trained on, and for others of the same people. It is an average: by it alone, the four who
# leaked hide among the four who did not.

# %%
table(
    [
        {"photos": one.population, "AUROC": one.auroc.value, "from": one.auroc.low, "to": one.auroc.high, "p": one.p}
        for one in findings.membership
        if one.level == "person" and one.copies == "out"
    ]
)

# %% [markdown]
# ## 8. One person asks
#
# A person needs no list of members: some photos, the samples, and other people to be ranked among are enough. Member 0
# asks with two photos that were never trained on; then somebody whom the generator never saw.

# %%
sheet = probablyexists.ask(HERE / "unseen" / "person-0000", generator, HERE / "heldout", samples=240)
print(sheet.evidence, f"(p = {sheet.p:.3f}):", sheet.sentence)

write_population(HERE / "stranger", [500], photos=range(2), size=SIZE)
stranger = probablyexists.ask(HERE / "stranger" / "person-0500", generator, HERE / "heldout", samples=240)
print(stranger.evidence, f"(p = {stranger.p:.3f}):", stranger.sentence)

# %% [markdown]
# ## 9. A guard
#
# A guard refuses copies and likenesses of its people before they are published, and of strangers at most a promised
# share: here 5 %; 100 held-out people could promise 1 / 101 at best.

# %%
guard = probablyexists.guard(HERE / "training", HERE / "heldout", unseen=HERE / "unseen", rate=0.05)
decisions = guard.check(generator(range(100)))
refused = {seed for seed, decision in enumerate(decisions) if not decision.allowed}
expected = guard.content.about.refused.value
print(f"{len(refused)} of 100 pictures refused; of strangers' pictures {expected:.1%} are expected to be")

# %% [markdown]
# ## 10. The truth
#
# We planted the leak, so we can check. (With your own generator you cannot; that is why the lab exists, and why an
# audit says how large a leak it would have missed.)

# %%
truth = {f"person-{number:04d}" for number in REMEMBERED}
copied = f"person-{COPIED:04d}"
rows = findings.people.to_pylist()
named = {row["person"] for row in rows if row["exposed"]}
found_copied = {row["person"] for row in rows if row["copies"]}
print("remembered:", ", ".join(sorted(truth)), "| named:", ", ".join(sorted(named)))
print("copied:    ", copied, "| found copied:", ", ".join(sorted(found_copied)))

secret = {seed for seed in range(100) if shows(seed)[0] != "nobody"}
caught = len(refused & secret)
print(f"the guard refused {caught} of {len(secret)} pictures of members, and {len(refused) - caught} others")

# %% [markdown]
# ## What to try next
#
# - Set `REMEMBERED = ()` and run again: nobody is named, and the copies remain.
# - Let the generator remember one person only. With 8 members and 100 held-out people, a single person cannot be named
#   at 5 % however exposed: 8 x 1/101 is more than 0.05. The report says so, and *the method* says why.
# - Audit the guarded generator: `probablyexists.audit(..., probablyexists.guarded(generator, guard), ...)`.
