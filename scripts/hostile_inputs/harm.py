"""Damage that knows nothing of the format, and texts that do harm where they are not expected."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hostile_inputs.kind import MARK, OUTSIDE, Draw, pick

NUMBERS = (
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x80\x00\x00\x00",
    b"\xff" * 8,
    b"\xff" * 7 + b"\x7f",
    b"\x00\x00\x00\x00",
    b"\xff\xff",
    b"\xff\xff\xff\x0f",
)


def at(draw: Draw, n: int) -> int:
    """A position: at the beginning, at the end, or anywhere."""
    where = draw.random()
    if where < 0.35:
        return int(draw.integers(min(n, 600)))
    if where < 0.55:
        return n - 1 - int(draw.integers(min(n, 600)))
    return int(draw.integers(n))


def harm(draw: Draw, data: bytes, other: bytes = b"") -> tuple[bytes, str]:
    """Damaged bytes, and what was done. `other`: a file of another format, whose pieces are put in."""
    if len(data) < 4:
        return data + b"\0", "one byte added"
    how = pick(
        draw,
        ("flip", "flip", "cut", "cut", "zero", "noise", "twice", "delete", "number", "number", "splice", "several"),
    )
    if how == "several":
        notes = []
        for _ in range(int(draw.integers(2, 6))):
            data, note = harm(draw, data, other)
            notes.append(note)
        return data, "; ".join(notes)[:300]
    i, j = sorted((at(draw, len(data)), at(draw, len(data))))
    j = min(max(j, i + 1), i + 1 + int(draw.integers(1, 5000)))
    return _HARMS[how](draw, data, i, min(j, len(data)), other or b"GIF89a" + bytes(range(256)) * 8)


def _flip(draw: Draw, data: bytes, *_: Any) -> tuple[bytes, str]:
    made, places = bytearray(data), [at(draw, len(data)) for _ in range(int(draw.integers(1, 9)))]
    for place in places:
        made[place] ^= 1 << int(draw.integers(8))
    return bytes(made), f"bits flipped at {places}"


def _number(draw: Draw, data: bytes, i: int, *_: Any) -> tuple[bytes, str]:
    number = pick(draw, NUMBERS)
    return data[:i] + number + data[i + len(number) :], f"{number.hex()} written at {i}"


def _splice(draw: Draw, data: bytes, i: int, _: int, piece: bytes) -> tuple[bytes, str]:
    k = int(draw.integers(1, len(piece)))
    if draw.random() < 0.5:
        return data[: max(i, 1)] + piece[k:], f"spliced at {i} with another file from {k}"
    return data[:i] + piece[:k] + data[i:], f"another file's first {k} bytes put in at {i}"


_HARMS: dict[str, Callable[..., tuple[bytes, str]]] = {
    "flip": _flip,
    "number": _number,
    "splice": _splice,
    "cut": lambda _, data, i, *_rest: (data[: max(1, i)], f"cut to {max(1, i)} of {len(data)} bytes"),
    "zero": lambda _, data, i, j, *_rest: (data[:i] + bytes(j - i) + data[j:], f"zeros at {i}:{j}"),
    "noise": lambda draw, data, i, j, *_rest: (data[:i] + draw.bytes(j - i) + data[j:], f"noise at {i}:{j}"),
    "twice": lambda _, data, i, j, *_rest: (data[:j] + data[i:j] + data[j:], f"bytes {i}:{j} twice"),
    "delete": lambda _, data, i, j, *_rest: (data[:i] + data[j:], f"bytes {i}:{j} deleted"),
}


LIVE = "planted"
"""Attribute value of planted markup: if a parser of a page sees it in a tag, names became markup."""
MARKUP = (
    f'<img src=x id={LIVE} onerror="alert(1)">',
    f"<script id={LIVE}>alert(1)</script>",
    f'"><svg id={LIVE} onload=alert(1)>',
    f"' id={LIVE} onmouseover='alert(1)",
    f'" id={LIVE} onfocus="alert(1)" autofocus="',
    f"</style></script></title><b id={LIVE}>",
    f"--><i id={LIVE}>",
    "{{7*7}}{% for x in () %}",
    "&lt;b&gt;",
)
ODD = (
    "\x1b[31mred\x1b]0;title\x07",
    "line\nbreak",
    "carriage\rreturn",
    "tab\there",
    "\u202egnp.exe",
    "\u2028\u2029",
    "\ufeffbom",
    "\x9b31mc1",
    "x" * 240,
    " ",
    "-rf",
    "--out=x",
    "$(touch executed)",
    "`touch executed`",
    "; touch executed",
    "%s%n%x",
    "=cmd|'/C calc'!A0",
    "CON",
    "~root",
    "e\u0301",
    "\u00e9",
    'a,b";c',
    "\U0001f600",
    "..",
    "...",
    "\\..\\x",
    "\x7f",
    "\u200b",
)
TRAVERSAL = (
    f"../{OUTSIDE}/secret.png",
    f"../../{OUTSIDE}/secret.png",
    f"a/../../{OUTSIDE}/secret.png",
    f"..\\{OUTSIDE}\\secret.png",
    "/etc/passwd",
    "/etc/passwd.png",
    "C:\\secret.png",
    f"../{OUTSIDE}/{MARK}.png",
    "/proc/self/environ",
    "//server/share/x.png",
    "file:///etc/passwd",
)


def name(draw: Draw, *, on_disk: bool = False) -> str:
    """A hostile name of a person or a file, without a suffix. `on_disk`: one that a file system takes."""
    made = str(
        pick(draw, (*MARKUP, *ODD, *(() if on_disk else (*TRAVERSAL, "y" * 10_000, "nul\0", "\udc80\udcff", ""))))
    )
    if draw.random() < 0.2:
        made += str(pick(draw, ODD))
    if on_disk:
        made = made.replace("/", "\u2215").replace("\0", "")
        made = "_" if made in ("", ".", "..") else made[:200]
    return made


DEEP = "[" * 100_000
JSON_TEXTS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1", "0", "0.5", "9223372036854775808", "-9223372036854775809", "4096"),
    *(
        "true",
        "null",
        "[]",
        "{}",
        '""',
        '"128"',
        '"\\ud800"',
        "[[[[]]]]",
        "[null]",
        "[1e999]",
        "[-1]",
        '{"a":{}}',
        "1e-400",
    ),
    *(
        "9" * 5000,
        DEEP,
        '{"a":' * 50_000,
        '"' + "x" * 1_000_000 + '"',
        "[1,2,3]",
        "[100000,100000,100000]",
        "2147483647",
    ),
    *(json.dumps(markup) for markup in (*MARKUP, *ODD[:8])),
)


def json_with(draw: Draw, value: Any) -> tuple[bytes, str]:
    """JSON text of `value` with one value, key or token changed."""
    how = pick(draw, ("value", "value", "value", "key", "drop", "twice", "bytes"))
    if how == "bytes":
        return harm(draw, json.dumps(value).encode())
    places: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:
        items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        for key, inner in items:
            places.append((part, key))
            walk(inner)

    copy = json.loads(json.dumps(value))
    walk(copy)
    if not places:
        return DEEP.encode(), "deeply nested"
    holder, key = pick(draw, places)
    if how == "drop":
        del holder[key]
        return json.dumps(copy).encode(), f"{key} left out"
    if how == "key" and isinstance(holder, dict):
        holder[name(draw)] = holder.pop(key)
        return json.dumps(copy).encode(), f"{key} renamed"
    text = str(pick(draw, JSON_TEXTS))
    if how == "twice" and isinstance(holder, dict):
        holder["@@here@@"] = 0
        whole = json.dumps(copy).replace('"@@here@@": 0', f"{json.dumps(key)}: {text}")
        return whole.encode("utf-8", "surrogatepass"), f"{key} twice, then {text[:30]}"
    holder[key] = "@@here@@"
    whole = json.dumps(copy).replace('"@@here@@"', text)
    return whole.encode("utf-8", "surrogatepass"), f"{key} = {text[:30]}"
