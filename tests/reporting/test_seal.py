import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.seal import check, placeholder, seal


def _document() -> bytes:
    return b"%PDF head " + placeholder().encode() + b" tail of the file"


@pytest.mark.parametrize("key", [None, Ed25519PrivateKey.from_private_bytes(bytes(range(32)))])
def test_every_changed_byte_is_found(key: Ed25519PrivateKey | None) -> None:
    sealed = seal(_document(), key)
    whole = check(sealed)
    assert whole.found
    assert whole.intact
    assert whole.signed is (key is not None)
    assert whole.signature_valid is (key is not None)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        result = check(bytes(changed))
        ok = result.found and result.intact and (result.signature_valid or not result.signed)
        assert not ok or result.signed != whole.signed, f"byte {position} was changed unseen"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_content_can_be_sealed(head: bytes, tail: bytes) -> None:
    assert check(seal(head + placeholder().encode() + tail)).intact


def test_two_tokens_are_refused() -> None:
    with pytest.raises(ReportError, match="2 places"):
        seal(_document() + _document())


def test_no_seal_is_said() -> None:
    assert not check(b"nothing here").found
