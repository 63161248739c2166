"""Formats that people try to open and that aren't read, known by their first bytes: so that a refusal can name them."""

from __future__ import annotations

from typing import NamedTuple


class ForeignFormat(NamedTuple):
    """A kind of file and what to do with one."""

    name: str
    """With its article: 'a PDF document'."""
    remedy: str


_PICTURE = "Save it as PNG, JPEG or TIFF with the program that made it, and open that."
_CAMERA = "Develop it to a TIFF of 16 bits or a JPEG with the camera's program, and open that."
_MEDICAL = "Export the radiograph as DICOM, or a picture of it as PNG or TIFF, and open that."
_ARCHIVE = "Unpack it, and open the folder."
_DOCUMENT = "Take the picture out of it (export it as PNG or JPEG), and open that."
_FILM = "Export single frames as PNG with a video program, and open those."
_DATA = "It holds numbers, not a picture: export a picture as PNG or TIFF."
_BRANDS = {
    b"heic": ("a HEIC picture", _PICTURE), b"heix": ("a HEIC picture", _PICTURE), b"mif1": ("a HEIF picture", _PICTURE),
    b"hevc": ("a HEIC sequence", _PICTURE), b"msf1": ("a HEIF sequence", _PICTURE),
    b"avif": ("an AVIF picture", _PICTURE), b"avis": ("an AVIF sequence", _PICTURE),
    b"crx ": ("a camera's raw file (Canon CR3)", _CAMERA), b"qt  ": ("a QuickTime video", _FILM),
}  # fmt: skip
"""Of ISO base media files: the bytes behind ``ftyp``."""

_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", _DOCUMENT),
    (b"%!PS", "a PostScript file", _PICTURE),
    (b"\xc5\xd0\xd3\xc6", "an EPS file", _PICTURE),
    (b"8BPS", "a Photoshop file (PSD)", _PICTURE),
    (b"gimp xcf", "a GIMP file (XCF)", _PICTURE),
    (b"\xff\x0a", "a JPEG XL picture", _PICTURE),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture", _PICTURE),
    (b"II\xbc\x01", "a JPEG XR picture", _PICTURE),
    (b"IIRO", "a camera's raw file (Olympus ORF)", _CAMERA),
    (b"IIRS", "a camera's raw file (Olympus ORF)", _CAMERA),
    (b"IIU\0", "a camera's raw file (Panasonic RW2)", _CAMERA),
    (b"FUJIFILMCCD-RAW", "a camera's raw file (Fujifilm RAF)", _CAMERA),
    (b"v/1\x01", "an OpenEXR picture", _PICTURE),
    (b"#?RADIANCE", "a Radiance HDR picture", _PICTURE),
    (b"SIMPLE  =", "a FITS file", _PICTURE),
    (b"\0\0\1\0", "an icon (ICO)", _PICTURE),
    (b"qoif", "a QOI picture", _PICTURE),
    (b"DDS ", "a DirectDraw texture (DDS)", _PICTURE),
    (b"FLIF", "a FLIF picture", _PICTURE),
    (b"BPG\xfb", "a BPG picture", _PICTURE),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF)", _PICTURE),
    (b"AT&TFORM", "a DjVu document", _DOCUMENT),
    (b"{\\rtf", "a Word document (RTF)", _DOCUMENT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Microsoft Office document", _DOCUMENT),
    (b"NRRD", "an NRRD volume", _MEDICAL),
    (b"ObjectType = Image", "a MetaImage header (MHD)", _MEDICAL),
    (b"\x5c\x01\0\0", "an Analyze or NIfTI volume", _MEDICAL),
    (b"\0\0\x01\x5c", "an Analyze or NIfTI volume", _MEDICAL),
    (b"\x1c\x02\0\0n+2\0", "a NIfTI-2 volume", _MEDICAL),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _DATA),
    (b"\x93NUMPY", "a NumPy array", _DATA),
    (b"MATLAB 5.0", "a MATLAB file", _DATA),
    (b"SQLite format 3\0", "a database (SQLite)", "If it is a casebook, open it with Casebook > Open."),
    (b"\x1f\x8b", "a compressed file (gzip)", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _ARCHIVE),
    (b"Rar!\x1a\7", "a RAR archive", _ARCHIVE),
    (b"BZh", "a compressed file (bzip2)", _ARCHIVE),
    (b"\xfd7zXZ\0", "a compressed file (xz)", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", "a compressed file (Zstandard)", _ARCHIVE),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video", _FILM),
    (b"\0\0\1\xba", "an MPEG video", _FILM),
    (b"\0\0\1\xb3", "an MPEG video", _FILM),
    (b"OggS", "an Ogg file", _FILM),
    (b"MZ", "a program for Windows", "Open a DICOM file, or a PNG, JPEG or TIFF picture."),
    (b"\x7fELF", "a program for Linux", "Open a DICOM file, or a PNG, JPEG or TIFF picture."),
)


def foreign_format(head: bytes) -> ForeignFormat | None:
    """The format that these first bytes (400 are enough) belong to; None for what isn't known, or is read."""
    if head[4:8] == b"ftyp":
        return ForeignFormat(*_BRANDS.get(head[8:12], ("a video (MP4)", _FILM)))
    if head[:4] == b"RIFF":
        kind = {b"AVI ": "a video (AVI)", b"WAVE": "a sound (WAV)"}.get(head[8:12], "a RIFF file of an unknown kind")
        return ForeignFormat(kind, _FILM)
    if head[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"PF") and head[2:3].isspace():
        return ForeignFormat("a Netpbm picture (PBM, PGM, PPM or PFM)", _PICTURE)
    if head[257:262] == b"ustar":
        return ForeignFormat("an archive (tar)", _ARCHIVE)
    if b"<svg" in head.lower():
        return ForeignFormat("a drawing (SVG)", _PICTURE)
    for start, name, remedy in _STARTS:
        if head.startswith(start):
            return ForeignFormat(name, remedy)
    return None
