"""A seal is a fixed-length token inside an exported file that holds the file's own digest and, if wanted, a signature.

The digest is taken over the whole file with the token's digest and signature fields set to zeros, so one rule covers
PDF, HTML, JSON and DICOM, and a change of any byte breaks it. Without a signature a seal shows accidents and careless
edits; whoever can recompute a SHA-256 can recompute the seal. With one (Ed25519, RFC 8032) nobody without the key can.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from divisive_desktop.errors import ReportError

_TOKEN = re.compile(rb"divisive-seal:1:([0-9a-f]{64}):([0-9a-f]{64}):([0-9a-f]{128}):")
_NO_KEY = b"0" * 64


@dataclass(frozen=True)
class SealCheck:
    """What a file's seal says."""

    found: bool
    intact: bool
    """The bytes are those that were sealed."""
    signed: bool
    signature_valid: bool
    """The signature belongs to the digest that the seal states, and the bytes have that digest."""
    digest: str
    """SHA-256 that the seal states, lower-case hex; '' when there is no seal."""
    public_key: str
    """Ed25519 public key as hex, '' when not signed."""


def placeholder() -> str:
    """The token that a writer puts into the file, to be filled in by `seal`; 278 ASCII characters."""
    return f"divisive-seal:1:{'0' * 64}:{'0' * 64}:{'0' * 128}:"


def seal(data: bytes, key: Ed25519PrivateKey | None = None) -> bytes:
    """Fill in the one token that ``data`` holds.

    Raises
    ------
    ReportError
        ``data`` doesn't hold exactly one token.
    """
    tokens = _tokens(data)
    if len(tokens) != 1:
        raise ReportError(
            f"The export could not be sealed: {len(tokens)} places for a seal instead of one.",
            "Remove text that imitates a seal from the notes and export again.",
        )
    token = tokens[0]
    public = _NO_KEY
    if key is not None:
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex().encode()
    blank = data[: token.start(2)] + public + data[token.end(2) :]
    digest = hashlib.sha256(_blanked(blank, token)).hexdigest().encode()
    signature = b"0" * 128 if key is None else key.sign(bytes.fromhex(digest.decode())).hex().encode()
    start, end = token.span()
    return blank[:start] + b"divisive-seal:1:%s:%s:%s:" % (digest, public, signature) + blank[end:]


def check(data: bytes) -> SealCheck:
    """Recompute the seal of an exported file's bytes."""
    tokens = _tokens(data)
    if len(tokens) != 1:
        return SealCheck(False, False, False, False, "", "")
    token = tokens[0]
    digest, public, signature = (field.decode() for field in token.groups())
    intact = hashlib.sha256(_blanked(data, token)).hexdigest() == digest
    signed = public != _NO_KEY.decode()
    valid = False
    if signed:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(
                bytes.fromhex(signature), bytes.fromhex(digest)
            )
            valid = intact
        except (InvalidSignature, ValueError):
            valid = False
    elif signature != "0" * 128:
        intact = False  # a signature without a key: the key field was blanked
    return SealCheck(True, intact, signed, valid, digest, public if signed else "")


def unsealed(data: bytes) -> bytes:
    """A sealed file as it was before: with an empty seal in its place."""
    tokens = _tokens(data)
    if len(tokens) != 1:
        return data
    start, end = tokens[0].span()
    return data[:start] + placeholder().encode() + data[end:]


def _tokens(data: bytes) -> list[re.Match[bytes]]:
    """The places for a seal. Of a DICOM file only the last: before it there may be a whole PDF with its own seal."""
    found = list(_TOKEN.finditer(data))
    return found[-1:] if data[128:132] == b"DICM" else found


def _blanked(data: bytes, token: re.Match[bytes]) -> bytes:
    zeros = bytearray(data)
    zeros[token.start(1) : token.end(1)] = b"0" * 64
    zeros[token.start(3) : token.end(3)] = b"0" * 128
    return bytes(zeros)
