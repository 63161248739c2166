from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from divisive_desktop import paths
from divisive_desktop.errors import ReportError
from divisive_desktop.reporting import keys

from .conftest import MemoryKeyring

OTHER = keys.public_hex(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def test_a_key_is_made_once_and_kept_in_the_keyring_only(keyring_in_memory: MemoryKeyring) -> None:
    assert keys.load_key() is None
    made = keys.load_key(create=True)
    again = keys.load_key(create=True)
    assert made is not None
    assert again is not None
    assert keys.public_hex(made) == keys.public_hex(again)
    (secret,) = keyring_in_memory.entries.values()
    for file in paths.user_data_dir().rglob("*"):
        assert not file.is_file() or secret not in file.read_text(encoding="utf-8")
    assert keys.known_keys() == {keys.public_hex(made): keys.OWN}


def test_without_a_keyring_it_is_said(no_keyring: None) -> None:
    with pytest.raises(ReportError, match="no keyring") as raised:
        keys.load_key(create=True)
    assert "without a signature" in raised.value.remedy


def test_nonsense_in_the_keyring_is_not_replaced(keyring_in_memory: MemoryKeyring) -> None:
    keyring_in_memory.entries[keys.SERVICE, keys.ENTRY] = "nonsense"
    with pytest.raises(ReportError, match="isn't one"):
        keys.load_key(create=True)
    assert keyring_in_memory.entries[keys.SERVICE, keys.ENTRY] == "nonsense"


def test_people_are_introduced_and_forgotten() -> None:
    keys.trust(f" {OTHER.upper()} ", "Ann Ünal ")
    assert keys.known_keys() == {OTHER: "Ann Ünal"}
    keys.trust(OTHER, "Ann")
    assert keys.known_keys() == {OTHER: "Ann"}
    keys.forget(OTHER)
    assert keys.known_keys() == {}
    with pytest.raises(ReportError, match="not known"):
        keys.forget(OTHER)


@pytest.mark.parametrize(("key", "name"), [("xyz", "Ann"), (OTHER[:-1], "Ann"), (OTHER, "  ")])
def test_what_is_no_key_or_no_name_is_refused(key: str, name: str) -> None:
    with pytest.raises(ReportError):
        keys.trust(key, name)


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"short": "Ann"}), "\x00"])
def test_a_broken_list_of_keys_knows_nobody(text: str) -> None:
    file = paths.user_data_dir() / "known-keys.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    assert keys.known_keys() == {}


def test_a_fingerprint_is_short_and_in_groups() -> None:
    assert len(keys.fingerprint(OTHER)) == 24
    assert keys.fingerprint(OTHER) != keys.fingerprint("0" * 64)
    assert keys.signer(None, "Ann") is None
