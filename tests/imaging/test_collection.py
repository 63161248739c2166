"""Folders, DICOM media and ZIP archives."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from divisive_desktop import errors
from divisive_desktop.imaging import open_image, scan
from divisive_desktop.imaging.archive import COMPLETE, ArchiveLimits, unpack
from divisive_desktop.imaging.collection import collect, files_of_dicomdir, read_instance

PIXELS = np.zeros((4, 4), np.uint8)


def test_files_are_grouped_and_sorted(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    def make(name: str, **attributes: object) -> Path:
        return make_dicom(PIXELS, name=name, **attributes)

    old = {"StudyDate": "20200101"}
    make("a", **old, PatientID="2", PatientName="Zett^A", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.1")
    make("b", **old, PatientID="1", PatientName="Adam^A", StudyInstanceUID="1.2", SeriesInstanceUID="1.2.1")
    new = {"PatientID": "1", "PatientName": "Adam^A", "StudyInstanceUID": "1.3", "StudyDate": "20240101"}
    make("c", **new, SeriesInstanceUID="1.3.2", SeriesNumber=2, InstanceNumber=1)
    make("d", **new, SeriesInstanceUID="1.3.1", SeriesNumber=1, InstanceNumber=10)
    make("e", **new, SeriesInstanceUID="1.3.1", SeriesNumber=1, InstanceNumber=9)
    make("f", **new, SeriesInstanceUID="1.3.1", SeriesNumber=1)
    Image.new("RGB", (3, 3)).save(tmp_path / "photo.png")
    (tmp_path / "notes.txt").write_text("x")
    found = collect(scan([tmp_path]))
    assert [patient.name for patient in found.patients] == ["Adam^A", "Zett^A"]
    adam = found.patients[0]
    assert [study.date for study in adam.studies] == ["20240101", "20200101"]
    series = adam.studies[0].series
    assert [one.number for one in series] == [1, 2]
    assert [item.path.name for item in series[0].instances] == ["e", "d", "f"]
    assert found.photographs == (tmp_path / "photo.png",)
    assert found.problems == ()


def test_an_instance_says_what_the_worklist_shows(rg1: Path) -> None:
    item = read_instance(rg1)
    assert (item.patient_name, item.modality, item.view) == ("CompressedSamples^RG1", "CR", "PA")
    assert (item.rows, item.columns, item.frames) == (1955, 1841, 1)


def test_objects_without_pixels_are_passed_over(sample: Callable[[str], Path]) -> None:
    found = collect([sample("reportsi.dcm"), sample("CT_small.dcm")])
    assert sum(len(one.instances) for p in found.patients for study in p.studies for one in study.series) == 1


def test_a_dicomdir_stands_for_its_files(sample: Callable[[str], Path]) -> None:
    directory = sample("DICOMDIR")
    listed = list(files_of_dicomdir(directory))
    assert len(listed) == 31
    assert list(scan([directory])) == listed
    found = collect(listed)
    # As dcmtk's and pydicom's own readings of this medium: three patients by identifier, 7 studies.
    records = dcmread(directory).DirectoryRecordSequence
    for kind, count in (
        ("PATIENT", len(found.patients)),
        ("STUDY", sum(len(p.studies) for p in found.patients)),
        ("SERIES", sum(len(s.series) for p in found.patients for s in p.studies)),
    ):
        assert sum(record.DirectoryRecordType == kind for record in records) == count, kind


def test_a_dicomdir_does_not_lead_out_of_its_folder(sample: Callable[[str], Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret.dcm"
    secret.write_bytes(sample("CT_small.dcm").read_bytes())
    medium = tmp_path / "medium"
    (medium / "images").mkdir(parents=True)
    (medium / "images" / "im1").write_bytes(secret.read_bytes())
    dataset = dcmread(sample("DICOMDIR"))
    leaves = [record for record in dataset.DirectoryRecordSequence if "ReferencedFileID" in record]
    leaves[0].ReferencedFileID = ["..", "secret.dcm"]
    leaves[1].ReferencedFileID = str(secret)
    leaves[2].ReferencedFileID = ["IMAGES", "IM1"]  # upper case on the medium, lower case on this disk
    dataset.save_as(medium / "DICOMDIR")
    assert list(files_of_dicomdir(medium / "DICOMDIR")) == [medium / "images" / "im1"]


def test_a_zip_is_unpacked_and_opened(rg1: Path, tmp_path: Path) -> None:
    archive = tmp_path / "study ü.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(rg1, "PAT/ST/IM1")
        out.write(rg1, "PAT/ST/im1")
        out.writestr("PAT/readme.txt", "hello")
        out.writestr("PAT/", "")
    found = list(scan([archive], unpack_to=tmp_path / "out"))
    assert [path.name for path in found] == ["IM1", "2-im1"]
    assert list(scan([archive], unpack_to=tmp_path / "out")) == found  # nothing is unpacked a second time
    assert open_image(found[0]).sha256 == open_image(rg1).sha256
    assert all((tmp_path / "out") in path.parents for path in found)
    assert list(scan([archive])) == [archive]
    with pytest.raises(errors.NotAnImageError, match="ZIP"):
        open_image(archive)


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", "C:\\evil", "..\\..\\evil", "a/../../evil", "nul", "...", "x\0y", "a" * 300]
)
def test_no_member_leaves_the_folder(name: str, tmp_path: Path, sample: Callable[[str], Path]) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr(zipfile.ZipInfo(name), sample("CT_small.dcm").read_bytes())
    out_folder = tmp_path / "deep" / "out"
    found = list(unpack(archive, out_folder))
    assert len(found) == 1
    assert out_folder.resolve() in found[0].resolve().parents
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != COMPLETE]
    assert sorted(written) == sorted([archive, found[0]])


def test_pictures_come_in_the_order_of_a_file_manager(tmp_path: Path, sample: Callable[[str], Path]) -> None:
    archive = tmp_path / "series.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for name in ("b/IM1", "IM10", "a/IM3", "IM2", ".hidden/IM1", "__MACOSX/._IM2"):
            out.write(sample("CT_small.dcm"), name)
    found = list(unpack(archive, tmp_path / "out"))
    inside = [path.relative_to(tmp_path / "out").parts[1:] for path in found]
    assert inside == [("IM2",), ("IM10",), ("a", "IM3"), ("b", "IM1")]


def test_an_archive_of_the_same_name_and_another_content_leaves_the_first_alone(
    tmp_path: Path, sample: Callable[[str], Path]
) -> None:
    archive = tmp_path / "today.zip"
    kept = []
    for name in ("CT_small.dcm", "MR_small.dcm"):
        with zipfile.ZipFile(archive, "w") as out:
            out.write(sample(name), "IM1")
        kept += list(unpack(archive, tmp_path / "out"))
        assert kept[-1].read_bytes() == sample(name).read_bytes()
    assert kept[0].read_bytes() == sample("CT_small.dcm").read_bytes()


def test_links_in_an_archive_are_passed_over(tmp_path: Path) -> None:
    archive = tmp_path / "link.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr(link, "/etc/passwd")
    assert list(unpack(archive, tmp_path / "out")) == []


def test_bombs_and_locked_and_broken_archives_are_refused(tmp_path: Path, sample: Callable[[str], Path]) -> None:
    archive = tmp_path / "bomb.zip"
    head = sample("CT_small.dcm").read_bytes()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("1", head)
        out.writestr("2", head + b"\0" * 20_000_000)
    small = ArchiveLimits(total_bytes=10_000_000)
    found = []
    with pytest.raises(errors.ArchiveError, match=r"would unpack to more than 10,000,000 bytes"):
        found.extend(unpack(archive, tmp_path / "out", small))  # what came before is there
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["1"]
    assert found == left
    with pytest.raises(errors.ArchiveError, match="holds a file of more than 10,000,000 bytes"):
        list(unpack(archive, tmp_path / "out1", ArchiveLimits(file_bytes=10_000_000)))
    with pytest.raises(errors.ArchiveError, match="more than 1 files"):
        list(unpack(archive, tmp_path / "out2", ArchiveLimits(files=1)))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(errors.ArchiveError, match=r"broken\.zip can't be unpacked"):
        list(scan([broken], unpack_to=tmp_path / "out3"))
    locked = bytearray(archive.read_bytes())
    at = locked.index(b"PK\1\2")
    locked[at + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(bytes(locked))
    with pytest.raises(errors.ArchiveError, match="protected by a password"):
        list(unpack(tmp_path / "locked.zip", tmp_path / "out4"))
