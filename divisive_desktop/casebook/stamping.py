"""Asking an authority for a time stamp of a casebook's head (`timestamps`), over the network where that is wanted."""

from __future__ import annotations

import base64
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable

from divisive_desktop.casebook.casebook import Casebook
from divisive_desktop.casebook.timestamps import ACT, Stamp, digest_of, read_stamp
from divisive_desktop.errors import CasebookError, in_words

_LARGEST, _PATIENCE_S = 1 << 20, 30
_REMEDY = "Try again later, or ask another authority."


def stamp_head(book: Casebook, ask: Callable[[bytes], bytes]) -> Stamp:
    """Have the casebook's head stamped, and keep the answer in its chain.

    Parameters
    ----------
    ask : callable
        Sends a query (DER) to the authority and gives its answer, see `over_http`.

    Raises
    ------
    CasebookError
        The authority refused, or its answer isn't about this head.
    """
    seq, head = book.head()
    nonce = secrets.randbits(63)
    token = _granted(ask(_query(head, nonce)))
    try:
        stamp = read_stamp(token, head, nonce)
    except ValueError as e:
        raise CasebookError(f"The time stamp was not kept: {in_words(e)}.", _REMEDY) from e
    book.audit.record(ACT, seq=seq, head=head, time=stamp.time, authority=stamp.authority,
                      token=base64.b64encode(token).decode())  # fmt: skip
    return stamp


def over_http(url: str) -> Callable[[bytes], bytes]:
    """Asks the authority at this address (RFC 3161, section 3.4).

    Raises
    ------
    CasebookError
        It isn't an address of the web; when asked, it can't be reached.
    """
    if not url.startswith(("https://", "http://")):
        raise CasebookError(f"{url} is not the address of an authority.", "It begins with https:// or http://.")

    def ask(query: bytes) -> bytes:
        request = urllib.request.Request(url, query, {"Content-Type": "application/timestamp-query"})
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
                found: bytes = answer.read(_LARGEST)
        except (OSError, ValueError) as e:
            raise CasebookError(f"The authority at {url} can't be reached: {in_words(e)}.", _REMEDY) from e
        return found

    return ask


def _query(head: str, nonce: int) -> bytes:
    from asn1crypto import tsp

    made: bytes = tsp.TimeStampReq({
        "version": 1,
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest_of(head)},
        "nonce": nonce, "cert_req": True,
    }).dump()  # fmt: skip
    return made


def _granted(answer: bytes) -> bytes:
    """The token in an authority's answer."""
    from asn1crypto import tsp

    try:
        response = tsp.TimeStampResp.load(answer)
        status = response["status"]["status"].native
        if status in ("granted", "granted_with_mods"):
            token: bytes = response["time_stamp_token"].dump()
            return token
    except (ValueError, TypeError, KeyError) as e:
        raise CasebookError("What the authority answered is no time stamp.", _REMEDY) from e
    raise CasebookError(f"The authority gave no time stamp ({status}).", _REMEDY)
