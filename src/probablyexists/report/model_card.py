"""A model card's sections about identity leakage, with the figures as metadata (`model-index`) of Hugging Face's form.

A model card is public: it names no person, sample or path. It says no more than the verdict, and figures that cannot be
estimated, or are not claimed because the split is not fair, are in no metadata.
"""

from __future__ import annotations

from typing import Any, Final

from probablyexists.basis.errors import required
from probablyexists.report.copy_certainty import sure_copies
from probablyexists.report.markdown_summary import NOT_TESTED
from probablyexists.report.markdown_text import bullets, plain, table
from probablyexists.report.people_texts import is_unjudged
from probablyexists.report.words import (
    VERDICTS,
    absent,
    counted,
    date,
    number_figure,
    one_in,
    percent,
    percent_figure,
    sentence_case,
)
from probablyexists.results.findings import Findings, Membership
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable

TASK: Final = "identity-leakage-audit"
DATASET: Final = "members-and-held-out-people"


def model_card(findings: Findings, model: str | None) -> str:
    """The card: YAML metadata, then the sections "Bias, Risks, and Limitations" and "Evaluation" of the usual template.

    `model`: its name in the metadata. MissingExtraError without huggingface_hub.
    """
    hub = required("huggingface_hub", "hub")
    results = [hub.EvalResult(**_common(findings), **metric) for metric in _metrics(findings)]
    data = hub.ModelCardData(model_name=model or "audited generator", eval_results=results)
    return f"---\n{data.to_yaml()}\n---\n\n{_risks(findings)}\n{_evaluation(findings)}"


def _common(findings: Findings) -> dict[str, Any]:
    """What is the same for each result: the task, and whom it was measured on."""
    return {
        "task_type": TASK,
        "task_name": "Identity leakage audit",
        "dataset_type": DATASET,
        "dataset_name": "Members of the training set, and held-out people of the same source",
        "dataset_args": {
            "members": findings.naming.n_members,
            "heldout_people": findings.naming.n_heldout,
            "distinct_samples": findings.sampling.n_distinct,
            "data_fingerprint": findings.signature.data_fingerprint,
        },
    }


def _metrics(findings: Findings) -> list[dict[str, Any]]:
    """The metrics that are claimed and can be estimated."""
    copies, power = findings.copies, findings.missed.power
    found = [
        _metric("verdict", VERDICTS[findings.verdict], "Verdict", "/verdict"),
        _metric("distinct_copies", copies.n_distinct if copies.beyond_chance else 0, COPIES, "/copies/n_distinct"),
    ]
    if findings.naming.n_exposed is None:
        return found
    of = counted(findings.naming.n_members, "member")
    found.append(_metric("people_affected", findings.affected.n, f"People affected, of {of}", "/affected/n"))
    if n := _n_unjudged(findings):
        found.append(_metric("people_not_judged", n, f"People who could not be judged by likeness, of {of}", "/people"))
    for i, m in enumerate(findings.membership):
        if m.level == "person":
            found += _estimated("roc_auc", m.auroc, f"AUROC, {_which(m)}", f"/membership/{i}/auroc")
            found += _estimated(
                "tpr_at_fpr_1_percent",
                m.tpr_at_fpr_1_percent,
                f"Members found at 1 % false alarms, {_which(m)}",
                f"/membership/{i}/tpr_at_fpr_1_percent",
            )
    excess = findings.resemblance.excess
    found += _estimated("excess_resemblance", excess, "Excess of samples that resemble a member", "/resemblance/excess")
    if not isinstance(power, Unresolvable) and power.smallest is not None:
        name = f"Smallest leak noticed with {round(100 * power.target)} % power, people"
        found.append(_metric("smallest_leak_noticed", power.smallest, name, "/missed/power/smallest"))
    return found


COPIES: Final = "Distinct samples that reproduce a training photo, beyond chance"


def _which(m: Membership) -> str:
    return f"{m.population}, {'all samples' if m.copies == 'in' else 'without copies'}, by person"


def _metric(kind: str, value: Any, name: str, where: str, **more: Any) -> dict[str, Any]:
    return {
        "metric_type": kind,
        "metric_value": value,
        "metric_name": name,
        "metric_args": {"findings": where, **more},
    }


def _estimated(kind: str, figure: Figure, name: str, where: str) -> list[dict[str, Any]]:
    """A figure with its interval; nothing if it cannot be estimated."""
    if not isinstance(figure, Estimate):
        return []
    interval = {"low": figure.low, "high": figure.high, "level": figure.level, "n": figure.n, "method": figure.method}
    return [_metric(kind, figure.value, name, where, **interval)]


def _risks(findings: Findings) -> str:
    """What the audit found and did not test, and what to do."""
    sampling = findings.sampling
    missed = f"Faces that fewer than {one_in(sampling.unseen_rate)} samples show can have been missed."
    limits = bullets(map(plain, (missed, *NOT_TESTED)))
    because = bullets(plain(sentence_case(text)) for text in findings.because)
    # Cautions may quote the owner's folders: only their number is public.
    cautions = counted(len(findings.cautions), "caution limits", "cautions limit")
    limited = f"{cautions} this verdict; the audit’s report lists them.\n\n" if findings.cautions else ""
    return (
        "## Bias, Risks, and Limitations\n\n### Identity leakage\n\n"
        f"An audit asked whether this generator gives away people it was trained on. Verdict: "
        f"**{VERDICTS[findings.verdict]}**. {plain(findings.sentence)}\n\n{because}\n{_guarded(findings)}{limited}"
        f"The audit tested {counted(findings.naming.n_members, 'member')} against "
        f"{counted(findings.naming.n_heldout, 'held-out person', 'held-out people')}, on "
        f"{counted(sampling.n_distinct, 'distinct sample')}. It did not test, and does not exclude:\n\n{limits}\n"
        f"### Recommendations\n\n{bullets(map(plain, _advice(findings)))}"
    )


def _guarded(findings: Findings) -> str:
    """That the samples were filtered, if they were."""
    behind = findings.again is not None and findings.again.guard is not None
    if not behind and findings.sampling.refused is None:
        return ""
    return (
        "The samples had passed a guard, which refuses likenesses and copies of members. All figures are of what "
        "leaves the guard, not of the generator behind it, which may give away more.\n\n"
    )


def _advice(findings: Findings) -> list[str]:
    if findings.verdict == "leak":
        return [
            "Do not publish samples without comparing them with the training photos.",
            "The generator can produce more samples like those found; withholding these does not change it.",
        ]
    waiting = (
        ["Do not publish samples yet that may show people who could not be judged: the audit lists them."]
        if _n_unjudged(findings)
        else []
    )
    return [
        *waiting,
        "Treat samples as possibly showing real people: a small leak can be missed.",
        "Audit again after further training, or if many more samples are published than were tested.",
    ]


def _evaluation(findings: Findings) -> str:
    """How it was measured, and the figures."""
    s, fair = findings.signature, findings.naming.n_exposed is not None
    rows = [["People affected", _affected(findings)], [COPIES, _copies(findings)]]
    for m in findings.membership if fair else []:
        if m.level == "person":
            rows.append([f"AUROC, {_which(m)}", number_figure(m.auroc)])
            rows.append([f"Members found at 1 % false alarms, {_which(m)}", percent_figure(m.tpr_at_fpr_1_percent)])
    if fair:
        rows.append(["Excess of samples that resemble a member", percent_figure(findings.resemblance.excess)])
    rows.append(["Smallest leak noticed", _smallest(findings)])
    return (
        "## Evaluation\n\n### Testing Data, Factors & Metrics\n\n"
        "Each member of the training set was compared with held-out people of the same source, who were not trained "
        "on. Every interval is over people, not photos. Copies of training photos were found first and left out of the "
        f"figures “without copies”. Data fingerprint `{s.data_fingerprint}`.\n\n"
        f"### Results\n\n{table(('Figure', 'Value'), ([plain(cell) for cell in row] for row in rows))}\n"
        f"Audited with probablyexists {plain(s.probablyexists)} on {plain(date(s.date))}.\n"
    )


def _affected(findings: Findings) -> str:
    of = counted(findings.naming.n_members, "member")
    if findings.naming.n_exposed is None:
        return f"{findings.affected.n:,} copied, of {of}; likenesses are not claimed: the split is not fair"
    unjudged = f"; {n:,} could not be judged by likeness, and may be affected" if (n := _n_unjudged(findings)) else ""
    return f"{findings.affected.n:,} of {of}{unjudged}"


def _n_unjudged(findings: Findings) -> int:
    """Members who are neither named nor cleared."""
    return sum(is_unjudged(findings, row) for row in findings.people.to_pylist())


def _copies(findings: Findings) -> str:
    copies = findings.copies
    if copies.n_copies and not copies.beyond_chance:
        look = counted(copies.n_copies, "sample looks", "samples look")
        return f"0; {look} like copies, no more than chance explains"
    sure = f"; {said}, counted in samples" if (said := sure_copies(findings).counts) else ""
    return f"{copies.n_distinct:,} of {counted(copies.n_samples, 'sample')}{sure}"


def _smallest(findings: Findings) -> str:
    power = findings.missed.power
    if findings.naming.n_exposed is None:
        return "none: the split is not fair"
    if isinstance(power, Unresolvable):
        return absent(power)
    if power.smallest is None or power.share is None:
        return "none, not even if every member had leaked"
    return f"{counted(power.smallest, 'person', 'people')} ({percent(power.share)} of members)"
