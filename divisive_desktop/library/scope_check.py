"""Is an image of the kind that a model was made for? Its header is asked first, then its size, then its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.explanation.reasons import reason
from divisive_desktop.explanation.scope import FAMILIAR, UNSTATED, ScopeCheck
from divisive_desktop.explanation.statement import version_of, withheld
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import LOOKS, suggested_by
from divisive_desktop.imaging.faces import Face
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.header_check import doubted_by_header, refused_by_header
from divisive_desktop.library.probes import MIRROR
from divisive_desktop.library.scope import Features, References, Scope

REMEDY = "Choose another question, or ask anyway: the answer then stays marked."
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
    scope: Scope, record: ImageRecord, region: Box, size: int, face: Face | None, blank: bool, margins: float = 0.0,
    eye_inverted: bool = False,
) -> Outside:
    """Check what the file says of itself, and the size of what the model looks at.

    Parameters
    ----------
    region : Box
        The part that the model looks at, in image pixels.
    size : int
        Side of the network's input.
    face : Face, optional
        The one that the model looks at; None where none was looked for.
    blank : bool
        The network's input is the same everywhere.
    margins : float
        Share of it that lies in margins of one grey, 0..1.
    eye_inverted : bool
        It looks like the negative of an eye.
    """
    out, unfamiliar = refused_by_header(scope, record), doubted_by_header(scope, record)
    colours = _has_colours(record, region)
    if blank:
        out.append(reason("grey"))
    elif not out and colours != (scope.colour == "rgb"):
        out.append(reason("coloured" if colours else "colourless", made_for=scope.made_for))
    if eye_inverted:
        out.append(reason("eye_inverted"))
    shorter = min(region[2], region[3])
    if shorter < scope.smallest_size:
        out.append(reason("small", width=region[2], height=region[3], least=scope.smallest_size))
    if face is not None and face.box[3] < scope.smallest_face:
        out.append(reason("small_face", height=f"{face.box[3]:.0f}", least=scope.smallest_face))
    aspect = region[3] * record.pixel_aspect / region[2]
    if not scope.aspect[0] <= aspect <= scope.aspect[1]:
        least, most = (f"{limit:g}" for limit in scope.aspect)
        out.append(reason("tall", times=f"{aspect:.2g}", least=least, most=most))
    enlarged = size / shorter
    if not out and not scope.enlargement[0] <= enlarged <= scope.enlargement[1]:
        larger = reason("enlarged", times=f"{enlarged:.1f}")
        unfamiliar.append(larger if enlarged > 1 else reason("shrunk", percent=f"{100 * enlarged:.0f}"))
    if not out and face is not None and not scope.face_length[0] <= face.length <= scope.face_length[1]:
        unfamiliar.append(reason("stretched", times=f"{face.length:.2g}"))
    if not out and margins > scope.margins:
        unfamiliar.append(reason("margins", percent=f"{100 * margins:.0f}"))
    return Outside(tuple(out), tuple(unfamiliar))


def check(
    scope: Scope | None, references: References | None, outside: Outside | None, features: Features | None,
    faults: Sequence[str] = (),
) -> ScopeCheck:
    """Put together what header, size and pixels say.

    Parameters
    ----------
    outside : Outside, optional
        See `look_outside`; None: nobody looked.
    features : Features, optional
        Of the forward pass; None: pixels are not compared.
    faults : sequence of str
        How the picture seems to be turned, inverted or mirrored (``networks.faults``), by the name of what mends it.
    """
    if scope is None:
        return UNSTATED
    out, unfamiliar = (list(outside.out), list(outside.unfamiliar)) if outside is not None else ([], [])
    if references is not None and features is not None and scope.references is not None:
        limits = scope.references.limits
        if not (np.isfinite(features.pooled).all() and np.isfinite(features.grid).all()):
            out.append(reason("no_number"))
        elif out:
            pass  # the header has said it better
        elif [fault for fault in faults if fault != MIRROR]:
            out += [LOOKS[fault] for fault in faults]
        # "not below" rather than "above": a distance that is no number must not pass
        elif not references.far(features) <= limits.far:
            out.append(reason("far"))
        elif limits.treated is not None and not references.treated(features) <= limits.treated:
            unfamiliar.append(reason("treated"))  # it may be unlike the sources, too: this says more
        elif limits.unlike is None:
            unfamiliar.append(reason("uncompared"))
        elif not references.unlike(features) <= limits.unlike:
            unfamiliar.append(reason("unlike"))
    if out:
        return ScopeCheck("out_of_scope", tuple(out))
    if MIRROR in faults:
        unfamiliar.insert(0, LOOKS[MIRROR])
    if unfamiliar:
        return ScopeCheck("unfamiliar", tuple(unfamiliar))
    if references is None:
        return ScopeCheck("not_checked", (reason("unreferenced"),))
    return FAMILIAR


def refusal(check: ScopeCheck, model: ModelRef | None = None) -> OutOfScopeError:
    """What the user reads in place of a verdict.

    Parameters
    ----------
    model : ModelRef, optional
        Who was asked.
    """
    mend = suggested_by(check.reasons)
    remedy = f"If that is so, mend it: {mend.acts}. Otherwise ask anyway." if mend else REMEDY
    asked = {} if model is None else {
        "task": model.task, "model": model.id, "version": model.version, "weights_sha256": model.weights_sha256,
        "method": model.method,
    }  # fmt: skip
    version = "" if model is None else version_of(model)
    return OutOfScopeError(withheld("", check, version).how_sure, remedy, check.reasons, asked)


def _has_colours(record: ImageRecord, region: Box) -> bool:
    if not record.is_colour:
        return False
    x, y, width, height = region
    step = max(1, min(width, height) // 256)
    some = record.stored[y : y + height : step, x : x + width : step].astype(np.float32)
    top = 255.0 if record.stored.dtype.itemsize == 1 else 65535.0
    return float(np.percentile(some.max(2) - some.min(2), 95)) * 255.0 / top > _COLOURED
