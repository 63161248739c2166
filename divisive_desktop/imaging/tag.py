"""One row of a file's metadata, wherever it was written: DICOM, EXIF, XMP, IPTC."""

from __future__ import annotations

from dataclasses import dataclass

MAX_VALUE = 2_000
"""Characters of a value that are kept."""


@dataclass(frozen=True)
class Tag:
    """One row of the panel."""

    group: str
    """Heading: 'Patient', 'Study', 'Image', 'Private', 'EXIF', 'GPS', 'XMP', 'IPTC'…"""
    tag: str
    """'(0010,0010)' for DICOM, the EXIF number or XMP path otherwise."""
    keyword: str
    """DICOM keyword or EXIF name; '' for what no dictionary knows."""
    name: str
    """For reading: 'Patient's Name'."""
    vr: str
    """DICOM value representation, '' elsewhere."""
    value: str
    """As text, cut to ``MAX_VALUE`` characters; bytes as their number."""
    depth: int = 0
    """How many sequences it lies in."""
    private: bool = False
    identifying: bool = False
    """May tell who the patient, the staff, the owner or the place is (PS3.15 basic profile; serial numbers, GPS)."""
