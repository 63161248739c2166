"""Overlay planes and display shutter of a DICOM data set -> ``Overlay`` and ``Shutter``."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset

from divisive_desktop.imaging.dicom_decode import Decoded
from divisive_desktop.imaging.dicom_values import number, numbers, texts
from divisive_desktop.imaging.graphics import Overlay, Shutter

_MAX_PIXELS = 256_000_000


def read_overlays(
    dataset: Dataset, frame: int, decoded: Decoded | None, little_endian: bool, notes: list[str]
) -> tuple[Overlay, ...]:
    """All usable overlay planes of one frame; what is damaged is said in ``notes``.

    Parameters
    ----------
    dataset : Dataset
        The file's.
    frame : int
        Index of the image frame, 0-based.
    decoded : Decoded or None
        The frame as it was decoded, all bits: an overlay can hide in those that the image doesn't use. None where the
        pixels are colours, which have none.
    little_endian : bool
        Order of the bytes of words in the file.
    notes : list of str
        Added to.
    """
    planes = []
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0010) not in dataset and (group, 0x0102) not in dataset and (group, 0x3000) not in dataset:
            continue
        plane = _plane(dataset, group, frame, decoded, little_endian)
        if isinstance(plane, str):
            notes.append(f"Overlay {group:04X} {plane} and was left out.")
        elif plane.bits:
            planes.append(plane)
    return tuple(planes)


def _plane(dataset: Dataset, group: int, frame: int, decoded: Decoded | None, little_endian: bool) -> Overlay | str:
    """Why it can't be used, or the plane; one without bits when it has nothing for this frame."""

    def value(element: int) -> object:
        return dataset[group, element].value if (group, element) in dataset else None

    origin = [int(part) for part in numbers(value(0x0050))]
    data = value(0x3000)
    if isinstance(data, bytes) and data:
        rows, columns = (int(number(value(element)) or 0) for element in (0x0010, 0x0011))
        if rows <= 0 or columns <= 0 or rows * columns > _MAX_PIXELS:
            return "is damaged"
        frames = int(number(value(0x0015)) or 1)
        first = int(number(value(0x0051)) or 1) - 1
        index = frame - first if frames > 1 else 0
        if not little_endian and dataset[group, 0x3000].VR == "OW":
            data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
        bits = _bits(data, rows * columns, index) if 0 <= index < frames else b""
    else:
        # The retired way: the plane lies in a bit of every pixel that the image doesn't use, and has its size.
        rows, columns = int(dataset.Rows), int(dataset.Columns)
        position = number(value(0x0102))
        if position is None or not 0 <= position < 64:
            return "is damaged"
        if decoded is None or position >= 8 * decoded.container.dtype.itemsize:
            return f"should lie in bit {position:g} of the pixels, which isn't there,"
        if decoded.lowest <= position < decoded.lowest + decoded.bits:
            return f"should lie in bit {position:g} of the pixels, which belongs to the picture,"
        bits = np.packbits((decoded.container >> int(position)) & 1, bitorder="little").tobytes()
    if bits is None:
        return "is damaged"
    return Overlay(
        group=group,
        kind="roi" if "".join(texts(value(0x0040))).upper() == "R" else "graphics",
        rows=rows,
        columns=columns,
        origin=(origin[0] - 1, origin[1] - 1) if len(origin) == 2 else (0, 0),
        bits=bits,
        label="".join(texts(value(0x1500))),
        description="".join(texts(value(0x0022))),
    )


def _bits(data: bytes, size: int, index: int) -> bytes | None:
    """One frame of ``size`` bits; None where the data end before it does."""
    start, stop = index * size, (index + 1) * size
    if len(data) * 8 < stop:
        return None
    if start % 8 == 0:
        return data[start // 8 : (stop + 7) // 8]
    flat = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[start:stop]
    return np.packbits(flat, bitorder="little").tobytes()


def read_shutter(dataset: Dataset) -> Shutter | None:
    """The display shutter, None without one (or with a shape that isn't known)."""
    shapes = {shape.upper() for shape in texts(dataset.get("ShutterShape"))}
    rectangle = [
        number(dataset.get(f"Shutter{side}Edge"))
        for side in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
    ]
    center = numbers(dataset.get("CenterOfCircularShutter"))
    radius = number(dataset.get("RadiusOfCircularShutter"))
    points = [int(part) for part in numbers(dataset.get("VerticesOfThePolygonalShutter"))]
    edges = [int(edge) for edge in rectangle if edge is not None]
    shutter = Shutter(
        rectangle=(edges[0], edges[1], edges[2], edges[3]) if "RECTANGULAR" in shapes and len(edges) == 4 else None,
        circle=(int(center[0]), int(center[1]), int(radius))
        if "CIRCULAR" in shapes and len(center) == 2 and radius is not None
        else None,
        polygon=tuple(zip(points[::2], points[1::2], strict=False)) if "POLYGONAL" in shapes else (),
        grey=int(number(dataset.get("ShutterPresentationValue")) or 0),
    )
    return shutter if shutter.rectangle or shutter.circle or len(shutter.polygon) > 2 else None
