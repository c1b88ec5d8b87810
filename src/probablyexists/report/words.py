"""Numbers, dates and paths as text for readers: sensible digits, intervals, and a reason where there is no number."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from probablyexists.basis import text as plain_text
from probablyexists.basis.roles import HEADINGS
from probablyexists.results.findings import Affected
from probablyexists.results.sheet import AskedPhoto
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable

VERDICTS = {"leak": "Leak", "no evidence": "No evidence at this power", "inconclusive": "Inconclusive"}
ROLES = HEADINGS
P_FLOOR_SHOWN = 0.001
"""Below this a p-value is written as "< 0.001"; the exact one is in findings.json."""
MOST_DIGITS = 4
NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def css_text(text: str) -> Markup:
    """A text as a string of CSS that no character can leave: all but letters and digits are escaped, by six hexadecimal
    digits each.

    >>> css_text("a <")
    Markup('"a\\\\000020\\\\00003c"')
    """
    plain = (c if c.isascii() and c.isalnum() else f"\\{ord(c):06x}" for c in text)
    return Markup('"{}"').format(Markup("".join(plain)))


def running(parts: Sequence[str | None], longest: int = 45) -> str:
    """The parts that are given on one line, each short; one in other letters stands by itself, whatever its direction.

    >>> running(["Audit", None, "GAN 2"])
    'Audit · GAN 2'
    """
    given = (part if len(part) <= longest else f"{part[: longest - 1]}…" for part in parts if part is not None)
    return " · ".join(part if part.isascii() else f"\u2068{part}\u2069" for part in given)


def count(n: int) -> str:
    """An integer with thousands separators.

    >>> count(13233)
    '13,233'
    """
    return f"{n:,}"


def counted(n: int, one: str, many: str = "") -> str:
    """A number and its noun; `many` is by default `one` with an s.

    >>> counted(1, "person", "people"), counted(1200, "person", "people"), counted(2, "photo")
    ('1 person', '1,200 people', '2 photos')
    """
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """A decimal number with a true minus sign; a sign also for positive ones if `signed`.

    >>> number(3.14159), number(-0.5, 1), number(2.0, 1, signed=True)
    ('3.14', '−0.5', '+2.0')
    """
    text = f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}"
    if not any(c in "123456789" for c in text):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def percent(share: float, digits: int | None = None) -> str:
    """A share as a percentage; only 0 and 1 are written as 0 % and 100 %.

    >>> [percent(x).replace(NO_BREAK, " ") for x in (0.62, 0.0123, 0.0, 1.0, 0.9995)]
    ['62 %', '1.2 %', '0 %', '100 %', '99.95 %']
    """
    if digits is None and (math.isinf(100 * share) or abs(100 * share - round(100 * share)) < 1e-9):
        digits = 0
    if digits is None:
        near_zero = share != 0 and abs(share) < 0.1
        digits = _needed(100 * share, 100.0, significant=2 if near_zero else 1)
    return f"{number(100 * share, digits)}{NO_BREAK}%"


def percent_figure(figure: Figure) -> str:
    """A share with its interval, or why there is none.

    >>> e = Estimate(0.62, 0.55, 0.69, 0.95, "Wilson", 100)
    >>> percent_figure(e).replace(NO_BREAK, " ")
    '62 % (95 % interval 55 to 69 %)'
    """
    if isinstance(figure, Unresolvable):
        return absent(figure)
    value, interval = percent_parts(figure)
    return f"{value} ({interval})"


def percent_parts(figure: Figure) -> tuple[str, str]:
    """The share and its interval as text, with digits that suit the interval; or a dash and why there is none."""
    if not isinstance(figure, Estimate):
        return "—", absent(figure)
    digits = _digits([100 * x for x in (figure.value, figure.low, figure.high)], 100.0)
    low, high = (number(100 * x, digits) for x in (figure.low, figure.high))
    return percent(figure.value, digits), f"{percent(figure.level)} interval {low} to {high}{NO_BREAK}%"


def number_figure(figure: Figure, *, signed: bool = False) -> str:
    """A plain number with its interval, or why there is none.

    >>> number_figure(Estimate(0.615, 0.5512, 0.694, 0.95, "bootstrap", 100)).replace(NO_BREAK, " ")
    '0.61 (95 % interval 0.55 to 0.69)'
    """
    if isinstance(figure, Unresolvable):
        return absent(figure)
    values = (figure.value, figure.low, figure.high)
    digits = max(2, _digits(values, math.inf if signed else 1.0))
    value, low, high = (number(x, digits, signed=signed) for x in values)
    return f"{value} ({percent(figure.level)} interval {low} to {high})"


def absent(figure: Unresolvable) -> str:
    """Why a figure is missing: never zero, never blank.

    >>> absent(Unresolvable("needs at least 1000 people, has 150", 1000, 150))
    'cannot be estimated: needs at least 1000 people, has 150'
    """
    return f"cannot be estimated: {figure.reason}"


def p_value(p: float) -> str:
    """Two significant digits; below 0.001 only that.

    >>> [p_value(p) for p in (0.00662, 0.0004, 0.5, 1.0)]
    ['0.0066', '<\\xa00.001', '0.50', '1']
    """
    if p < P_FLOOR_SHOWN:
        return f"<{NO_BREAK}{P_FLOOR_SHOWN}"
    if p >= 1.0:
        return "1"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.{1 - math.floor(math.log10(p))}f}"


def p_is(p: float) -> str:
    """A p-value in a sentence.

    >>> [p_is(p).replace(NO_BREAK, " ") for p in (0.31, 0.0002)]
    ['p = 0.31', 'p < 0.001']
    """
    text = p_value(p)
    return f"p{NO_BREAK}{text}" if text.startswith("<") else f"p{NO_BREAK}={NO_BREAK}{text}"


def reasons(affected: Affected, copied: str = "copied") -> str:
    """Why people are affected, with their numbers. `copied`: the word, with how sure it is.

    >>> reasons(Affected(n=17, n_named=11, n_copied=8)), reasons(Affected(n=2, n_named=0, n_copied=2))
    ('11 named by likeness, 6 more copied', 'all copied')
    >>> reasons(Affected(n=3, n_named=3, n_copied=2), "probably copied")
    'all 3 named by likeness, 2 of them probably copied too'
    """
    named, more = affected.n_named, affected.n - affected.n_named
    if named and more:
        return f"{count(named)} named by likeness, {count(more)} more {copied}"
    if named and affected.n_copied:
        if named == 1:
            return f"named by likeness, and {copied} too"
        return f"all {count(named)} named by likeness, {count(affected.n_copied)} of them {copied} too"
    return f"{'all ' if affected.n > 1 else ''}{'named by likeness' if named else copied}"


one_in = plain_text.one_in


def in_a_hundred(share: float) -> str:
    """A share as a number of cases out of 100; never rounded to 0 or 100.

    >>> in_a_hundred(0.934), in_a_hundred(0.9996), in_a_hundred(1.0)
    ('93 of 100 cases', 'more than 99 of 100 cases', 'every case')
    """
    if share >= 1.0:
        return "every case"
    if share > 0.995:
        return "more than 99 of 100 cases"
    if 0 < share < 0.005:
        return "less than 1 of 100 cases"
    return f"{round(100 * max(share, 0.0))} of 100 cases"


def visible(text: str) -> str:
    """A path or name on one line, unchanged, or as a JSON string if it could be misread.

    Reasons: line breaks, control characters, changes of writing direction, spaces at the ends, a leading quote.

    >>> visible("a b/c.png"), visible("a" + chr(10) + "b")
    ('a b/c.png', '"a\\\\nb"')
    """
    plain = bool(text) and text.isprintable() and text == text.strip() and not text.startswith('"')
    return text if plain else json.dumps(text)


def short(text: str, longest: int = 28) -> str:
    """The visible text, without its middle if it is long; the end of a path matters most.

    >>> short("generated/batch-7/sample-00012.png", 20)
    'gene…ample-00012.png'
    """
    text = visible(text)
    if len(text) <= longest:
        return text
    head = longest // 4 - 1
    return f"{text[:head]}…{text[len(text) - (longest - head - 1) :]}"


def last(path: str) -> Markup:
    """The last part of a path, short enough for a caption; the line may break before the file extension.

    >>> last("generated/batch-7/<00012>.png")
    Markup('&lt;00012&gt;<wbr>.png')
    """
    stem, dot, ending = short(path.rstrip("/").rsplit("/", 1)[-1] or path, 22).rpartition(".")
    return Markup("{}<wbr>{}").format(stem, dot + ending)


def recogniser(id: str) -> str:
    """The name of a recogniser with the first letters of its fingerprint.

    >>> recogniser("dlib-resnet-v1/55533b28a95800a5/mirror"), recogniser("onnx/0a1b2c3d4e5f6071/arcface-1/mirror")
    ('dlib-resnet-v1/55533b28', 'onnx/0a1b2c3d')
    """
    found = re.match(r"(.*?[/ ][0-9a-f]{8})[0-9a-f]{4,}\b", id)
    return short(found[1] if found else id, 40)


def face_taken(photo: AskedPhoto) -> str:
    """Which face of a photo was taken, and why."""
    assert photo.face is not None
    left, top, width, height = photo.face
    across = _side(left + width / 2, "left", "right")
    down = _side(top + height / 2, "top", "bottom")
    side = f"{down} {across}".strip()
    where = f"at the {side}" if side else "in the middle"
    shared = "the most similar to the other photos"
    why = {"most prominent": "the most prominent", "shared": shared, "one of several shared": shared}
    reason = why.get(photo.chosen or "", "the only one")
    return f"taken: the one {where} ({percent(width, 0)} of the width), {reason}".replace(NO_BREAK, " ")


def _side(share: float, low: str, high: str) -> str:
    return low if share < 0.4 else high if share > 0.6 else ""


def date(text: str) -> str:
    """An ISO 8601 date in English; anything else unchanged.

    >>> date("2026-11-24T02:29:20+00:00")
    '24 November 2026, 02:29 UTC'
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = " UTC" if moment.utcoffset() is not None and not moment.utcoffset() else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"


def duration(seconds: float) -> str:
    """A duration in seconds or minutes.

    >>> duration(12.3), duration(754.0)
    ('12 seconds', '13 minutes')
    """
    return counted(round(seconds), "second") if seconds < 120 else f"{count(round(seconds / 60))} minutes"


def capital(text: str) -> str:
    """With a capital letter at the start."""
    return text[:1].upper() + text[1:]


def sentence_case(text: str) -> str:
    """With a capital letter at the start and a full stop at the end."""
    text = text.strip()
    return capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def in_a_row(parts: Sequence[str]) -> str:
    """Words joined by commas and "and".

    >>> in_a_row(["a"]), in_a_row(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


def _digits(values: Sequence[float], top: float) -> int:
    """Decimals that suit the width of the interval and do not round any other value to 0 or `top`."""
    width = max(values) - min(values)
    by_width = 0 if width <= 0 or math.isinf(width) else -math.floor(math.log10(width / 10))
    return min(MOST_DIGITS, max(0, by_width, *(_needed(value, top) for value in values)))


def _needed(value: float, top: float, significant: int = 1) -> int:
    """Decimals at which `value` does not round to 0 or `top`, with so many significant digits."""
    gap = round(min(abs(value), abs(top - value)), 9)
    if gap == 0 or math.isinf(gap):
        return 0
    return min(MOST_DIGITS, max(0, significant - 1 - math.floor(math.log10(gap))))
