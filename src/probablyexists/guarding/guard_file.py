"""The file of a guard: a line that names the format, then JSON and plain arrays, encrypted if there is a pass phrase.

    probablyexists guard 1 plain\\n      | length of the JSON, 8 bytes | JSON | arrays | SHA-256 of these three
    probablyexists guard 1 encrypted\\n  | salt, 16 bytes | nonce, 12 bytes | the same, AES-256-GCM

Arrays are little-endian, in the order of `_ARRAYS`, their shapes in the JSON. Nothing in a file is code, every size is
checked against the bytes that are there, and the cost of the key does not come from the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.files import written_whole
from probablyexists.basis.plain_files import plain_size
from probablyexists.basis.text import shown
from probablyexists.faces.compiled import PICTURE_SIDE
from probablyexists.guarding.kept_out import About, Content, Members, Strangers, check_content

_PLAIN, _ENCRYPTED = b"probablyexists guard 1 plain\n", b"probablyexists guard 1 encrypted\n"
_ANY = b"probablyexists guard "
_MOST = 2**32
_MOST_JSON = 2**28
_MOST_NAME = 1000
_SALT, _NONCE = 16, 12
_SCRYPT = {"n": 2**17, "r": 8, "p": 1}
"""128 MiB and about half a second: RFC 7914; OWASP's password storage cheat sheet has these as its first choice."""
_ARRAYS: dict[str, tuple[str, tuple[int, ...] | None]] = {
    "of_members": ("<f4", None),
    "pictures": ("u1", (2, PICTURE_SIDE, PICTURE_SIDE)),
    "owner": ("<i4", ()),
    "prints": ("u1", (8,)),
    "copy_from": ("<f4", ()),
    "of_strangers": ("<f4", None),
    "whose": ("<i4", ()),
    "copied": ("<i4", ()),
    "photos": ("u1", (8,)),
    "people": ("u1", (32,)),
}
"""Name -> type, and the shape of a row; None: any length."""


def write_guard(content: Content, path: Path, pass_phrase: str | None = None) -> None:
    """Write the file, whole or not at all, for its owner only. WriteError; MissingExtraError for a pass phrase without
    the library that encrypts."""
    body = _packed(content)
    if pass_phrase is None:
        data = _PLAIN + body
    else:
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        data = _ENCRYPTED + salt + nonce + _cipher(pass_phrase, salt).encrypt(nonce, body, _ENCRYPTED)
    with written_whole(path) as aside:
        aside.write_bytes(data)


def is_guard(path: Path) -> bool:
    """Whether the file is a guard, of any version, whole or damaged."""
    try:
        return _first(path).startswith(_ANY)
    except (InputError, OSError):
        return False


def is_encrypted(path: Path) -> bool:
    """Whether the guard at `path` needs a pass phrase. InputError if it is no guard of this version."""
    return _begins(path).startswith(_ENCRYPTED)


def read_guard(path: Path, pass_phrase: str | None = None) -> Content:
    """What the file holds. InputError, one line, for anything but a whole guard of this version, and for a wrong or
    missing pass phrase."""
    _begins(path)
    data = path.read_bytes()
    if data.startswith(_ENCRYPTED):
        if pass_phrase is None:
            raise InputError(f"{shown(path)}: is encrypted; give its pass phrase")
        at = len(_ENCRYPTED)
        salt, nonce, sealed = data[at : at + _SALT], data[at + _SALT : at + _SALT + _NONCE], data[at + _SALT + _NONCE :]
        body = _opened(path, pass_phrase, salt, nonce, sealed)
    else:
        body = data[len(_PLAIN) :]
    try:
        return _unpacked(body)
    except ValidationError as error:
        raise _damaged(path, error.errors()[0]["msg"]) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, str(error)) from None


def _first(path: Path) -> bytes:
    plain_size(path, _MOST)
    with path.open("rb") as file:
        return file.read(len(_ENCRYPTED))


def _begins(path: Path) -> bytes:
    """The first bytes, which name the format. InputError if it is no guard of this version."""
    try:
        first = _first(path)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({error.strerror}); give the file of a guard") from None
    if not first.startswith((_PLAIN, _ENCRYPTED)):
        if first.startswith(_ANY):
            raise InputError(f"{shown(path)}: is a guard of another version; make it again with this one")
        raise InputError(f"{shown(path)}: is not the file of a guard; make one: probablyexists guard")
    return first


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{shown(path)}: is damaged ({shown(' '.join(why.split())[:100])}); make the guard again")


def _cipher(pass_phrase: str, salt: bytes) -> Any:
    aead = required("cryptography.hazmat.primitives.ciphers.aead", "guard")
    scrypt = required("cryptography.hazmat.primitives.kdf.scrypt", "guard")
    key = scrypt.Scrypt(salt=salt, length=32, **_SCRYPT).derive(pass_phrase.encode("utf-8", "surrogateescape"))
    return aead.AESGCM(key)


def _opened(path: Path, pass_phrase: str, salt: bytes, nonce: bytes, sealed: bytes) -> bytes:
    if len(salt) < _SALT or len(nonce) < _NONCE:
        raise _damaged(path, "it ends early")
    cipher = _cipher(pass_phrase, salt)
    invalid = required("cryptography.exceptions", "guard").InvalidTag
    try:
        return bytes(cipher.decrypt(nonce, sealed, _ENCRYPTED))
    except invalid:
        raise InputError(f"{shown(path)}: the pass phrase is wrong, or the file is damaged") from None


def _packed(content: Content) -> bytes:
    arrays = _arrays_of(content)
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    about = content.about.model_dump(mode="json")
    text = json.dumps({"about": about, "names": content.members.names, "shapes": shapes}).encode()
    raw = [np.ascontiguousarray(array, _ARRAYS[name][0]).tobytes() for name, array in arrays.items()]
    body = b"".join([struct.pack("<Q", len(text)), text, *raw])
    return body + hashlib.sha256(body).digest()


def _arrays_of(content: Content) -> dict[str, NDArray[Any]]:
    members, strangers = content.members, content.strangers
    found = (
        *(members.embeddings, members.pictures, members.owner, members.prints, members.copy_from),
        *(strangers.embeddings, strangers.whose, strangers.copied, strangers.photos, strangers.prints),
    )
    return dict(zip(_ARRAYS, found, strict=True))


def _unpacked(body: bytes) -> Content:
    """ValueError and others if `body` is not what `_packed` gives."""
    if len(body) < 40 or hashlib.sha256(body[:-32]).digest() != body[-32:]:
        raise ValueError("its checksum is wrong")
    (length,) = struct.unpack("<Q", body[:8])
    end = len(body) - 32
    if not 0 < length <= min(_MOST_JSON, end - 8):
        raise ValueError("its JSON has a wrong length")
    head = json.loads(body[8 : 8 + length])
    if not isinstance(head, dict) or set(head) != {"about", "names", "shapes"} or set(head["shapes"]) != set(_ARRAYS):
        raise ValueError("parts are missing")
    names = head["names"]
    if not isinstance(names, list) or not all(isinstance(name, str) and len(name) <= _MOST_NAME for name in names):
        raise ValueError("a name is not text")
    at, arrays = 8 + length, []
    for name, (kind, row) in _ARRAYS.items():
        shape = head["shapes"][name]
        if not isinstance(shape, list) or not all(type(side) is int and 0 <= side < 2**40 for side in shape):
            raise ValueError("a shape is wrong")
        if len(shape) != (2 if row is None else 1 + len(row)) or (row is not None and tuple(shape[1:]) != row):
            raise ValueError("a shape is wrong")
        size = math.prod(shape) * np.dtype(kind).itemsize
        if at + size > end:
            raise ValueError("it ends early")
        arrays.append(np.frombuffer(body, kind, math.prod(shape), at).reshape(shape))
        at += size
    if at != end:
        raise ValueError("something follows its arrays")
    content = Content(
        About.model_validate(head["about"]),
        Members(tuple(names), *arrays[:5]),
        Strangers(*arrays[5:]),
    )
    check_content(content)
    return content
