"""What regulators and standards ask for, passage by passage, and what an audit shows of it: the rows of a table.

They hold no legal conclusion. Each document says how far its rows were checked against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probablyexists.report import shown_here
from probablyexists.results.findings import Findings


@dataclass(frozen=True)
class Source:
    """A document, where it can be read, and how far these rows were checked against it."""

    title: str
    address: str
    checked: str
    also_read: tuple[str, ...] = ()
    """Addresses of what else was read."""


@dataclass(frozen=True)
class Requirement:
    """A passage that asks for something."""

    source: Source
    section: str
    asks: str
    shows: str
    """What an audit shows, in general."""
    not_shown: str
    remains: str
    """What its reader still has to do."""
    here: Callable[[Findings], str]
    """What this audit shows."""


EDPB = Source(
    "EDPB, Opinion 28/2024 on certain data protection aspects related to the processing of personal data in the "
    "context of AI models, adopted on 17 December 2024",
    "https://www.edpb.europa.eu/system/files/2024-12/edpb_opinion_202428_ai-models_en.pdf",
    "The beginning of the executive summary was read in a copy of the document; the numbers of the paragraphs, the "
    "words of paragraph 43 and the list of attacks were read where others quote them. Not checked in the document "
    "itself: paragraphs 43, 55 and 58.",
)
CNIL = Source(
    "CNIL, IA : Analyser le statut d’un modèle d’IA au regard du RGPD, 22 July 2025",
    "https://www.cnil.fr/fr/ia-analyser-le-statut-dun-modele-dia-au-regard-du-rgpd",
    "The title, the date and the introduction were read on CNIL’s page. Not checked in the document itself: both rows, "
    "which follow what others report of it.",
)
ISO = Source(
    "ISO/IEC 27559:2022, Privacy enhancing data de-identification framework",
    "https://standards.iteh.ai/catalog/standards/iso/af037672-7282-4feb-ac2c-93415309c109/iso-iec-27559-2022",
    "The headings were read in the table of contents of AS/NZS ISO/IEC 27559:2024, which adopts it unchanged. Not "
    "checked in the document itself: the text under the headings, which is sold.",
    ("https://store.standards.org.au/product/as-nzs-iso-iec-27559-2024",),
)
NIST = Source(
    "NIST AI 600-1, Artificial Intelligence Risk Management Framework: Generative Artificial Intelligence Profile, "
    "July 2024",
    "https://doi.org/10.6028/NIST.AI.600-1",
    "The actions were read in copies of the document’s text, which agree. Not checked in the document itself.",
)
AISVS_APPENDIX = (
    "https://github.com/OWASP/AISVS/blob/1ec52bf244b10dc28d9945e275b996cae8b53f18/1.0/en/"
    "0x91-Appendix-B_AI_Security_Controls_Inventory.md"
)
AISVS_DRAFT = Source(
    "OWASP AISVS, draft of version 1.0, chapter C12 Privacy Protection & Personal Data Management",
    "https://github.com/OWASP/AISVS/blob/0b0d6fbaeda99d34af09e4d1eb354e14f80fbe73/1.0/en/0x10-C12-Privacy.md",
    "Read in the document, at this commit. The number is a draft’s: later, chapter C12 is Monitoring, Logging & "
    "Anomaly Detection and 12.1.4 is about logs of retrieval. Appendix B, which says that it lists every requirement "
    "of that later text, has none about proofs for synthetic data. Cite it with the commit.",
    (
        AISVS_APPENDIX,
        "https://github.com/OWASP/AISVS/blob/8bca3b16431684ffaf16817f7be2a58bd66f5214/1.0/en/"
        "0x10-C12-Monitoring-and-Logging.md",
    ),
)
AISVS = Source(
    "OWASP AISVS 1.0, chapter C11 Adversarial Robustness & Attack Resistance",
    "https://github.com/OWASP/AISVS/blob/main/1.0/en/0x10-C11-Adversarial-Robustness.md",
    "Read in drafts of the chapter, where it is 11.3.3 and of level 3. The number 11.2.5 was read in appendix B of the "
    "same repository, which tells the requirement in one line and without its level. Not checked in the document "
    "itself: the chapter’s wording and level under that number.",
    (
        AISVS_APPENDIX,
        "https://github.com/OWASP/AISVS/blob/e83cec4e9348186d44419d86e3ea8d1dfe01dc00/1.0/en/"
        "0x10-C11-Adversarial-Robustness.md",
    ),
)

REQUIREMENTS: Sequence[Requirement] = (
    Requirement(
        EDPB,
        "Paragraph 43 and executive summary, condition 1",
        "The likelihood of direct, also probabilistic, extraction of personal data of the people behind the training "
        "data is insignificant.",
        "Whether samples reproduce training photos, how many, and how rare a copy could be and still be missed.",
        "Extraction with access to weights, gradients or training; anything but faces.",
        "Attacks on the weights, if these are given to others; whether what is left is insignificant, which is not for "
        "this audit to say.",
        shown_here.copies,
    ),
    Requirement(
        EDPB,
        "Paragraph 43 and executive summary, condition 2",
        "The likelihood of obtaining such data from queries, intentionally or not, is insignificant.",
        "Which members are shown by samples that are no copies, and how many more samples resemble members than "
        "strangers.",
        "Queries chosen to find a person, such as names as prompts or a search for a face; more samples than were "
        "drawn.",
        "Such queries, where the generator takes prompts; all the means reasonably likely to be used.",
        shown_here.from_samples,
    ),
    Requirement(
        EDPB,
        "Paragraph 43, for any data subject",
        "It holds for each person, not on average.",
        "A test of each member against held-out people, with a bound on wrong names; how small a leak would have been "
        "noticed.",
        "That a person who is not named is safe: there was not enough evidence to name them.",
        "Answer each person who asks; more samples or held-out people, if the smallest leak that is noticed is too "
        "large.",
        lambda f: f"{shown_here.people(f)} {shown_here.missed(f)}",
    ),
    Requirement(
        EDPB,
        "Paragraph 55, testing and resistance to attacks",
        "Structured tests against state-of-the-art attacks, such as attribute and membership inference, exfiltration, "
        "regurgitation of training data, model inversion and reconstruction.",
        "Membership inference from samples, by photo and by person, and regurgitation of training photos.",
        "Attribute inference, exfiltration, model inversion and reconstruction from weights.",
        "Those attacks, if they are reasonably likely. A test says nothing of attacks that were not tried.",
        shown_here.tested,
    ),
    Requirement(
        EDPB,
        "Paragraph 58, documentation",
        "Documents by which the claim can be judged, such as impact assessment, advice of the data protection officer, "
        "tests and remaining risk.",
        "One of these, the test: versions, settings, data fingerprint, date, limits.",
        "The impact assessment, the advice, the measures taken at training.",
        "Put this audit beside them, and keep findings.json and samples.parquet, by which it can be checked.",
        shown_here.recorded,
    ),
    Requirement(
        CNIL,
        "Re-identification attacks",
        "Attacks by which people may be re-identified are run, and documented.",
        "Which attacks were run, with which recognisers, against whom, and what came out, with intervals.",
        "Attacks that nobody has tried here; people who are in no photo that was given.",
        "Repeat it when attacks or recognisers get better.",
        shown_here.attacks,
    ),
    Requirement(
        CNIL,
        "Filters around the system",
        "Measures such as robust filters around the system that holds the model can prevent extraction.",
        "Which samples a filter would have to stop.",
        "Whether a filter withstands somebody who tries to get around it. Withholding samples does not change the "
        "generator.",
        "Calibrate a filter on people who are not used to judge it (probablyexists guard --half); audit again with "
        "fresh samples and a recogniser that took no part (probablyexists reaudit).",
        shown_here.withheld,
    ),
    Requirement(
        ISO,
        "6.2 Threat modelling",
        "A heading: who may attack, and with what.",
        "One attacker: has samples, photos of the people in question, and a public recogniser.",
        "Attackers with weights, prompts or insiders’ knowledge.",
        "Name those who get the generator or its samples, and what they have.",
        shown_here.attacker,
    ),
    Requirement(
        ISO,
        "7.3.2 Maximum or average risk",
        "A heading: whose risk is measured.",
        "Both: the most exposed person, and members as a group.",
        "A bound on the largest risk beyond the people and samples tested.",
        "Decide which of the two counts for the release.",
        shown_here.worst_and_average,
    ),
    Requirement(
        ISO,
        "7.3.3 Population or sample-based attack",
        "A heading: against which people somebody is singled out.",
        "Members against held-out people of the same source, and whether the two differ without the generator.",
        "Singling out somebody among all people.",
        "Draw held-out people at random before training, if the split is not shown to be fair.",
        shown_here.heldout,
    ),
    Requirement(
        ISO,
        "8.2.3 Adversarial testing",
        "A heading: tests by attack.",
        "The attacks, how small a leak they notice, and how often the recognisers are wrong on these faces.",
        "Attacks by people who look at the pictures, or who adapt to a defence.",
        "Stronger recognisers and further attacks, where the risk asks for it.",
        shown_here.adversarial,
    ),
    Requirement(
        ISO,
        "8.3.4 Re-evaluation",
        "A heading: assess again after a mitigation.",
        "A signature, by which the same audit can be made again.",
        "The effect of a mitigation.",
        "Audit again after each change of the generator, with fresh samples (probablyexists reaudit), and compare both "
        "audits (probablyexists compare).",
        shown_here.recorded,
    ),
    Requirement(
        ISO,
        "9 De-identification governance",
        "A heading: roles, policies, what happens before and after data are made available.",
        "Nothing.",
        "All of it.",
        "Say who answers for the release, and what is done if somebody is found in it.",
        lambda _: "Nothing.",
    ),
    Requirement(
        NIST,
        "MEASURE 2.10, MS-2.10-001",
        "Red-teaming for output of training samples, membership inference, and disclosure of biometric or personal "
        "information, among others.",
        "Training photos among samples, membership inference, and people recognised by their faces.",
        "Reverse engineering, model extraction, location, and everything that is not a face.",
        "The other issues that the action names.",
        shown_here.biometric,
    ),
    Requirement(
        NIST,
        "MEASURE 2.10, MS-2.10-003",
        "Deduplication of the training samples is verified, particularly of synthetic ones.",
        "Pictures that are in two roles, such as training and held-out; whether people with more photos are more "
        "exposed.",
        "Near-identical pictures within the training set.",
        "Deduplicate the training set, and say how.",
        shown_here.duplicates,
    ),
    Requirement(
        AISVS_DRAFT,
        "12.1.4 (level 3)",
        "Formal proofs or certification of synthetic data show that the risk of re-identification stays below a "
        "documented threshold, also under linkage.",
        "A measurement with intervals: people re-identified by linking samples to other photos of them, and the "
        "smallest leak noticed.",
        "A proof or a certificate: a measurement bounds what was tested, and no more.",
        "Set the threshold before the audit; a formal guarantee needs differentially private training.",
        lambda f: f"{shown_here.people(f)} {shown_here.missed(f)}",
    ),
    Requirement(
        AISVS,
        "11.2.5 (level 3; 11.3.3 in drafts)",
        "Simulated membership inference is no more accurate than guessing (drafts: not meaningfully more).",
        "The attack’s accuracy with its interval, and a test against guessing, for seen and unseen photos.",
        "That no attack is better than guessing: an audit can miss a small leak.",
        "More attacks; say which accuracy above guessing is tolerated.",
        shown_here.membership,
    ),
)
