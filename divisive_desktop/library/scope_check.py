"""Is an image of the kind that a model was made for? Its header is asked first, then its size, then its pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.scope import FAMILIAR, UNSTATED, ScopeCheck
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.scope import Features, References, Scope

REMEDY = "Choose another question, or ask anyway: the answer then stays marked."
_CODE = re.compile(r"[A-Z0-9][A-Z0-9 _]{0,15}")
"""What a DICOM code string may be. Anything else isn't repeated in a reason: it may be a name, or an attack."""
_SAYS_NOTHING = frozenset({"UNKNOWN", "OTHER", "NONE", "UNSPECIFIED", "UNDEFINED", "NULL", "ANY"})
_COLOURED = 15.0
"""Difference between the channels, of 255, that a twentieth of a picture with colours exceeds: the palest of some 780
photographs of faces has 24, grey pictures have none, and JPEG makes a few."""


@dataclass(frozen=True)
class Outside:
    """What speaks against an image before its pixels are looked at."""

    out: tuple[str, ...] = ()
    """Reasons why it is out of scope."""
    unfamiliar: tuple[str, ...] = ()
    """Reasons why it is unfamiliar."""


def look_outside(
    scope: Scope, record: ImageRecord, region: Box, size: int, face: float | None, blank: bool
) -> Outside:
    """Check what the file says of itself, and the size of what the model looks at.

    Parameters
    ----------
    region : Box
        The part that the model looks at, in image pixels.
    size : int
        Side of the network's input.
    face : float, optional
        Height of the face in image pixels; None where none was looked for.
    blank : bool
        The network's input is the same everywhere.
    """
    out, unfamiliar = list(_header(scope, record)), []
    colours = _has_colours(record, region)
    if blank:
        out.append("the picture is the same grey everywhere")
    elif not out and colours != (scope.colour == "rgb"):
        out.append(f"a picture {'in' if colours else 'without'} colours, not {scope.made_for}")
    shorter = min(region[2], region[3])
    if shorter < scope.smallest_size:
        what = f"{region[2]} x {region[3]} pixels"
        out.append(f"only {what}: the model was made for {scope.smallest_size} and more")
    if face is not None and face < scope.smallest_face:
        out.append(f"the face is only {face:.0f} pixels high: the model was made for {scope.smallest_face} and more")
    enlarged = size / shorter
    if not out and not scope.enlargement[0] <= enlarged <= scope.enlargement[1]:
        how = f"enlarged {enlarged:.1f} times" if enlarged > 1 else f"shrunk to {100 * enlarged:.0f} %"
        unfamiliar.append(f"{how} for the model, unlike the images that it was made with")
    return Outside(tuple(out), tuple(unfamiliar))


def check(
    scope: Scope | None, references: References | None, outside: Outside | None, features: Features | None
) -> ScopeCheck:
    """Put together what header, size and pixels say.

    Parameters
    ----------
    outside : Outside, optional
        See `look_outside`; None: nobody looked.
    features : Features, optional
        Of the forward pass; None: pixels are not compared.
    """
    if scope is None:
        return UNSTATED
    out, unfamiliar = (list(outside.out), list(outside.unfamiliar)) if outside is not None else ([], [])
    if references is not None and features is not None and scope.references is not None:
        limits = scope.references.limits
        if not (np.isfinite(features.pooled).all() and np.isfinite(features.grid).all()):
            out.append("what the model sees of the picture is not a number")
        elif out:
            pass  # the header has said it better
        # "not below" rather than "above": a distance that is no number must not pass
        elif not references.far(features) <= limits.far:
            out.append("the picture is unlike every image that the model was made with")
        elif limits.unlike is None:
            unfamiliar.append("not compared with the model's own sources: they weren't at hand when that was measured")
        elif not references.unlike(features) <= limits.unlike:
            unfamiliar.append(
                "from a source unlike the model's own: another device, camera, age group, processing or compression"
            )
    if out:
        return ScopeCheck("out_of_scope", tuple(out))
    if unfamiliar:
        return ScopeCheck("unfamiliar", tuple(unfamiliar))
    if references is None:
        return ScopeCheck("not_checked", ("only header and size were checked: the card names no references",))
    return FAMILIAR


def refusal(check: ScopeCheck) -> OutOfScopeError:
    """What the user reads in place of a verdict."""
    words = "; ".join(check.reasons)
    return OutOfScopeError(f"No verdict: {words}.", REMEDY, check.reasons)


def _header(scope: Scope, record: ImageRecord) -> list[str]:
    """At most one reason, from what a DICOM file says of itself."""
    if not record.transfer_syntax:
        return []
    modality, body, view = (_plain(record.header.get(n, "")) for n in ("Modality", "BodyPartExamined", "ViewPosition"))
    shown = " ".join(word for word in (modality, body) if _CODE.fullmatch(word)) or "a DICOM image"
    wrong = f"{shown}, not {scope.made_for}"
    if modality and modality not in scope.modalities:
        return [wrong]
    if not modality and not scope.modalities:
        return [wrong]
    uid = record.header.get("SOPClassUID", "")
    if scope.sop_classes and uid and uid not in scope.sop_classes:
        return [f"{shown} of another DICOM class, not {scope.made_for}"]
    stated = bool(body) and body not in _SAYS_NOTHING
    if scope.body_parts and stated and not any(word in body for word in scope.body_parts):
        return [wrong if _CODE.fullmatch(body) else f"{shown} of another body part, not {scope.made_for}"]
    words = re.split(r"[^A-Z0-9]+", view)
    refused = next((word for word in words if word in scope.refused_views), None)
    if refused is not None and not any(word in scope.views for word in words):
        return [f"{shown} in the view {refused}, not {scope.made_for}"]
    if record.frames > 1 and scope.modalities and scope.colour == "grey":
        return [f"one of {record.frames} frames, not {scope.made_for}"]
    return []


def _plain(text: str) -> str:
    """The beginning of what the file says, in capitals and without odd spaces."""
    return " ".join(text[:64].upper().split())


def _has_colours(record: ImageRecord, region: Box) -> bool:
    if not record.is_colour:
        return False
    x, y, width, height = region
    step = max(1, min(width, height) // 256)
    some = record.stored[y : y + height : step, x : x + width : step].astype(np.float32)
    top = 255.0 if record.stored.dtype.itemsize == 1 else 65535.0
    return float(np.percentile(some.max(2) - some.min(2), 95)) * 255.0 / top > _COLOURED
