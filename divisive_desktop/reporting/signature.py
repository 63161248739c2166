"""Who signed a file, and whether that is who its content says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from divisive_desktop.reporting.finding import Finding
from divisive_desktop.reporting.keys import fingerprint
from divisive_desktop.reporting.lookalikes import similar
from divisive_desktop.reporting.seal import SealCheck

_KEY = re.compile(r"[0-9a-f]{64}")


def signature(sealed: SealCheck, stated: object, known: Mapping[str, str]) -> tuple[list[Finding], bool]:
    """What is to be said of a file's signature.

    Parameters
    ----------
    stated : object
        ``{"name", "public_key"}`` as the content has it; anything else counts as nothing stated.
    known : mapping
        Public key (hex) -> whose it is.

    Returns
    -------
    (findings, bool)
        And whether a known key signed exactly these bytes.
    """
    claims: Mapping[str, object] = stated if isinstance(stated, dict) else {"name": stated} if stated else {}
    claimed, name = str(claims.get("public_key", "")), str(claims.get("name", ""))
    if not sealed.signed:
        if claimed or name:
            return [Finding("broken", "The content says that it is signed, but the signature was taken away.")], False
        return [
            Finding("unknown", "Not signed: whoever made this file, and whoever changed it, could have made the seal.")
        ], False
    if not sealed.intact:
        return [Finding("broken", "The signature belongs to other bytes than these, so it vouches for nothing.")], False
    if not sealed.signature_valid:
        return [Finding("broken", "The signature does not belong to these bytes.")], False
    key = fingerprint(sealed.public_key)
    if claimed not in ("", sealed.public_key):
        other = fingerprint(claimed) if _KEY.fullmatch(claimed) else "of another"
        what = f"Signed with the key {key}, but the content says that it is the key {other}."
        return [Finding("broken", what)], False
    if sealed.public_key in known:
        return [Finding("holds", f"Signed by {known[sealed.public_key]} (key {key}).")], True
    namesake = similar(name, known.values())
    if namesake is not None:
        how = "in the name of" if namesake == name else "in a name that could be taken for that of"
        said = "" if namesake == name else f" ({name})"
        return [Finding("broken", f"Signed {how} {namesake}{said}, but with the key {key}, which isn't theirs.")], False
    by = f", which says it is {name}'s" if name else ""
    return [
        Finding("holds", f"The signature with the key {key} belongs to these bytes."),
        Finding("unknown", f"Nobody has introduced the key {key} here{by}: compare it with its owner's, then --trust."),
    ], False
