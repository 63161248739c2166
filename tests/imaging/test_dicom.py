"""DICOM files of every kind -> values, windows, spacing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.display import default_voi, render

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def test_the_record_says_where_the_pixels_came_from(rg1: Path) -> None:
    image = open_image(rg1)
    assert image.sha256 == hashlib.sha256(rg1.read_bytes()).hexdigest()
    assert (image.width, image.height, image.bits_stored) == (1841, 1955, 15)
    assert image.kind == "radiograph"
    assert image.photometric == "MONOCHROME1"
    assert image.transfer_syntax == "1.2.840.10008.1.2.1"
    assert image.decoder.startswith("pydicom ")
    assert image.header["Modality"] == "CR"
    assert not image.lossy
    assert (image.stored == dcmread(rg1).pixel_array).all()


@pytest.mark.parametrize(
    ("compressed", "plain", "tolerance"),
    [
        ("RG1_J2KR.dcm", "RG1_UNCR.dcm", 0),
        ("RG1_J2KI.dcm", "RG1_UNCI.dcm", 0),
        ("MR_small_RLE.dcm", "MR_small.dcm", 0),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm", 0),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm", 0),
        ("MR_small_bigendian.dcm", "MR_small.dcm", 0),
        ("MR_small_implicit.dcm", "MR_small.dcm", 0),
        ("emri_small_RLE.dcm", "emri_small.dcm", 0),
        ("SC_rgb_rle.dcm", "SC_rgb.dcm", 0),
        ("SC_rgb_expb_16bit.dcm", "SC_rgb_16bit.dcm", 0),
        ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb.dcm", 0),
        ("US1_J2KR.dcm", "US1_UNCR.dcm", 0),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_ebcynp_dcmd.dcm", 3),
        ("SC_ybr_full_uncompressed.dcm", "SC_rgb.dcm", 8),
        ("OBXXXX1A_rle.dcm", "OBXXXX1A.dcm", 0),
    ],
)
def test_a_compressed_file_gives_the_pixels_of_its_uncompressed_twin(
    compressed: str, plain: str, tolerance: int, sample: Callable[[str], Path]
) -> None:
    one, other = open_image(sample(compressed)), open_image(sample(plain))
    assert one.stored.dtype == other.stored.dtype
    assert np.abs(one.stored.astype(int) - other.stored.astype(int)).max() <= tolerance


# High-throughput JPEG 2000 of a 16 x 20 pattern, lossless, 12 bits (OpenJPH 0.26).
HTJ2K = """
/0//UQApQAAAAAAUAAAAEAAAAAAAAAAAAAAAFAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCI
kJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAARoAAf+TwAAmYfsFB3QAwAATAAD4Awd0AMAA
EsAAE0AAEoD5AEd0AHQ9AGI0APIAh3QAwAATwAAVkAAE4ACV/gAClAAAuoServsAAAG9lgCCvxQAI5QAwAAWlAABasAAFpglA4Sh
MJaWMFiYgp4I4xfTWACDGYIpuDGbr0QA/oCTBgkbAOQDWgAXoIlUZWTsqrBN/LmgjiG8AFgAwAAungABdNAAC3i2LhRHP8HFr+tV
FCKDAhD3lbHEvS+GQ/LuQJ2hfw9Jhi70AXCCfwDiVkxZxbr8tSrEHSSoYB9UdCHOVkAh/vsKXuSwQNly/voRzAC/ABDYfX2/DgJx
L8FfLsD6YBoIrliEYgfAE54B2IJxAf/Z
"""


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"])
def test_high_throughput_jpeg_2000(syntax: str, make_dicom: Callable[..., Path]) -> None:
    y, x = np.mgrid[:16, :20]
    wanted = (x * 60 + y * 17 + (x * y) % 97) % 4096
    data = encapsulate([base64.b64decode(HTJ2K)])
    path = make_dicom(wanted.astype(np.uint16), syntax=syntax, BitsStored=12, HighBit=11, PixelData=data)
    image = open_image(path)
    assert (image.stored == wanted).all()
    assert image.transfer_syntax == syntax
    assert image.decoder.startswith("pylibjpeg-openjpeg")


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless, JPEG2000Lossless, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_what_is_written_losslessly_is_read_back(
    syntax: UID, dtype: Any, make_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    low = -300 if np.dtype(dtype).kind == "i" else 0
    values = np.random.default_rng(0).integers(low, 250, (70, 81)).astype(dtype)
    dataset = dcmread(make_dicom(values))
    if syntax.is_encapsulated:
        dataset.compress(syntax)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(tmp_path / "packed.dcm")
    image = open_image(tmp_path / "packed.dcm")
    assert (image.stored == values).all()
    assert not image.lossy


def test_all_transfer_syntaxes_of_the_sample_files_open(sample: Callable[[str], Path]) -> None:
    names = ["image_dfl.dcm", "JPGExtended.dcm", "JPEG-LL.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm", "ExplVR_BigEnd.dcm"]
    names += ["JPEGLSNearLossless_16.dcm", "JPEG2000.dcm", "SC_rgb_small_odd_jpeg.dcm", "SC_rgb_gdcm_KY.dcm"]
    for name in names:
        image = open_image(sample(name))
        assert render(image).std() > 1, name
        assert image.decoder


def test_bits_that_are_not_stored_are_ignored(make_dicom: Callable[..., Path]) -> None:
    dirty = RAMP | 0xF000  # an old overlay in the unused bits
    image = open_image(make_dicom(dirty, BitsStored=12, HighBit=11))
    assert (image.stored == RAMP).all()


def test_signed_twelve_bit_values_are_sign_extended(make_dicom: Callable[..., Path]) -> None:
    values = np.arange(-128, 128, dtype=np.int16).reshape(16, 16)
    image = open_image(make_dicom(values & 0x0FFF, BitsStored=12, HighBit=11, PixelRepresentation=1))
    assert (image.stored == values).all()


def test_rescale_gives_modality_values(make_dicom: Callable[..., Path]) -> None:
    image = open_image(make_dicom(RAMP, RescaleSlope=2, RescaleIntercept=-1024, RescaleType="HU"))
    assert (image.pixels == RAMP * 2.0 - 1024).all()
    assert image.modality.type == "HU"


def test_modality_lut_of_a_real_file_agrees_with_pydicom(sample: Callable[[str], Path]) -> None:
    path = sample("mlut_18.dcm")
    dataset = dcmread(path)
    assert (open_image(path).pixels == apply_modality_lut(dataset.pixel_array, dataset)).all()


def test_all_windows_and_luts_are_offered_with_their_explanations(
    make_dicom: Callable[..., Path], lut: Callable[..., Dataset]
) -> None:
    path = make_dicom(
        RAMP,
        WindowCenter=[2048, 500],
        WindowWidth=[4096, 300],
        WindowCenterWidthExplanation=["NORMAL", "HARDER"],
        VOILUTSequence=[lut([3, 0, 12], [0, 2000, 4095], "SOFT")],
    )
    image = open_image(path)
    assert [voi.explanation for voi in image.voi] == ["SOFT", "NORMAL", "HARDER", "Auto", "Full range"]
    assert image.voi[0].lut_range == (0, 4095)
    assert (image.voi[2].center, image.voi[2].width, image.voi[2].kind) == (500, 300, "linear")


@pytest.mark.parametrize(
    ("function", "kind"), [("LINEAR_EXACT", "linear_exact"), ("SIGMOID", "sigmoid"), ("LINEAR", "linear")]
)
def test_the_voi_function_is_respected(function: str, kind: str, make_dicom: Callable[..., Path]) -> None:
    image = open_image(make_dicom(RAMP, WindowCenter=2000, WindowWidth=1000, VOILUTFunction=function))
    assert default_voi(image).kind == kind


def test_a_broken_window_or_lut_is_left_out_and_said(
    make_dicom: Callable[..., Path], lut: Callable[..., Dataset]
) -> None:
    broken = lut([3000, 0, 12], [0])
    image = open_image(make_dicom(RAMP, WindowCenter=10, WindowWidth=0, VOILUTSequence=[broken]))
    assert default_voi(image).explanation == "Auto"
    assert len(image.notes) == 2


def test_eight_bit_pictures_without_a_window_show_their_full_range(make_dicom: Callable[..., Path]) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (render(open_image(make_dicom(values))) == values).all()


def test_padding_is_known_and_left_out_of_auto(make_dicom: Callable[..., Path]) -> None:
    values = RAMP.copy()
    values[:8] = 60000
    image = open_image(make_dicom(values, PixelPaddingValue=60000))
    assert image.padding == (60000, 60000)
    assert default_voi(image).center < 4096


@pytest.mark.parametrize(
    ("attributes", "calibration", "row_mm", "source"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.1]}, "detector", 0.2, "ImagerPixelSpacing"),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.2, 0.2]}, "detector", 0.2, "PixelSpacing"),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.18, 0.18]}, "calibrated", 0.18, "PixelSpacing"),
        ({"PixelSpacing": [0.18, 0.18], "PixelSpacingCalibrationType": "FIDUCIAL"}, "calibrated", 0.18, "PixelSpacing"),
        ({"PixelSpacing": [0.18, 0.18]}, "unknown", 0.18, "PixelSpacing"),
        ({"PixelSpacing": [0.5, 0.5], "Modality": "CT"}, "patient", 0.5, "PixelSpacing"),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, "detector", 0.1, "NominalScannedPixelSpacing"),
    ],
)
def test_a_millimetre_says_what_it_refers_to(
    attributes: dict[str, Any], calibration: str, row_mm: float, source: str, make_dicom: Callable[..., Path]
) -> None:
    spacing = open_image(make_dicom(RAMP, **attributes)).spacing
    assert spacing is not None
    assert (spacing.calibration, spacing.row_mm, spacing.source) == (calibration, row_mm, source)


def test_no_spacing_is_no_spacing(make_dicom: Callable[..., Path]) -> None:
    assert open_image(make_dicom(RAMP)).spacing is None
    assert open_image(make_dicom(RAMP, PixelSpacing=[0, 0])).spacing is None


def test_pixel_aspect_is_height_over_width(make_dicom: Callable[..., Path]) -> None:
    assert open_image(make_dicom(RAMP, PixelAspectRatio=["4", "3"])).pixel_aspect == pytest.approx(4 / 3)
    assert open_image(make_dicom(RAMP, ImagerPixelSpacing=[0.1, 0.2])).pixel_aspect == pytest.approx(0.5)


def test_orientation_letters(make_dicom: Callable[..., Path]) -> None:
    assert open_image(make_dicom(RAMP, PatientOrientation=["L", "F"])).orientation == ("L", "F")
    axial = [1, 0, 0, 0, 1, 0]
    assert open_image(make_dicom(RAMP, ImageOrientationPatient=axial)).orientation == ("L", "P")
    oblique = [0.8, 0.6, 0, 0, 0, -1]
    assert open_image(make_dicom(RAMP, ImageOrientationPatient=oblique)).orientation == ("LP", "F")


def test_frames_are_opened_one_by_one(sample: Callable[[str], Path]) -> None:
    whole = dcmread(sample("emri_small.dcm")).pixel_array
    for index in (0, 4, 9):
        image = open_image(sample("emri_small.dcm"), frame=index)
        assert (image.frame, image.frames) == (index, 10)
        assert (image.stored == whole[index]).all()


def test_palettes_become_rgb(sample: Callable[[str], Path]) -> None:
    image = open_image(sample("examples_palette.dcm"))
    assert image.is_colour
    assert image.photometric == "RGB"


def test_files_without_preamble_or_meta_open(sample: Callable[[str], Path], tmp_path: Path) -> None:
    dataset = dcmread(sample("MR_small_implicit.dcm"))
    bare = tmp_path / "bare"
    plain = Dataset(dataset)
    plain.save_as(bare, implicit_vr=True, little_endian=True)
    assert bare.read_bytes()[:2] == b"\x08\x00"
    image = open_image(bare)
    assert (image.stored == dataset.pixel_array).all()
    assert any("transfer syntax" in note for note in image.notes)


def test_the_same_pixels_tagged_monochrome1_show_inverted(shared_data: Path) -> None:
    plain = open_image(shared_data / "dicom" / "siim_cr_jpeg_baseline.dcm")
    inverted = open_image(shared_data / "dicom" / "siim_cr_jpeg_monochrome1.dcm")
    assert (render(inverted) == 255 - render(plain)).all()
    assert plain.lossy


def test_a_multi_frame_file_that_changes_is_read_again(make_dicom: Callable[..., Path]) -> None:
    frames = np.stack([np.full((8, 8), n, np.uint16) for n in (1, 2, 3)])
    path = make_dicom(frames[0], NumberOfFrames=3, PixelData=frames.tobytes())
    first = open_image(path, frame=1)
    assert (first.stored == 2).all()
    path = make_dicom(frames[0], NumberOfFrames=3, PixelData=(frames + 5).tobytes())
    again = open_image(path, frame=1)
    assert (again.stored == 7).all()
    assert again.sha256 != first.sha256
    assert again.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_colour_photograph_in_dicom_is_a_photograph(make_dicom: Callable[..., Path]) -> None:
    rgb = np.random.default_rng(0).integers(0, 4096, (8, 8, 3)).astype(np.uint16)
    image = open_image(make_dicom(rgb, Modality="XC", BitsStored=12, HighBit=11))
    assert image.kind == "photograph"
    assert (render(image) == np.rint(rgb * (255 / 4095))).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"])
def test_bits_above_bits_stored_are_ignored(
    make_dicom: Callable[..., Path], dtype: type[np.integer[Any]], syntax: str
) -> None:
    values = np.arange(-8, 8).reshape(4, 4) if dtype is np.int16 else np.arange(16).reshape(4, 4) + 4000
    dirty = (values.astype(np.int32) & 0x0FFF | 0xA000).astype(np.uint16).view(dtype)
    path = make_dicom(dirty, BitsStored=12, HighBit=11)
    if syntax.endswith(".5"):
        dataset = dcmread(path)
        dataset.compress(syntax)
        dataset.save_as(path)
    record = open_image(path)
    np.testing.assert_array_equal(record.stored, values & 0x0FFF if dtype is np.uint16 else values)
    assert record.stored.dtype == dtype
