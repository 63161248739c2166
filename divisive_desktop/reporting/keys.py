"""The user's signing key (Ed25519) in the keyring of the operating system, and whose public keys are known.

The private key never touches a file of ours. Public keys of others are kept by name, so that ``verify`` can say who
signed; a key nobody introduced is named by its fingerprint only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from divisive_desktop import paths
from divisive_desktop.errors import ReportError, in_words
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.foreign.parsing import MOST_BYTES, read_json
from divisive_desktop.foreign.text import plain

SERVICE, ENTRY = "divisive-desktop", "report-signing-key"
OWN = "the owner of this account"
"""Name of one's own key among the known ones."""
_NO_KEYRING = (
    "Log in to a desktop with a keyring (GNOME Keyring, KWallet, macOS Keychain, Windows Credential Manager), "
    "or write the report without a signature: its seal still shows changes."
)
_HEX = re.compile(r"[0-9a-f]{64}")


def load_key(*, create: bool = False) -> Ed25519PrivateKey | None:
    """The user's signing key; None where there is none and ``create`` is off.

    Raises
    ------
    ReportError
        There is no keyring on this computer, it is locked, or what it holds isn't a key.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        held = keyring.get_password(SERVICE, ENTRY)
        if held is None:
            if not create:
                return None
            key = Ed25519PrivateKey.generate()
            raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            keyring.set_password(SERVICE, ENTRY, raw.hex())
            with suppress(ReportError):  # only a name for it; signing works without
                trust(public_hex(key), OWN)
            return key
    except KeyringError as e:
        raise ReportError("The signing key can't be kept: there is no keyring, or it is locked.", _NO_KEYRING) from e
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(held))
    except ValueError as e:
        raise ReportError(
            "What the keyring holds as signing key isn't one.",
            f"Remove the entry {ENTRY} of {SERVICE} from the keyring; a new key is made at the next signature.",
        ) from e


def public_hex(key: Ed25519PrivateKey) -> str:
    """Public key as 64 hex digits."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def fingerprint(public: str) -> str:
    """Short name of a public key for people to compare: the first 80 bits of its SHA-256 in groups of four."""
    digest = hashlib.sha256(bytes.fromhex(public)).hexdigest()[:20]
    return " ".join(digest[i : i + 4] for i in range(0, 20, 4))


def signer(key: Ed25519PrivateKey | None, name: str) -> Mapping[str, str] | None:
    """Who signs, for the report's content; None without a key."""
    return None if key is None else {"name": name, "public_key": public_hex(key)}


def known_keys() -> Mapping[str, str]:
    """Public keys (hex) that the user knows, and whose they are."""
    try:
        raw = read_json(read_whole(_file(), MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return {k: str(v) for k, v in raw.items() if _HEX.fullmatch(k)} if isinstance(raw, dict) else {}


def trust(public: str, name: str) -> None:
    """Remember whose a public key is.

    Raises
    ------
    ReportError
        It isn't a public key, or can't be written down.
    """
    public = _public(public)
    name = plain(name)  # it is written down, and shown as one line
    if not name.strip():
        raise ReportError("A key needs the name of its owner.", "Type one.")
    _write({**known_keys(), public: name.strip()})


def forget(public: str) -> None:
    """Don't know a key any more.

    Raises
    ------
    ReportError
        It isn't known, or that can't be written down.
    """
    known = dict(known_keys())
    if known.pop(_public(public), None) is None:
        raise ReportError("This key is not known.", "Run 'divisive-desktop keys' for those that are.")
    _write(known)


def _public(text: str) -> str:
    public = text.strip().lower()
    if not _HEX.fullmatch(public):
        raise ReportError("That is not a public key of a report.", "It has 64 hexadecimal digits.")
    return public


def _write(known: Mapping[str, str]) -> None:
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=".keys", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(dict(known), out, ensure_ascii=False, indent=1, sort_keys=True)
        os.replace(partial, file)
    except OSError as e:
        raise ReportError(f"The key could not be written down: {in_words(e)}.", "Free some space on the disk.") from e


def _file() -> Path:
    return paths.user_data_dir() / "known-keys.json"
