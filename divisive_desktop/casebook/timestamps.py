"""Time stamps of the chain's head by a third party (RFC 3161): proof that a history existed at a time, and not later.

What goes to the authority is the SHA-256 of the head's 64 hexadecimal digits and nothing else. Its answer is kept in
the chain itself, in the record that follows. Anyone can check it without this program::

    printf HEAD > head; openssl ts -verify -data head -in TOKEN -token_in -CAfile AUTHORITY
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ACT = "timestamp"


@dataclass(frozen=True)
class Stamp:
    """What an authority says of a record."""

    time: str
    """UTC, ISO 8601."""
    authority: str
    """Name in the certificate that signed. Whether it is trusted is the reader's to say."""
    certificate: str
    """SHA-256 of that certificate, lower-case hex."""


def kept_stamps(
    records: Sequence[Mapping[str, Any]], hashes: Sequence[str]
) -> list[tuple[int, int, Stamp | str]]:
    """Every time stamp in a chain: number of its record, number of the stamped record, and what it says.

    A text says why it doesn't hold.

    Parameters
    ----------
    records : sequence of mappings
        Those of time stamps, others may be among them: ``seq``, ``act``, ``parameters``.
    hashes : sequence of str
        Of all records, first to last; they are numbered from 1.
    """
    found: list[tuple[int, int, Stamp | str]] = []
    for record in records:
        if record["act"] != ACT:
            continue
        seq, said = 0, record["parameters"]
        try:
            seq = int(said["seq"])
            if not 1 <= seq < record["seq"] or hashes[seq - 1] != said["head"]:
                raise ValueError("it is of another history")
            found.append((record["seq"], seq, read_stamp(base64.b64decode(said["token"]), said["head"])))
        except (ValueError, TypeError, KeyError, ImportError) as e:
            found.append((record["seq"], seq, str(e)))
    return found


def read_stamp(token: bytes, head: str, nonce: int | None = None) -> Stamp:
    """What a token says, after its signature was checked with the certificate in it.

    Raises
    ------
    ValueError
        It isn't about this head, or isn't intact.
    """
    from asn1crypto import cms, tsp  # noqa: F401 - tsp teaches cms the attributes of time stamps
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        signed = cms.ContentInfo.load(token, strict=True)["content"]
        if not isinstance(signed, cms.SignedData):
            raise ValueError("it is no time stamp")
        content = signed["encap_content_info"]["content"]
        info, (signer,) = content.parsed, signed["signer_infos"]
        imprint = info["message_imprint"]
        hashed = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
        if hashed != ("sha256", digest_of(head)):
            raise ValueError("it is of something else than this record")
        if nonce is not None and info["nonce"].native != nonce:
            raise ValueError("it answers another question")
        number = signer["sid"].chosen["serial_number"].native
        certificate = next(
            found for found in (x509.load_der_x509_certificate(c.dump()) for c in signed["certificates"])
            if found.serial_number == number
        )  # fmt: skip
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if x509.ObjectIdentifier("1.3.6.1.5.5.7.3.8") not in usage:
            raise ValueError("its certificate isn't one for time stamps")
        _check_signature(certificate, signer, bytes(content))
        made = info["gen_time"].native
        names, der = certificate.subject.rfc4514_string(), certificate.public_bytes(Encoding.DER)
        _check_certificate(signer, der)
    except StopIteration as e:
        raise ValueError("it doesn't hold the certificate that signed it") from e
    except (
        TypeError, KeyError, AttributeError, OverflowError, UnsupportedAlgorithm, x509.ExtensionNotFound,
        x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
    ) as e:  # fmt: skip
        raise ValueError("it is no time stamp that can be read") from e
    return Stamp(made.strftime("%Y-%m-%dT%H:%M:%SZ"), names, hashlib.sha256(der).hexdigest())


def _check_certificate(signer: Any, der: bytes) -> None:
    """The signed attributes name the certificate, so that no other one can be put in its place (RFC 5816)."""
    for attribute in signer["signed_attrs"]:
        kind = attribute["type"].native
        if kind not in ("signing_certificate", "signing_certificate_v2"):
            continue
        named = attribute["values"][0]["certs"][0]
        algorithm = "sha1" if kind == "signing_certificate" else named["hash_algorithm"]["algorithm"].native
        if algorithm in ("sha1", "sha256", "sha384", "sha512") and (
            hashlib.new(algorithm, der, usedforsecurity=False).digest() == named["cert_hash"].native
        ):
            return
    raise ValueError("its certificate isn't the one that signed it")


def _check_signature(certificate: Any, signer: Any, content: bytes) -> None:
    """The signed attributes name the content's digest, and the certificate's key signed them (RFC 5652, 5.4)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    kinds = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    name = signer["digest_algorithm"]["algorithm"].native
    if name not in kinds:
        raise ValueError(f"it is signed with {name}, which isn't known here")
    attributes = signer["signed_attrs"]
    stated = [a["values"][0].native for a in attributes if a["type"].native == "message_digest"]
    if stated != [hashlib.new(name, content).digest()]:
        raise ValueError("its content was changed")
    data, signature, key = attributes.untag().dump(), signer["signature"].native, certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), kinds[name])
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(kinds[name]))
        else:
            raise ValueError("its kind of key isn't known here")
    except InvalidSignature as e:
        raise ValueError("its signature doesn't hold") from e


def digest_of(head: str) -> bytes:
    """What an authority is told of a head, and stamps."""
    return hashlib.sha256(head.encode()).digest()
