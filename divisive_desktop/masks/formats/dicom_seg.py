"""DICOM Segmentation by highdicom: one segment per region, on the image that was painted on.

PS3.3 A.51. Regions may overlap. Segments are of the general kind "spatial concept, region of interest": what a
person held to be important is not an anatomical structure; the analyst's name is the segment's label. A region's
weight travels in the Segment Description.
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt

import divisive_desktop
from divisive_desktop.errors import MaskError
from divisive_desktop.imaging.dicom_file import read_dicom
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.formats.common import (
    MOST_STAMPED,
    Options,
    Reading,
    add_region,
    check_pixels,
    cut_note,
    damaged,
    needs,
)
from divisive_desktop.masks.mask import Mask, is_binary, to_bytes

_WEIGHT = re.compile(r"saliency weight ([01](?:\.\d+)?)")
_STORAGE = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # segmentation, label map segmentation


def encode(mask: Mask, options: Options) -> tuple[bytes, tuple[str, ...]]:
    """DICOM bytes, and notes on what the object couldn't keep.

    Raises
    ------
    MaskError
        There is no DICOM source, it has several frames or another size, or nothing is painted.
    """
    try:
        import highdicom as hd
        import pydicom
        from pydicom.sr.codedict import codes
    except ImportError as e:
        raise needs("highdicom", "DICOM SEG", "reports") from e
    if options.source is None:
        raise MaskError(
            "A DICOM segmentation refers to a DICOM image, and this one isn't.", "Export PNG, COCO or labelme instead."
        )
    source = pydicom.dcmread(options.source, stop_before_pixels=True)
    if int(source.get("NumberOfFrames", 1) or 1) > 1:
        raise MaskError(
            "Segmentations of files with several frames aren't supported.", "Export PNG, NIfTI or COCO instead."
        )
    if (source.Columns, source.Rows) != mask.size:
        raise MaskError(
            f"The mask is {mask.width} x {mask.height} pixels, the DICOM image {source.Columns} x {source.Rows}.",
            "Open the image again and check that the file hasn't been replaced.",
        )
    painted = [r for r in mask.regions if mask.bounds(r.id) is not None]
    if not painted:
        raise MaskError("Nothing is painted, and a segmentation can't be empty.", "Paint a region first.")
    soft = any(not is_binary(mask.pixels(r.id)) for r in painted)
    fractional = soft if options.fractional is None else options.fractional
    planes = [mask.pixels(r.id) for r in painted]
    if fractional:
        stack: npt.NDArray[Any] = np.stack([p.astype(np.float32) / 255 for p in planes], axis=-1)
    else:
        stack = np.stack([(p >= 128).astype(np.uint8) for p in planes], axis=-1)
    segments = []
    for number, region in enumerate(painted, 1):
        segment = hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=region.name[:64],
            segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
            segmented_property_type=codes.DCM.SelectedRegion,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
            tracking_uid=hd.UID(),
            tracking_id=f"{region.name[:50]} {number}",
            display_color=hd.color.CIELabColor.from_rgb(*region.rgb),
        )
        segment.SegmentDescription = f"saliency weight {region.weight:g}"
        segments.append(segment)
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber"):
        if keyword not in source or not options.identity:  # type 2: highdicom wants them to be there
            setattr(source, keyword, "")
    if not options.identity:
        for keyword in ("StudyDate", "StudyTime", "ReferringPhysicianName"):
            setattr(source, keyword, "")
    if not all(float(v or 0) > 0 for v in source.get("PixelSpacing") or (0, 0)):
        source.pop("PixelSpacing", None)  # a size of zero would be copied
    kind = hd.seg.SegmentationTypeValues
    segmentation = hd.seg.Segmentation(
        source_images=[source],
        pixel_array=stack[None],
        segmentation_type=kind.FRACTIONAL if fractional else kind.BINARY,
        segment_descriptions=segments,
        series_instance_uid=hd.UID(),
        series_number=int(source.get("SeriesNumber") or 0) + 900,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="Divisive Desktop",
        manufacturer_model_name="Divisive Desktop",
        software_versions=divisive_desktop.__version__,
        device_serial_number="0",
        fractional_type=hd.seg.SegmentationFractionalTypeValues.OCCUPANCY,
        content_label="SALIENCY",
        content_description="Regions held important by a human reader",
        series_description="Saliency mask",
    )
    # highdicom leaves it out; PS3.3 C.7.6.1 wants it where no patient position says the same.
    segmentation.PatientOrientation = source.get("PatientOrientation") or None
    segmentation.SpecificCharacterSet = "ISO_IR 192"  # names of regions may be in any script
    buffer = io.BytesIO()
    segmentation.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue(), () if fractional else cut_note(mask, "A binary segmentation")


def decode(data: bytes, name: str, source_uid: str = "") -> Reading:
    """A mask from a DICOM segmentation (BINARY, FRACTIONAL or LABELMAP).

    Parameters
    ----------
    source_uid : str
        SOP Instance UID of the image at hand; needed when the object segments several images.

    Raises
    ------
    MaskError
        Not a segmentation, damaged, or not of this image.
    """
    try:
        dataset = read_dicom(io.BytesIO(data), force=False)
        if dataset.SOPClassUID not in _STORAGE:
            raise MaskError(f"{name} is a DICOM {dataset.SOPClassUID.name}, not a segmentation.", "Choose a SEG file.")
        width, height = int(dataset.Columns), int(dataset.Rows)
        check_pixels(width, height, name)
        if source_uid and source_uid not in _sources(dataset):
            raise MaskError(f"{name} segments another image.", "Open the image that it refers to.")
        count = int(dataset.get("NumberOfFrames", 1) or 1)
        if not 0 < count * width * height <= MOST_STAMPED:
            raise ValueError(f"it says that it holds {count:,} frames")
        frames = np.asarray(dataset.pixel_array).reshape(-1, height, width)
        return Reading(_mask(dataset, frames, name, source_uid))
    except (MaskError, MemoryError):
        raise
    except Exception as e:  # forged and damaged files find every hole in every decoder
        raise damaged(name, "a DICOM segmentation", e) from e


def _mask(dataset: Any, frames: npt.NDArray[Any], name: str, source_uid: str) -> Mask:
    height, width = frames.shape[1:]
    planes: dict[int, Pixels] = {}
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    label_map = dataset.SegmentationType == "LABELMAP"
    highest = int(dataset.MaximumFractionalValue) if dataset.SegmentationType == "FRACTIONAL" else 1
    for frame, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        if source_uid and source_uid not in (_sources(groups) or {source_uid}):
            continue
        if label_map:
            found = {int(v): to_bytes(frame == v) for v in np.unique(frame) if v}
        else:
            holder = groups if "SegmentIdentificationSequence" in groups else shared  # shared when there is only one
            number = int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            found = {number: to_bytes(frame.astype(np.float32) / highest)}
        if planes.keys() & found.keys():
            raise MaskError(
                f"{name} segments several images or slices.", "Open the image that it belongs to, then import it."
            )
        planes.update(found)
    mask = Mask(width, height)
    for segment in dataset.SegmentSequence:
        number = int(segment.SegmentNumber)
        if number == 0:  # the background of a label map
            continue
        stated = _WEIGHT.search(str(segment.get("SegmentDescription", "")))
        pixels = planes.get(number, np.zeros((1, 1), np.uint8))
        label = str(segment.get("SegmentLabel", "")).strip() or f"segment {number}"
        add_region(mask, pixels, label, _colour(segment), float(stated[1]) if stated else 1.0)
    return mask


def _sources(item: Any) -> set[str]:
    """SOP Instance UIDs of the images that a segmentation, or one frame of it, was made from."""
    found: set[str] = set()
    for series in item.get("ReferencedSeriesSequence", ()):
        found |= {str(i.ReferencedSOPInstanceUID) for i in series.get("ReferencedInstanceSequence", ())}
    for keyword in ("SourceImageSequence", "ReferencedImageSequence"):
        found |= {str(i.ReferencedSOPInstanceUID) for i in item.get(keyword, ())}
    for derivation in item.get("DerivationImageSequence", ()):
        found |= _sources(derivation)
    return found


def _colour(segment: Any) -> str:
    value = segment.get("RecommendedDisplayCIELabValue")
    if value is None:
        return ""
    try:
        from highdicom.color import CIELabColor
    except ImportError:
        return ""  # a colour of our own will do
    return "#{:02x}{:02x}{:02x}".format(*CIELabColor.from_dicom_value(list(value)).to_rgb())
