from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from divisive_desktop import RESEARCH_USE
from divisive_desktop.errors import ReportError
from divisive_desktop.explanation.features import important_features
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.reporting.build import build_case, build_report
from divisive_desktop.reporting.deid import Deidentifier
from divisive_desktop.reporting.dicom_export import DicomCase, as_in_file, dicom_objects, export_dicom
from divisive_desktop.reporting.dicom_source import read_source
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.seal import check
from divisive_desktop.reporting.verify import read_content, verify_file
from tests.reporting.conftest import Analysed

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KINDS = {"sr", "seg", "pm", "sc", "pdf"}


def write(
    analysed: Analysed, folder: Path, deidentify: bool = True, conclusion: str = "None.", **options: object
) -> dict[str, Path]:
    """The objects of a report on one case with a mask, as files by name."""
    record, analysis, features, card = analysed
    chosen = Options(deidentify=deidentify)
    mask = np.zeros((record.height, record.width), np.float32)
    mask[record.height // 4 : record.height // 2, 30:130] = 1
    case = build_case(
        record,
        analysis,
        features,
        card,
        chosen,
        mask=mask,
        conclusion="Γνώμη 意見",
        analyst="A",
        side=200,
    )
    report = build_report([case], chosen)
    made = export_dicom(report, DicomCase(record, analysis, features, None, mask), folder, "r", **options)  # type: ignore[arg-type]
    return {p.stem.removeprefix("r-"): p for p in made}


def altered(analysed: Analysed, folder: Path, syntax: str = "", **attributes: object) -> Analysed:
    """The same analysis on a small part of the radiograph whose header was changed."""
    record, analysis, _, card = analysed
    source = pydicom.dcmread(record.path)
    source.PixelData = source.pixel_array[:300, :240].tobytes()
    source.Rows, source.Columns = 300, 240
    for keyword, value in attributes.items():
        if value is None:
            del source[keyword]
        else:
            setattr(source, keyword, value)
    if syntax:
        source.file_meta.TransferSyntaxUID = syntax
    path = folder / "source.dcm"
    source.save_as(path, enforce_file_format=True)
    small = open_image(path)
    recipe = {**analysis.preprocessing, "region": [0, 0, 240, 300]}
    fitting = replace(
        analysis, sha256=small.sha256, image_size=(240, 300), region=(0, 0, 240, 300), preprocessing=recipe
    )
    features = important_features(fitting.divergence(fitting.predicted), (240, 300), (0, 0, 240, 300))
    return small, fitting, features, card


def tool(*command: str | Path) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace", check=False)
    return f"{done.stdout}{done.stderr}\nexit {done.returncode}"


def errors(path: Path) -> list[str]:
    return [line for line in tool("dciodvfy", path).splitlines() if line.startswith(("Error", "Abort"))]


def test_objects_hold_what_was_found_and_nobody_s_name(analysed: Analysed, tmp_path: Path) -> None:
    record, analysis, features, _ = analysed
    files = write(analysed, tmp_path)
    assert set(files) == {*KINDS, "image"}
    source = pydicom.dcmread(record.path)
    sets = {name: pydicom.dcmread(path) for name, path in files.items()}
    for name, d in sets.items():
        data = files[name].read_bytes()
        assert RESEARCH_USE.encode() in data
        for secret in ("CompressedSamples", "9RG1", "Hamburg", source.StudyInstanceUID, source.SOPInstanceUID):
            assert secret.encode() not in data, (name, secret)
        assert d.PatientIdentityRemoved == "YES"
        assert d.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert (d.StudyInstanceUID, d.PatientID) == (sets["sr"].StudyInstanceUID, sets["sr"].PatientID)
    image = sets["image"]
    assert (image.pixel_array == source.pixel_array).all()
    referred = sets["pm"].SharedFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
    assert referred.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert sets["sc"].SourceImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert sets["sc"].ImageType[0] == "DERIVED"
    # no statement in the source: text may be burned into its pixels
    assert sets["sc"].BurnedInAnnotation == "YES"

    segments = hd.seg.segread(files["seg"])
    assert segments.number_of_segments == len(features.features) + 1
    drawn = segments.pixel_array
    assert drawn[-1].sum() == 100 * (record.height // 2 - record.height // 4)
    assert (np.any(drawn[:-1], axis=0) == features.mask().astype(bool)).all()

    true, false, divergence = sets["pm"].pixel_array
    assert np.allclose(true - false, divergence, atol=1e-5)
    cam = analysis.cams[analysis.predicted]
    assert true.dtype == np.float32
    assert true.min() >= cam.min() - 1e-5
    assert abs(float(true.mean()) + analysis.bias[analysis.predicted] - analysis.logits[analysis.predicted]) < 0.05
    assert [f.FrameContentSequence[0].FrameLabel for f in sets["pm"].PerFrameFunctionalGroupsSequence] == [
        "CAM_TRUE", "CAM_FALSE", "DIVERGENCE",
    ]  # fmt: skip


def test_structured_report_tells_the_verdict(analysed: Analysed, tmp_path: Path) -> None:
    record, analysis, features, _ = analysed
    content = hd.sr.srread(write(analysed, tmp_path, deidentify=False)["sr"]).content
    regions = content.get_planar_roi_measurement_groups()
    assert len(regions) == len(features.features) > 0
    for region, feature in zip(regions, features.features, strict=True):
        points = region.roi.value
        assert (points[0] == points[-1]).all()
        assert (points[:, 0] <= record.width).all()
        assert np.allclose(points[0], feature.contour[0] + 0.5)
    (answer,) = content.get_image_measurement_groups()
    values = {m.name.value: m.value for m in answer.get_measurements()}
    assert values["probability"] == pytest.approx(analysis.probability, abs=1e-5)
    said = {e.name.value: e.value.meaning for e in answer.get_qualitative_evaluations()}
    assert said["answer"] == "Undecided"
    assert said["nearer"] == analysis.model.classes[analysis.predicted]


def test_validators_and_independent_readers_agree(analysed: Analysed, tmp_path: Path) -> None:
    files = write(analysed, tmp_path)
    for name, path in files.items():
        found = errors(path)
        # Even where something was wrong with the radiograph before: a pixel spacing of zero.
        assert not found, (name, found)
        assert "exit 0" in tool("dcmdump", "-q", path)
    said = tool("dsrdump", "+Pl", files["sr"])
    assert analysed[1].model.weights_sha256 in said
    assert "exit 0" in said
    for name in ("sc", "seg", "image"):
        assert "exit 0" in tool("dcm2pnm", files[name], tmp_path / f"{name}.pnm")
        assert (tmp_path / f"{name}.pnm").stat().st_size > 10_000
    if shutil.which("dcmdrle"):
        assert "exit 0" in tool("dcm2pdf", files["pdf"], tmp_path / "report.pdf")
        assert verify_file(tmp_path / "report.pdf").ok  # taken out, the report's own seal still holds


def test_a_changed_byte_in_any_file_is_found(analysed: Analysed, tmp_path: Path) -> None:
    for key in (None, KEY):
        for path in write(altered(analysed, tmp_path), tmp_path, key=key).values():
            data = path.read_bytes()
            whole = verify_file(path)
            assert whole.ok, whole.as_text()
            token = data.rindex(b"divisive-seal:")
            positions = [*range(0, 200, 5), *range(200, len(data), max(1, len(data) // 60)), len(data) - 1]
            positions += [*range(token, token + 276, 7)]
            for position in positions:
                changed = bytearray(data)
                changed[position] ^= 1
                result = check(bytes(changed))
                intact = result.found and result.intact and result.signed == (key is not None)
                assert not (intact and (result.signature_valid or key is None)), (path.name, position)
            for other in (data[:-1], data[1:], data + b"\0\0", data[: token - 7] + data[token - 6 :]):
                path.write_bytes(other)
                assert not verify_file(path).ok, path.name
            path.unlink()


def test_content_can_be_checked_from_every_object(analysed: Analysed, tmp_path: Path) -> None:
    for path in write(analysed, tmp_path, conclusion="Γνώμη 意見").values():
        content = read_content(path.read_bytes())
        assert content is not None
        assert content["cases"][0]["conclusion"] == "Γνώμη 意見"
        found = verify_file(path, analysed[0].path)
        assert any("is the image of this report" in f.what for f in found.findings)
        assert any("maps and the logits agree" in f.what for f in found.findings)


def test_identified_objects_join_the_study(analysed: Analysed, tmp_path: Path) -> None:
    source = pydicom.dcmread(analysed[0].path, stop_before_pixels=True)
    files = write(analysed, tmp_path, deidentify=False)
    assert set(files) == KINDS  # the radiograph itself is there already
    for name, path in files.items():
        d = pydicom.dcmread(path)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
            assert d[keyword].value == source[keyword].value, (name, keyword)
        assert d.SeriesInstanceUID != source.SeriesInstanceUID
        assert "PatientIdentityRemoved" not in d
        assert not errors(path)
    assert "exit 0" in tool("dcentvfy", analysed[0].path, *files.values())


NAMES = [
    ("ISO_IR 100", "Äneas^Rüdiger^von^Dr."),
    ("ISO_IR 126", "Διονυσιος"),
    ("ISO_IR 127", "قباني^لنزار"),
    ("ISO_IR 144", "Люкceмбypг"),
    ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    ("GB18030", "Wang^XiaoDong=王^小东"),
]


@pytest.mark.parametrize(("characters", "name"), NAMES, ids=[str(c) for c, _ in NAMES])
def test_names_of_all_character_sets(
    analysed: Analysed, tmp_path: Path, characters: str | list[str], name: str
) -> None:
    source = altered(analysed, tmp_path, SpecificCharacterSet=characters, PatientName=name, StudyDescription=None)
    files = write(source, tmp_path, deidentify=False)
    for path in files.values():
        assert str(pydicom.dcmread(path).PatientName) == name
        assert not errors(path)
        assert verify_file(path).ok
    hidden = tmp_path / "hidden"
    for path in write(source, hidden).values():
        assert str(pydicom.dcmread(path).PatientName).startswith("ANON^")
        for part in name.replace("=", "^").split("^"):
            assert len(part) < 3 or part.encode() not in path.read_bytes()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_every_transfer_syntax_can_be_sealed(analysed: Analysed, tmp_path: Path, syntax: str) -> None:
    source = altered(analysed, tmp_path, syntax)
    files = write(source, tmp_path)
    assert verify_file(files["image"]).ok
    assert (pydicom.dcmread(files["image"]).pixel_array == source[0].stored).all()


@pytest.mark.filterwarnings("ignore:Invalid value", "ignore:The value length")
def test_odd_headers_do_no_harm(analysed: Analysed, tmp_path: Path) -> None:
    odd = {
        "PatientBirthDate": "3rd of May", "PatientSex": "unknown", "StudyTime": "noon", "PatientID": None,
        "AccessionNumber": "A" * 40, "PatientOrientation": None, "TimezoneOffsetFromUTC": "CET", "Modality": None,
    }  # fmt: skip
    for deidentify in (True, False):
        files = write(altered(analysed, tmp_path, **odd), tmp_path / str(deidentify), deidentify)
        assert all(verify_file(path).ok for path in files.values())


def test_a_segmentation_with_a_spacing_is_read_by_others(analysed: Analysed, tmp_path: Path) -> None:
    source = altered(analysed, tmp_path, ImagerPixelSpacing=["0.14", "0.15"])
    segments = hd.seg.segread(write(source, tmp_path)["seg"])
    assert list(segments.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing) == [0.14, 0.15]
    assert segments.number_of_segments >= 1


def test_one_patient_stays_one_patient(analysed: Analysed, tmp_path: Path) -> None:
    shared = Deidentifier("shift")
    first, second = (write(analysed, tmp_path / str(n), deidentifier=shared)["sr"] for n in (1, 2))
    ids = [(d.PatientID, d.StudyInstanceUID, d.StudyDate) for d in map(pydicom.dcmread, (first, second))]
    assert ids[0] == ids[1]
    assert ids[0][2] not in ("", "20040826")


def test_faces_are_pixelated_in_the_overlay(analysed: Analysed) -> None:
    record, analysis, features, card = analysed
    report = build_report([build_case(record, analysis, features, card, Options(), side=200)], Options())
    made_from = DicomCase(record, analysis, features)
    plain = dicom_objects(report, made_from)["sc"].pixel_array
    hidden = dicom_objects(report, replace(made_from, faces=((600, 600, 500, 500),)))["sc"].pixel_array
    assert plain.shape == hidden.shape
    assert 0.005 < np.any(plain != hidden, axis=2).mean() < 0.3


def test_bad_sources_are_refused_with_a_remedy(analysed: Analysed, tmp_path: Path) -> None:
    record, *rest = analysed
    for wrong, said in (
        (replace(record, transfer_syntax=""), "not a DICOM file"),
        (replace(record, frames=3), "3 frames"),
        (altered(analysed, tmp_path, StudyInstanceUID="1.02.x")[0], "no valid StudyInstanceUID"),
    ):
        other = (wrong, replace(rest[0], sha256=wrong.sha256), rest[1], rest[2])
        with pytest.raises(ReportError, match=said) as raised:
            write(other, tmp_path / "out")
        assert raised.value.remedy
        assert not (tmp_path / "out").exists()


def test_an_original_changed_or_gone_blocks_the_export(analysed: Analysed, tmp_path: Path) -> None:
    source = altered(analysed, tmp_path)
    path = source[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ReportError, match="has changed"):
        write(source, tmp_path / "out")
    path.unlink()
    with pytest.raises((ReportError, FileNotFoundError)):
        write(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_and_a_full_folder_is_said(analysed: Analysed, tmp_path: Path) -> None:
    source = altered(analysed, tmp_path)
    first = write(source, tmp_path)
    before = {path: path.read_bytes() for path in first.values()}
    second = write(source, tmp_path)
    assert not set(first.values()) & set(second.values())
    assert all(path.read_bytes() == data for path, data in before.items())
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(ReportError, match="folder"):
        write(source, blocked)


@pytest.mark.parametrize("mend", ["turn-left+invert", "mirror", "turn-over"])
def test_objects_of_a_mended_radiograph_fit_the_file(analysed: Analysed, tmp_path: Path, mend: str) -> None:
    record, analysis, features, card = altered(analysed, tmp_path)
    correction = Correction.parse(mend)
    made = replace(
        analysis, cams=np.stack([correction.pixels(cells) for cells in analysis.cams]),
        image_size=correction.size(*analysis.image_size),
        region=correction.box(analysis.region, *analysis.image_size),
        preprocessing={
            **analysis.preprocessing, "correction": mend,
            "region": list(correction.box(analysis.region, *analysis.image_size)),
        },
    )  # fmt: skip
    seen = corrected(record, correction)
    mask = np.zeros((300, 240), np.float32)
    mask[20:90, 30:130] = 1
    found = important_features(
        made.divergence(made.predicted), made.image_size, made.region, spacing=seen.spacing
    )
    back = as_in_file(DicomCase(seen, made, found, None, correction.pixels(mask)))
    assert back.record.stored.shape == (300, 240)
    assert np.array_equal(back.mask, mask)  # type: ignore[arg-type]
    assert np.array_equal(back.analysis.cams, analysis.cams)
    assert back.analysis.region == analysis.region
    assert np.array_equal(back.features.mask(), features.mask())

    content = build_case(seen, made, found, card, Options(), mask=correction.pixels(mask), side=200)
    report = build_report([content], Options())
    written = export_dicom(report, DicomCase(seen, made, found, None, correction.pixels(mask)), tmp_path / "out", "r")
    sets = {path.stem.removeprefix("r-"): pydicom.dcmread(path) for path in written}
    assert np.array_equal(hd.seg.segread(tmp_path / "out" / "r-seg.dcm").pixel_array[-1], mask)
    assert (sets["pm"].Rows, sets["pm"].Columns) == (300, 240)
    assert (sets["image"].pixel_array == pydicom.dcmread(record.path).pixel_array).all()
    words = correction.words
    assert words in sets["sc"].DerivationDescription
    assert any(words in str(item.get("TextValue", "")) for item in sets["sr"].ContentSequence)
    points = [
        value for item in sets["sr"].iterall() if item.keyword == "GraphicData" for value in item.value
    ]  # fmt: skip
    assert max(points[::2]) <= 240
    assert max(points[1::2]) <= 300
    for path in written:  # measurements and maps are made again from the content, and turned back
        checked = verify_file(path)
        assert checked.ok, checked.as_text()


def test_private_elements_of_the_source_stay_out(analysed: Analysed, tmp_path: Path) -> None:
    source = altered(analysed, tmp_path)
    d: Dataset = pydicom.dcmread(source[0].path)
    d.private_block(0x0055, "ACME", create=True).add_new(1, "LO", "Secret")
    d.save_as(source[0].path)
    record = open_image(source[0].path)
    for path in write((record, replace(source[1], sha256=record.sha256), *source[2:]), tmp_path).values():
        assert b"ACME" not in path.read_bytes()
        assert b"Secret" not in path.read_bytes()


@pytest.mark.parametrize(
    "name",
    ["siim_cr_jpeg_baseline", "siim_cr_jpeg_monochrome1", "nih_dx_implicit_le", "vlut_04", "mlut_18", "RG1_J2KI"],
)
def test_copies_of_real_files_are_whole(name: str, shared_data: Path, tmp_path: Path) -> None:
    record = open_image(shared_data / "dicom" / f"{name}.dcm")
    image = read_source(record, Deidentifier()).image
    assert image is not None
    copy = tmp_path / "copy.dcm"
    image.save_as(copy, enforce_file_format=True)
    assert not errors(copy)
    assert (pydicom.dcmread(copy).pixel_array == pydicom.dcmread(record.path).pixel_array).all()


@pytest.mark.parametrize("frame", ["1.2.3.4", None])
def test_a_slice_that_was_asked_about_anyway_is_marked_in_every_object(
    analysed: Analysed, tmp_path: Path, frame: str | None
) -> None:
    """Nobody's radiograph: its objects need its frame of reference, and say what they are."""
    slices = "1.2.840.10008.5.1.4.1.1.2"
    made = altered(analysed, tmp_path, Modality="CT", SOPClassUID=slices, FrameOfReferenceUID=frame or "1.2.3")
    record, analysis, features, card = made
    if frame is None:
        source = pydicom.dcmread(record.path)
        del source.FrameOfReferenceUID
        source.save_as(record.path)
        record = open_image(record.path)
        analysis = replace(analysis, sha256=record.sha256)
    asked = replace(analysis, scope=ScopeCheck("out_of_scope", ("CT, not a radiograph",), asked_anyway=True))
    if frame is None:
        with pytest.raises(ReportError, match="FrameOfReferenceUID"):
            write((record, asked, features, card), tmp_path / "out")
        return
    files = write((record, asked, features, card), tmp_path / "out")
    for name in ("seg", "pm", "sc", "sr", "pdf"):
        said = pydicom.dcmread(files[name])
        assert "asked although out of scope" in said.SeriesDescription, name
        assert name in ("sr", "pdf") or "out of scope" in said.ImageComments
