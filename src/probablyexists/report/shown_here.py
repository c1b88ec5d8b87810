"""What one audit shows of what regulators ask for, in a sentence or a few: the results that fill `requirements`."""

from __future__ import annotations

from probablyexists.report.limit_texts import can_the_recogniser_be_trusted, what_was_missed
from probablyexists.report.membership_text import can_an_attacker_tell
from probablyexists.report.people_texts import does_more_leak_more, who
from probablyexists.report.sample_texts import copy_or_likeness, which_samples
from probablyexists.report.words import count, counted, date, number, one_in, p_is
from probablyexists.results.findings import Findings

FAIR = {
    "fair": "the split is fair",
    "not fair": "the split is not fair",
    "not shown": "there are too few people to tell if the split is fair",
}


def people(f: Findings) -> str:
    return who(f).sentence


def copies(f: Findings) -> str:
    seen = f"A face that fewer than {one_in(f.sampling.unseen_rate)} samples show can be missing from these samples."
    return f"{copy_or_likeness(f).sentence} {seen}"


def from_samples(f: Findings) -> str:
    drawn = counted(f.sampling.n_distinct, "distinct sample")
    return f"From {drawn}: {which_samples(f).sentence} {people(f)}"


def worst_and_average(f: Findings) -> str:
    if f.naming.n_exposed is None:
        return "Not claimed: the split is not fair."
    if not f.people.num_rows:
        return "There is no member with a usable photo."
    first = f.people.slice(0, 1).to_pylist()[0]
    what = f"exposure {number(first['exposure'], 1, signed=True)} standard deviations, {p_is(first['p'])}"
    return f"Largest: the most exposed member has {what}. Average: {can_an_attacker_tell(f).sentence}"


def membership(f: Findings) -> str:
    return can_an_attacker_tell(f).sentence


def missed(f: Findings) -> str:
    return what_was_missed(f).sentence


def attacks(f: Findings) -> str:
    kinds = [one.kind for one in f.second_opinions]
    tried = counted(1 + kinds.count("attack"), "attack")
    recognisers = counted(len(f.trust), "recogniser")
    return f"{tried} with {recognisers}, on {date(f.signature.date)}. {membership(f)} {people(f)}"


def attacker(f: Findings) -> str:
    drawn = counted(f.sampling.n_distinct, "distinct sample")
    return f"An attacker with {drawn}, photos of the people in question, and {counted(len(f.trust), 'recogniser')}."


def tested(f: Findings) -> str:
    return f"Membership inference: {membership(f)} Regurgitation: {copy_or_likeness(f).sentence}"


def recorded(f: Findings) -> str:
    return (
        f"Made on {date(f.signature.date)} with probablyexists {f.signature.probablyexists}; data fingerprint "
        f"{f.signature.data_fingerprint[:16]}…; {counted(len(f.cautions), 'caution')}."
    )


def withheld(f: Findings) -> str:
    n = f.samples.num_rows - sum(kind == "none" for kind in f.samples["kind"].to_pylist())
    return f"{counted(n, 'sample')} of {count(f.samples.num_rows)} to withhold, listed in withhold.txt."


def members(f: Findings) -> str:
    """How many were compared."""
    return counted(f.naming.n_members, "member")


def heldout(f: Findings) -> str:
    them = counted(f.naming.n_heldout, "held-out person", "held-out people")
    return f"{them} from the same source against {members(f)}; {FAIR[f.split_baseline.fairness]}."


def adversarial(f: Findings) -> str:
    return f"{attacks(f)} {missed(f)} {can_the_recogniser_be_trusted(f).sentence}"


def duplicates(f: Findings) -> str:
    n = len(f.data.duplicates)
    both = "No picture is in two roles." if not n else f"{counted(n, 'picture is', 'pictures are')} in two roles."
    return f"{both} {does_more_leak_more(f).sentence}"


def biometric(f: Findings) -> str:
    return f"{copy_or_likeness(f).sentence} {people(f)} {membership(f)}"
