from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from divisive_desktop.reporting.keys import public_hex
from divisive_desktop.reporting.lookalikes import similar, skeleton
from divisive_desktop.reporting.seal import check, placeholder, seal
from divisive_desktop.reporting.signature import signature

ANN, EVE = (Ed25519PrivateKey.from_private_bytes(bytes(range(n, n + 32))) for n in (0, 1))
KNOWN = {public_hex(ANN): "Dr. Alice Modern"}
LIKE = (
    "Dr. Alice Modern ", "Dr.\u200bAlice Modern", "Dr. \u0410lice Modern", "Dr.\u00a0Alice Modern", "DR. ALICE MODERN",
    "Dr Alice Modern", "Dr. Al1ce Modern", "Dr. Álice Modern", "Ｄｒ． Alice Modern", "Dr. Alice Modem",
    "Dr. Alıce Modern",
    "Dr. Alice M\u043edern", "Dr. Alice \u202eModern",
)  # fmt: skip


@pytest.mark.parametrize("name", LIKE)
def test_a_name_that_could_be_taken_for_another_is_named(name: str) -> None:
    sealed = check(seal(placeholder().encode(), EVE))
    findings, vouched = signature(sealed, {"name": name, "public_key": public_hex(EVE)}, KNOWN)
    assert not vouched
    assert [f.state for f in findings] == ["broken"]
    assert "Dr. Alice Modern" in findings[0].what


@pytest.mark.parametrize("name", ["Dr. Bob", "Alice", "", "Dr. Alice Modernist", "意見"])
def test_other_names_are_other_names(name: str) -> None:
    assert similar(name, KNOWN.values()) is None
    assert skeleton("意見") != skeleton("見意")


def test_a_signature_on_other_bytes_vouches_for_nothing(tmp_path: Path) -> None:
    data = seal(b"Healthy: no. " + placeholder().encode(), ANN)
    findings, vouched = signature(check(data), None, KNOWN)
    assert vouched
    findings, vouched = signature(check(data.replace(b"no", b"si")), None, KNOWN)
    assert not vouched
    assert [f.state for f in findings] == ["broken"]
    assert not check(data.replace(b"no", b"si")).signature_valid
