"""Fingerprints of samples' files: whether a file is a sample of an audit, without keeping the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

import pyarrow as pa

_LOOKED_AT = 1000
"""Files, drawn at random, that tell whether many have the same bytes."""


def sample_salt(salt: bytes) -> str:
    """What the fingerprints of an audit's samples are made with, from the salt of its training photos, which no result
    shows and which cannot be found from this one. 32 hexadecimal digits.
    """
    return hashlib.sha256(b"probablyexists/samples" + salt).hexdigest()[:32]


def content_of(sha256: bytes, salt: str) -> str:
    """The fingerprint of a sample's file from the SHA-256 of its bytes; `salt`: as `sample_salt` gives. 16 hexadecimal
    digits: among 10 million samples, two that differ share one with probability 3 in a million.
    """
    return hashlib.sha256(salt.encode() + sha256).hexdigest()[:16]


def contents_of(sha256: Sequence[bytes | None], salt: str) -> pa.StringArray:
    """The same of each file, null for None; where many files have the same bytes, each content is hashed once."""
    some = Random(0).sample(sha256, min(_LOOKED_AT, len(sha256)))
    if len(set(some)) == len(some):
        return pa.array([None if one is None else content_of(one, salt) for one in sha256], pa.string())
    distinct = pa.array(sha256, pa.binary(32)).dictionary_encode()
    each = [content_of(one, salt) for one in distinct.dictionary.to_pylist()]
    return pa.array(each, pa.string()).take(distinct.indices)
