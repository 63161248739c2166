"""Whether a model's card is the one that was released: a hash of the whole card beside it, signed by who releases.

``release.json`` names the card's hash and the weights', and carries an Ed25519 signature over both. The weights file
stays as it is, byte for byte: casebooks and reports name it by its SHA-256 (docs/decisions/0012). The private key is in
no repository and in no package; its public half is in ``resources/release-key.txt``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from divisive_desktop import paths
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.foreign.parsing import MOST_BYTES, read_json
from divisive_desktop.library.card import FORMAT

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RELEASE = "release.json"
KEY = "release-key.txt"
State = Literal["released", "changed", "unsigned"]
WORDS: Mapping[State, str] = {
    "released": "as released, signed by the makers of this program",
    "changed": "changed since its release: its figures and limits may be anybody's",
    "unsigned": "not signed: nobody vouches for its figures",
}
_LARGEST = 1 << 16
_OWN_CHOICE = "default"
"""The one field that may change: which model answers is its user's to say."""


def release_state(folder: Path) -> State:
    """What a model folder's card is; the weights themselves are checked by `store.verify`."""
    try:
        card = read_json(read_whole(folder / "card.json", MOST_BYTES))
        stated = read_json(read_whole(folder / RELEASE, _LARGEST))
    except FileNotFoundError:
        return "unsigned"
    except (OSError, ValueError):
        return "changed"
    if not (isinstance(card, dict) and isinstance(stated, dict)):
        return "changed"
    if stated.get("card") != card_hash(card) or stated.get("weights") != card.get("weights_sha256"):
        return "changed"
    signature = stated.get("signature")
    if not signature:
        return "unsigned"
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:  # it comes with reports, which an installation may lack
        return "unsigned"
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(_public_key())).verify(
            bytes.fromhex(str(signature)), _signed(stated)
        )
    except (InvalidSignature, ValueError):
        return "changed"
    return "released"


def card_hash(card: Mapping[str, Any]) -> str:
    """SHA-256 of a whole card as JSON, however it is laid out."""
    kept = {name: value for name, value in card.items() if name != _OWN_CHOICE}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def release(card: bytes, key: Ed25519PrivateKey | None = None) -> bytes:
    """``release.json`` of a card.

    Parameters
    ----------
    card : bytes
        Of ``card.json``.
    key : Ed25519 key, optional
        Signs it; without one it says only that the card is as it was when it was last written by the program.
    """
    raw = json.loads(card)
    stated = {"format": FORMAT, "card": card_hash(raw), "weights": raw["weights_sha256"]}
    signature = "" if key is None else key.sign(_signed(stated)).hex()
    return (json.dumps({**stated, "signature": signature}, indent=1) + "\n").encode()


def _signed(stated: Mapping[str, Any]) -> bytes:
    return f"divisive-desktop model 1\n{stated['card']}\n{stated['weights']}\n".encode()


def _public_key() -> str:
    return (paths.resources_dir() / KEY).read_text(encoding="ascii").strip()
