"""Fingerprints of samples' files: whether a file is a sample of an audit, without keeping the file."""

from __future__ import annotations

import hashlib


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
