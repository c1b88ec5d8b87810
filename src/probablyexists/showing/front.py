"""The front: one sample, and the person who probably exists."""

from __future__ import annotations

from typing import Any

from probablyexists.answers.copying import CERTAIN_COPY
from probablyexists.report import words
from probablyexists.report.people_texts import at_floor, is_unjudged
from probablyexists.showing.likeness_scale import place
from probablyexists.showing.opened import Opened

MOST_PHOTOS = 6
KINDS = ("none", "likeness", "copy")
LOOKS_LIKE, PROBABLE, UNCLEAR = "looks like a copy", "probable copy", "not cleared"
HEADINGS = {"copy": "This person exists", "likeness": "This person probably exists", "none": "Perhaps nobody"}
NOBODY = "Nobody we were given"
PERHAPS_COPY = "This person perhaps exists"
NOT_CLEARED = "Not judged, not cleared"


def face(audit: Opened, order: str, at: int) -> dict[str, Any]:
    """The sample at a place in an order, and who is nearest to it, for the page. IndexError beyond the end."""
    rows = audit.in_order(order)
    if not 0 <= at < len(rows):
        raise IndexError(at)
    return {"order": order, "at": at, "n": len(rows), **about_sample(audit, int(rows[at]))}


def about_sample(audit: Opened, row: int) -> dict[str, Any]:
    """One sample and the person nearest to it, who is None where the audit knows nobody who resembles it."""
    kind, similarity = KINDS[audit.kind[row]], float(audit.similarity[row])
    name = audit.findings.samples["sample"][row].as_py()
    said: dict[str, Any] = {"row": row, "name": name, "kind": kind, "tag": tag(audit, row), "copied": None}
    person = int(audit.nearest[row])
    if person < 0:
        compared = "It was compared with nobody."
        return said | {"person": None, "place": None, "heading": "No face was found", "sentence": compared}
    here = place(similarity, audit.scale)
    said |= {"similarity": round(similarity, 4), "place": here.at, "words": here.words}
    if kind == "copy" and (photo := audit.photo[row].as_py()) is not None:
        said["copied"] = f"training/{photo}"
    resembles = kind != "none" or similarity >= audit.findings.resemblance.threshold
    if not resembles:
        nearest = f"The nearest of the training people is {here.words}."
        return said | {"person": None, "heading": NOBODY, "sentence": nearest}
    chance = kind == "copy" and not audit.findings.copies.beyond_chance
    heading = HEADINGS["likeness" if said["tag"] == PROBABLE else kind]
    heading = PERHAPS_COPY if chance else NOT_CLEARED if said["tag"] == UNCLEAR else heading
    sentence = _sentence(audit, row, kind, person, here.words)
    return said | {"person": about_person(audit, person), "heading": heading, "sentence": sentence}


def tag(audit: Opened, row: int) -> str:
    """What a sample is marked as; nothing for most."""
    kind = KINDS[audit.kind[row]]
    if kind == "copy":
        if not audit.findings.copies.beyond_chance:
            return LOOKS_LIKE
        return kind if audit.sample(row)["similarity"] >= CERTAIN_COPY else PROBABLE
    if kind == "likeness":
        return kind
    return "" if audit.findings.samples["unjudged"][row].as_py() is None else UNCLEAR


def about_person(audit: Opened, person: int) -> dict[str, Any]:
    """Who a person is to the page."""
    row = audit.people[person]
    photos = min(MOST_PHOTOS, len(audit.photo_paths(row["person"])))
    return {"row": person, "name": row["person"], "named": row["exposed"], "p": row["p"], "q": row["q"]} | {
        "photos": photos,
        "n_photos": row["photos"],
        "evidence": evidence(audit, person),
    }


def evidence(audit: Opened, person: int) -> str:
    """What the audit says of this person, in one sentence."""
    row = audit.people[person]
    how_sure = f"p {_at(row['p'])}, q {_at(row['q'])}"
    how = "probably copied" if row["person"] in audit.sure.probable else "copied"
    if row["exposed"]:
        return f"Named by the audit: {how_sure}." + (f" Photos of them are {how}, too." if row["copies"] else "")
    copied = f"Photos of this person are {how}. By likeness alone: " if row["reason"] == "copied" else ""
    naming = audit.findings.naming
    if naming.n_exposed is None:
        said = "Neither named nor cleared: the split is not fair, so that the audit names nobody."
    elif is_unjudged(audit.findings, row):
        few = f"{words.count(naming.n_heldout)} held-out people are too few to tell"
        highest = "no held-out person is as exposed, and " if at_floor(audit.findings, row) else ""
        said = f"Neither named nor cleared ({how_sure}): {highest}{few}."
    else:
        said = f"Not named by the audit ({how_sure}): by chance, strangers are as exposed."
    return copied + (said[:1].lower() + said[1:] if copied else said)


def _at(p: float) -> str:
    return f"< {words.P_FLOOR_SHOWN}" if p < words.P_FLOOR_SHOWN else f"= {words.number(p, 3)}"


def _sentence(audit: Opened, row: int, kind: str, person: int, how_alike: str) -> str:
    name = audit.people[person]["person"]
    if kind == "copy":
        chance = "" if audit.findings.copies.beyond_chance else " So few copies are found by chance, too."
        correlation = audit.sample(row)["similarity"]
        how_sure = "reproduces" if correlation >= CERTAIN_COPY else "probably reproduces"
        alike = f"pixel correlation {words.number(correlation)}; from {words.number(CERTAIN_COPY)} on it is certain"
        return f"This picture {how_sure} a training photo of {name} ({alike}).{chance}"
    if kind == "likeness":
        return f"This is a likeness of {name}, who is named: {how_alike}."
    if audit.findings.samples["unjudged"][row].as_py() is not None:
        alike = f"The nearest of the training people is {name}: {how_alike}."
        return f"{alike} The audit cannot tell whether that is chance; withhold holds this sample back."
    return f"The nearest of the training people is {name}: {how_alike}. Strangers' faces do this too."
