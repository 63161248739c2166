"""Overlay planes and display shutter of a DICOM data set -> ``Overlay`` and ``Shutter``."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset

from divisive_desktop.imaging.dicom_values import number, numbers, texts
from divisive_desktop.imaging.graphics import Overlay, Shutter

_MAX_PIXELS = 256_000_000


def read_overlays(dataset: Dataset, frame: int, native: bool, notes: list[str]) -> tuple[Overlay, ...]:
    """All usable overlay planes of one frame; what is damaged is said in ``notes``.

    Parameters
    ----------
    dataset : Dataset
        With its pixel data.
    frame : int
        Index of the image frame, 0-based.
    native : bool
        Whether the pixel data are uncompressed: only then can an overlay hide in unused pixel bits.
    notes : list of str
        Added to.
    """
    planes = []
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0010) not in dataset:
            continue
        plane = _plane(dataset, group, frame, native)
        if plane is None:
            notes.append(f"Overlay {group:04X} is damaged and was left out.")
        elif plane.bits:
            planes.append(plane)
    return tuple(planes)


def _plane(dataset: Dataset, group: int, frame: int, native: bool) -> Overlay | None:
    """None for a damaged plane; a plane without bits when it has nothing for this frame."""

    def value(element: int) -> object:
        return dataset[group, element].value if (group, element) in dataset else None

    rows, columns = (int(number(value(element)) or 0) for element in (0x0010, 0x0011))
    if rows <= 0 or columns <= 0 or rows * columns > _MAX_PIXELS:
        return None
    frames = int(number(value(0x0015)) or 1)
    first = int(number(value(0x0051)) or 1) - 1
    index = frame - first if frames > 1 else 0
    origin = [int(part) for part in numbers(value(0x0050))]
    bits = _bits(dataset, value(0x3000), group, rows, columns, index, native) if 0 <= index < frames else b""
    if bits is None:
        return None
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


def _bits(
    dataset: Dataset, data: object, group: int, rows: int, columns: int, index: int, native: bool
) -> bytes | None:
    size = rows * columns
    if isinstance(data, bytes):
        start, stop = index * size, (index + 1) * size
        if len(data) * 8 < stop:
            return None
        if start % 8 == 0:
            return data[start // 8 : (stop + 7) // 8]
        flat = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[start:stop]
        return np.packbits(flat, bitorder="little").tobytes()
    position = number(dataset[group, 0x0102].value) if (group, 0x0102) in dataset else None
    allocated = int(number(dataset.get("BitsAllocated")) or 0)
    if position is None or not native or allocated not in (8, 16) or (rows, columns) != (dataset.Rows, dataset.Columns):
        return None
    # Retired way: the plane lies in a bit of every pixel that the image doesn't use.
    pixels = np.frombuffer(dataset.PixelData, f"<u{allocated // 8}")[index * size : (index + 1) * size]
    if pixels.size < size or position < int(number(dataset.get("BitsStored")) or allocated):
        return None
    return np.packbits((pixels >> int(position)) & 1, bitorder="little").tobytes()


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
