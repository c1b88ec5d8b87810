"""The first page of the report: read alone it says the verdict, whom, how sure, what was tested, what to do next."""

from __future__ import annotations

import html as html_of
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from probablyexists.basis.errors import InputError, ProbablyExistsError
from probablyexists.cli.app import app
from probablyexists.cli.summary import summary
from probablyexists.intake.settings import AuditSettings, checked, signed
from probablyexists.report.first_page_texts import LETTERS, first_page
from probablyexists.report.markdown_summary import markdown_summary
from probablyexists.report.page import render
from probablyexists.report.people_texts import affected_people
from probablyexists.report.words import NO_BREAK
from probablyexists.results.cover import LONGEST_LINE, Cover
from probablyexists.results.findings import Affected, Clusters, Findings, Missed, Stratum
from probablyexists.stats.power import Power
from test_report import TOO_FEW, Page, sample_findings
from test_report_claims import (
    by_copies_only,
    by_group_only,
    by_names,
    few_samples,
    groups,
    judged,
    noise,
    nothing_found,
    several_recognisers,
    too_few_for_the_split,
    unfair_split,
)


def alone(findings: Findings) -> str:
    """The text of the first page."""
    page = render(findings, [], show_faces=False)
    return Page(page[page.index("<header>") : page.index("<nav")]).text.replace(NO_BREAK, " ")


def covered(**fields: Any) -> Findings:
    return sample_findings(cover=Cover(**fields))


def unfair_with_copies() -> Findings:
    copied = by_copies_only()
    parts = {name: getattr(copied, name) for name in ("people", "samples", "affected", "copies")}
    return judged(unfair_split().model_copy(update=parts))


def nobody_namable() -> Findings:
    findings = nothing_found()
    naming = findings.naming.model_copy(update={"n_heldout": 12, "smallest_nameable": 241})
    power = Power(None, None, 0.0, 0.0, 0.80, 40, 240)
    missed = findings.missed.model_copy(update={"power": power, "smallest_auroc": 0.9})
    return judged(findings.model_copy(update={"naming": naming, "missed": missed}))


def unjudged_people() -> Findings:
    """Five are above all 40 held-out people, which names nobody among 240 members."""
    findings = nothing_found()
    people, samples = findings.people.to_pylist(), findings.samples.to_pylist()
    for row in people[:5]:
        row |= {"p": 1 / 41, "q": 0.8}
    for row in samples[:4]:
        row |= {"unjudged": "person-0001"}
    strata = [Stratum(group=None, photos=2, n_members=240, n_heldout=40, p_floor=1 / 41)]
    update = {"n_heldout": 40, "smallest_nameable": 118, "p_floor": 1 / 41, "strata": strata}
    naming = findings.naming.model_copy(update=update)
    power = Power(None, None, 0.0, 0.0, 0.80, 40, 240)
    missed = findings.missed.model_copy(update={"power": power, "smallest_auroc": 0.9})
    parts = {name: getattr(findings, name) for name in ("affected", "copies", "membership", "resemblance")}
    return judged(sample_findings(**parts, people=people, samples=samples, naming=naming, missed=missed))


def named_at_a_loose_level() -> Findings:
    """One person named, none at the level of the verdict."""
    nothing = nothing_found()
    findings = sample_findings(n_named=1, affected=Affected(n=1, n_named=1, n_copied=0), membership=nothing.membership)
    samples = [row for row in findings.samples.to_pylist() if row["kind"] != "copy"]
    return judged(sample_findings(**dict(findings) | {"copies": nothing.copies, "samples": samples}))


def clusters() -> Findings:
    found = Clusters(
        threshold=0.9,
        n_people_training=240,
        n_people_heldout=900,
        n_on_both_sides=3,
        n_people_set_aside={"training": 1, "heldout": 2},
        n_photos_set_aside={"training": 4, "heldout": 5},
        note="About 97 % pure on LFW.",
    )
    findings = by_names()
    return findings.model_copy(update={"data": findings.data.model_copy(update={"clusters": found})})


MORE_CASES: list[Callable[[], Findings]] = [unfair_with_copies, nobody_namable, named_at_a_loose_level, clusters]


@pytest.mark.parametrize(
    ("case", "said", "never"),
    [
        (
            by_names,
            [
                "People affected 17 of 240 members: 11 named by likeness, 6 more copied",
                "11 people can be recognised: the samples show their likeness more strongly than chance explains.",
                "9 people are copied: a sample reproduces a training photo of theirs. 3 people are both.",
                "listed, under pseudonyms, under “The people affected”",
                "At most 5 % of the names that such an audit gives are expected to be wrong.",
                "Withhold. Do not publish the 42 samples that withhold.txt lists (probablyexists withhold copies the "
                "others). The generator can make more, of which a guard refuses some (probablyexists guard).",
                "Retrain without. Do not publish the generator as it is. Train it again without the photos of the 17",
                "Inform the people. Decide whether the 17 people affected must be told. The same audit with",
                "Ask again. Audit the changed generator with new samples (probablyexists reaudit)",
            ],
            ["Nobody", "not claimed", "cleared"],
        ),
        (
            by_copies_only,
            ["People affected 9 of 240 members: all copied", "Chance does not explain the copies (p < 0.001)."],
            ["can be recognised", "names that such an audit", "Nobody is named or copied"],
        ),
        (
            by_group_only,
            [
                "People affected 0 of 240 members",
                "members are given away as a group, and any of them may be affected",
                "No single sample stands out, so none can be picked out: publish none of them.",
                "Nobody is named whom it could be trained without",
                "Nobody is named, so all people in the training set may be concerned.",
            ],
            ["withhold.txt lists", "chance explains", "thers may have been missed"],
        ),
        (
            nothing_found,
            [
                "People affected 0 of 240 members",
                "Nobody is named or copied. That clears nobody",
                "at most 6 % of members leaked as clearly as a photo shows",
                "No sample was found that has to be withheld.",
                "it clears neither a person nor the generator",
                "before more samples than these are published",
            ],
            ["Retrain", "Inform", "thers may have been missed"],
        ),
        (
            few_samples,
            [
                "shows neither that there is a leak nor that there is none",
                "Enough samples: at least 1,000 distinct ones are needed.",
                "none is cleared: do not publish them yet",
                "Mend what is listed under “Because”, and audit again",
            ],
            ["Retrain", "Inform"],
        ),
        (
            noise,
            ["A face can be detected in none of the samples", "none is cleared: do not publish them yet"],
            ["Retrain"],
        ),
        (
            unfair_split,
            [
                "People affected — no names are claimed: the split is not fair",
                "Smallest leak noticed — the split is not fair",
                "Who can be recognised is not claimed",
                "Look like copies 2 of 1,200 samples; no more than chance explains",
            ],
            ["can be recognised:", "Nobody is named or copied", "0 of 240", "clearly as a photo", "missed"],
        ),
        (
            unfair_with_copies,
            [
                "People affected 9 copied, of 240 members; no names are claimed: the split is not fair",
                "9 people are copied",
                "Who else can be recognised is not claimed",
                "Train it again without the photos of the 9 people affected.",
                "Do not publish the 9 samples that withhold.txt lists (probablyexists withhold copies the others).",
            ],
            ["names that such an audit"],
        ),
        (
            nobody_namable,
            [
                "People affected — nobody can be named: too few held-out people",
                "With 12 held-out people nobody can be named, however clearly the samples show them",
            ],
            ["0 of 240 members", "Nobody is named or copied"],
        ),
        (
            unjudged_people,
            [
                "Who can be recognised is not judged: with 40 held-out people nobody is named unless about 118 people",
                "None is cleared: do not publish them yet, least of all 4 samples that resemble somebody",
                "To name one person alone among 240 members (q of 3 % or less), 7,999 held-out people are needed; here "
                "are 40. Unjudged until then, not cleared: person-0000, person-0001, person-0002 and 2 more; no "
                "held-out person is as exposed.",
            ],
            ["No sample was found that has to be withheld"],
        ),
        (
            named_at_a_loose_level,
            ["1 person can be recognised", "Be careful. Treat the person named as possibly affected.", "not cleared"],
            ["Retrain"],
        ),
        (groups, ["Each of 3 groups of people by itself (see “By group”)."], ["no groups were given"]),
        (
            several_recognisers,
            ["By 2 face recognisers and 1 attack, a way to tell", "The first recogniser that judges misses"],
            [],
        ),
        (too_few_for_the_split, ["no difference between the groups is put down to training"], ["do not differ"]),
        (
            clusters,
            [
                "a person here is a group of similar faces, and somebody may be several",
                "11 photos that are in two roles, or show somebody who is.",
                "Their photos have no names: who they are has to be found out by hand.",
            ],
            ["--show-names"],
        ),
    ],
)
def test_the_first_page_says_what_was_found_and_what_to_do(
    case: Callable[[], Findings], said: list[str], never: list[str]
) -> None:
    text = alone(case())
    assert [sentence for sentence in said if sentence not in text] == []
    assert [sentence for sentence in never if sentence in text] == []
    assert not re.search(r"\b(safe|private|anonymous|removed)\b", text, re.IGNORECASE)


def test_what_could_not_be_measured_is_said_and_is_not_zero() -> None:
    text = alone(sample_findings("inconclusive", resolvable=False))
    assert "Smallest leak noticed — cannot be estimated: needs at least 20 people with 3 photos, has 0" in text
    assert "How often the recogniser is wrong here is not known: cannot be estimated: needs at least 1000" in text
    power = Power(None, None, 0.31, 0.02, 0.80, 40, 240)
    blind = sample_findings("inconclusive", missed=Missed(power=power, leaked_share=TOO_FEW, smallest_auroc=None))
    assert "Smallest leak noticed none not even if every member had leaked" in alone(blind)
    faceless = noise().copies.model_copy(update={"n_samples": 0})
    assert "Copies — no sample shows a face, so none was compared" in alone(
        noise().model_copy(update={"copies": faceless})
    )


def test_what_was_set_aside_was_not_tested() -> None:
    findings = sample_findings()
    assert "9 of 1,460 training photos, 6 of 13,233 held-out photos, 6 of 1,200 samples that could not" in alone(
        findings
    )
    assert "2 photos that are in two roles." in alone(findings)
    roles = [
        role.model_copy(update={"n_no_face": 0, "n_unreadable": {}})
        for role in findings.data.roles
        if role.role != "unseen"
    ]
    whole = findings.data.model_copy(update={"roles": roles, "n_duplicates_set_aside": {}})
    text = alone(findings.model_copy(update={"data": whole}))
    assert "could not be used" not in text
    assert "two roles" not in text
    assert "Other photos of the people in the training set: none were given." in text


def test_many_reasons_and_limits_are_told_in_full_and_once() -> None:
    because = [f"reason {i} " + "because " * 20 for i in range(7)]
    cautions = ["x" * (LETTERS + 1), *(f"limit {i} " + "but " * 30 for i in range(7))]
    findings = sample_findings("inconclusive", because=because, cautions=cautions)
    whole = Page(render(findings, [], show_faces=False)).text
    assert [whole.count(f"{text.strip()[1:]}.") for text in because + cautions] == [1] * 15
    text = alone(findings)
    assert "Reason 1" in text
    assert "Reason 2" not in text
    assert "5 more: see “What does not fit on the first page”." in text
    assert "8: see “What does not fit on the first page”." in text
    assert "What does not fit on the first page" not in Page(render(sample_findings(), [], show_faces=False)).text


HOSTILE = [
    "</style></title><script>alert(1)</script>",
    '"; } </style><img src=x onerror=alert(1)> \\',
    "<b>bold</b> & \"quoted\" 'and' {{ 7 * 7 }}",
    "W" * LONGEST_LINE,
    "תיק ביקורת של המחולל",
    "بررسی می‌کند",
    "審査" * 60,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_fields_of_the_first_page_stay_text(text: str) -> None:
    page = render(covered(title=text, model=text, owner=text, assessor=text), [], show_faces=False)
    seen = Page(page)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in seen.elements)
    assert seen.text.count(text) >= 4
    (title,) = re.findall(r"<title>(.*?)</title>", page, re.DOTALL)
    assert html_of.unescape(title) == f"{text}: Leak"
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (foot,) = re.findall(r'@bottom-left \{ content: "([^"]*)"; \}', style)
    assert re.fullmatch(r"(?:[A-Za-z0-9]|\\[0-9a-f]{6})*", foot)
    unescaped = re.sub(r"\\([0-9a-f]{6})", lambda found: chr(int(found[1], 16)), foot)
    assert unescaped.count(text if len(text) <= 45 else text[:44] + "…") == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * (LONGEST_LINE + 1), "has 121 characters; at most 120 fit on the page"),
        (" \t\n", "is empty; leave it out, or say something"),
        ("bell\x07", "has the character U+0007, which is not seen; leave it out"),
        ("left\u202egnp.exe", "has the character U+202E, which is not seen; leave it out"),
        ("\u2067isolated", "has the character U+2067, which is not seen; leave it out"),
        ("null\x00", "has the character U+0000"),
    ],
)
@pytest.mark.parametrize("field", ["title", "model", "owner", "assessor"])
def test_a_field_that_cannot_be_shown_is_refused_in_one_line(field: str, text: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        checked(AuditSettings, {"training": "t", "heldout": "h", "generated": "g", field: text})
    said = refused.value.on_command_line
    assert said.startswith(f"--{field} ")
    assert why in said
    assert said.isprintable()
    assert len(said) < 300


def test_a_very_long_field_is_not_quoted_whole() -> None:
    arguments = ["audit", "--training", "t", "--heldout", "h", "--generated", "g", "--out", "o", "--title", "y" * 10**5]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ProbablyExistsError)
    assert "has 100,000 characters" in result.exception.on_command_line
    assert len(result.exception.on_command_line) < 400


def test_spaces_and_line_breaks_of_a_field_become_one_line() -> None:
    assert Cover(title=" Audit\n of\ta  GAN ").title == "Audit of a GAN"


def test_fields_are_kept_in_findings_and_change_no_figure(tmp_path: Path) -> None:
    given = {"title": "Before release", "model": "GAN 2", "owner": "Ex Ltd", "assessor": "A. B.", "confidential": True}
    paths: dict[str, Any] = {"training": "t", "heldout": "h", "generated": "g"}
    settings = checked(AuditSettings, {**paths, **given})
    assert settings.cover == Cover(**given)
    assert signed(settings) == signed(checked(AuditSettings, paths))
    findings = sample_findings(cover=settings.cover)
    findings.write(tmp_path)
    assert Findings.read(tmp_path).cover == settings.cover


def test_fields_are_on_the_first_page_and_what_is_not_given_is_said() -> None:
    text = alone(covered(title="Before release", model="GAN 2", confidential=True))
    assert "UTC Confidential Before release Identity leakage audit: does this image generator" in text
    assert "Model GAN 2 Owner not given Assessor not given" in text
    assert "Model not given Owner not given Assessor not given" in alone(covered())
    assert "Confidential" not in alone(covered())


def test_each_printed_page_is_marked_and_numbered() -> None:
    page = render(covered(title="Before release", confidential=True), [], show_faces=False)
    assert '@bottom-right { content: "page " counter(page) " of " counter(pages); }' in page
    assert '@top-right { content: "Confidential"; }' in page
    assert "<title>Confidential: Before release: Leak</title>" in page
    assert '@top-right { content: ""; }' in render(covered(), [], show_faces=False)


def fullest(findings: Findings) -> str:
    """The page with the longest fields, and as many reasons and limits as fit."""
    longest = "Ein Prüfbericht über mögliche Abbilder " * 4
    cover = Cover(**dict.fromkeys(("title", "model", "owner", "assessor"), longest[:LONGEST_LINE]), confidential=True)
    text = "a limit or a reason of some length, about as long as those that audits give are on average"
    many = {"because": [*findings.because, *[text] * 5], "cautions": [*findings.cautions, *[text] * 5]}
    return render(findings.model_copy(update={"cover": cover, **many}), [], show_faces=False)


def test_the_first_page_fits_on_one_sheet_of_paper() -> None:
    weasyprint = pytest.importorskip("weasyprint")
    page = fullest(clusters())
    ahead, rest = page[: page.index("<nav")], page[page.index('<section class="words"') :]
    document = weasyprint.HTML(string=ahead + rest[: rest.index("</section>")]).render()
    assert len(document.pages) == 2


def test_the_parts_are_the_same_words_as_on_the_page() -> None:
    findings = by_names()
    parts, text = first_page(findings), alone(findings)
    for said in (parts.affected, parts.sure, parts.tested, parts.not_tested, [step.text for step in parts.steps]):
        assert all(sentence.replace(NO_BREAK, " ") in text for sentence in said)


def with_copies(*similarities: float) -> Findings:
    """Nobody named; a copy with each pixel correlation, of one person each."""
    findings = by_copies_only()
    samples = [row for row in findings.samples.to_pylist() if row["kind"] != "copy"]
    rows = [row for row in findings.samples.to_pylist() if row["kind"] == "copy"]
    samples += [row | {"similarity": value} for row, value in zip(rows, similarities, strict=False)]
    n, n_certain = len(similarities), sum(value >= 0.95 for value in similarities)
    people = [
        row | {"copies": int(i < n), "reason": "copied" if i < n else None}
        for i, row in enumerate(findings.people.to_pylist())
    ]
    counts = {"n_copies": n, "n_distinct": n, "n_certain": n_certain, "highest": max(similarities)}
    parts = {
        "people": people,
        "samples": samples,
        "copies": findings.copies.model_copy(update=counts),
        "affected": Affected(n=n, n_named=0, n_copied=n),
    }
    return judged(sample_findings(**dict(findings) | parts))


def test_a_copy_below_0_95_is_called_probable_everywhere() -> None:
    findings = with_copies(0.92, 0.91)
    page, terminal = Page(render(findings, [], show_faces=False)).text, summary(findings, Path("o"))
    assert "This generator gives away 2 people it was trained on and probably reproduces training" in page
    assert "2 people are probably copied: a sample probably reproduces a training photo of theirs." in page
    for text in (page, terminal):
        assert "2 probable copies (2 people)" in text
        assert "all probably copied" in text
        assert "of 1,200 samples probably reproduce a training photo" in text.replace("1200", "1,200")
    assert "photo for photo" not in page


def test_certain_and_probable_copies_are_counted_apart_on_page_terminal_and_summary() -> None:
    findings = with_copies(0.97, 0.96, 0.92)
    counts = "2 certain copies (2 people), 1 probable (1 person more)"
    for text in (alone(findings), summary(findings, Path("o"))):
        assert counts in text
    assert counts in markdown_summary(findings).replace("\\", "")
    assert "2 of them certainly and 1 probably" in findings.because[0]
    assert [row["why"] for row in affected_people(findings)].count("probably copied") == 1


def test_names_too_weak_for_the_verdict_are_not_what_it_rests_on() -> None:
    findings = by_names()
    naming = findings.naming.model_copy(update={"n_for_verdict": 0})
    copies_alone = findings.model_copy(update={"naming": naming, "because": findings.because[:1]})
    assert "None of the 11 names is strong enough for the verdict (3 %); the verdict rests on the copies alone." in (
        alone(copies_alone)
    )
    some = findings.model_copy(update={"naming": naming.model_copy(update={"n_for_verdict": 1})})
    assert "Of the 11 names, 1 is strong enough for the verdict (3 %), which rests on it, and on the copies" in (
        alone(some)
    )
    assert "The one name is not strong enough for the verdict" in alone(named_at_a_loose_level())


def test_the_terminal_says_who_is_not_judged_and_reads_no_leak_as_none() -> None:
    text = summary(unjudged_people(), Path("o"))
    assert "Not judged by likeness, not cleared: 240 members (too few held-out people to name one person alone)" in text
    assert "; held back for them too: 4 samples" in text
    findings = by_names()
    blind = findings.missed.model_copy(update={"power": Power(None, None, 0.0, 0.0, 0.80, 40, 240)})
    text = summary(findings.model_copy(update={"missed": blind}), Path("o"))
    assert "Smallest leak noticed by likeness: too few people to notice a leak of any size" in text
    assert "even if every member leaked" not in text
