"""Many files -> patients, studies, series, in the order a radiologist expects; DICOMDIR."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from divisive_desktop.errors import DamagedImageError, ImageError, in_words
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.sniff import sniff_file

_TAGS = [
    "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyDate",
    "StudyTime", "StudyDescription", "AccessionNumber", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
    "Modality", "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "NumberOfFrames", "Rows", "Columns",
    "ViewPosition", "ImageLaterality", "Laterality", "BodyPartExamined",
]  # fmt: skip


@dataclass(frozen=True)
class Instance:
    """One file and where it belongs; texts are '' where the file doesn't say."""

    path: Path
    sop_uid: str = ""
    number: int | None = None
    frames: int = 1
    rows: int = 0
    columns: int = 0
    view: str = ""
    """View position and side, e.g. 'PA', 'MLO L'."""
    patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""
    study_uid: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    accession: str = ""
    series_uid: str = ""
    series_number: int | None = None
    series_description: str = ""
    modality: str = ""
    body_part: str = ""


@dataclass(frozen=True)
class Series:
    uid: str
    number: int | None
    modality: str
    description: str
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Study:
    uid: str
    date: str
    time: str
    description: str
    accession: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Patient:
    id: str
    name: str
    birth_date: str
    studies: tuple[Study, ...]


@dataclass(frozen=True)
class Collection:
    """What was found in a folder, a ZIP or a DICOM medium."""

    patients: tuple[Patient, ...]
    photographs: tuple[Path, ...]
    problems: tuple[tuple[Path, ImageError], ...] = ()
    """Files that can't be used, with the reason; the others aren't held up."""


def collect(paths: Iterable[str | os.PathLike[str]]) -> Collection:
    """Read the headers of files (see ``scan``) and group them.

    Parameters
    ----------
    paths : iterable of path
        Files; what is neither DICOM nor a photograph is passed over.

    Returns
    -------
    Collection
        DICOM objects without pixels are passed over too.
    """
    instances: list[Instance] = []
    photographs: list[Path] = []
    problems: list[tuple[Path, ImageError]] = []
    for path in map(Path, paths):
        kind = sniff_file(path)
        if kind == "photograph":
            photographs.append(path)
        elif kind == "dicom":
            try:
                instance = read_instance(path)
            except ImageError as exc:
                problems.append((path, exc))
            else:
                if instance.rows and instance.columns:
                    instances.append(instance)
    return Collection(group(instances), tuple(photographs), tuple(problems))


def read_instance(path: str | os.PathLike[str]) -> Instance:
    """Header of one DICOM file, without its pixels (about a millisecond).

    Raises
    ------
    DamagedImageError
        When it can't be read.
    """
    from divisive_desktop.imaging.dicom_file import read_dicom

    path = Path(path)
    try:
        with BoundedReader(path) as source:
            data = read_dicom(source, stop_before_pixels=True, specific_tags=list(_TAGS))
        sides = [_text(data, "ViewPosition"), _text(data, "ImageLaterality") or _text(data, "Laterality")]
        return Instance(
            path=path,
            sop_uid=_text(data, "SOPInstanceUID"),
            number=_number(data, "InstanceNumber"),
            frames=max(_number(data, "NumberOfFrames") or 1, 1),
            rows=_number(data, "Rows") or 0,
            columns=_number(data, "Columns") or 0,
            view=" ".join(side for side in sides if side),
            patient_id=_text(data, "PatientID"),
            patient_name=_text(data, "PatientName"),
            birth_date=_text(data, "PatientBirthDate"),
            study_uid=_text(data, "StudyInstanceUID"),
            study_date=_text(data, "StudyDate"),
            study_time=_text(data, "StudyTime"),
            study_description=_text(data, "StudyDescription"),
            accession=_text(data, "AccessionNumber"),
            series_uid=_text(data, "SeriesInstanceUID"),
            series_number=_number(data, "SeriesNumber"),
            series_description=_text(data, "SeriesDescription"),
            modality=_text(data, "Modality"),
            body_part=_text(data, "BodyPartExamined"),
        )
    except (ImageError, MemoryError):
        raise
    except Exception as exc:
        raise DamagedImageError(
            f"The header of {path.name} can't be read ({in_words(exc)}).", "Ask for the file again."
        ) from exc


def group(instances: Iterable[Instance]) -> tuple[Patient, ...]:
    """Patients by name, studies newest first, series and instances by number."""
    patients: dict[tuple[str, str], dict[str, dict[str, list[Instance]]]] = {}
    for item in instances:
        # The identifier names the patient; the name counts only where there is none.
        key = (item.patient_id, "" if item.patient_id else item.patient_name)
        patients.setdefault(key, {}).setdefault(item.study_uid, {}).setdefault(item.series_uid, []).append(item)
    found = [_patient(studies) for studies in patients.values()]
    return tuple(sorted(found, key=lambda patient: (patient.name.lower(), patient.id)))


def _patient(studies: dict[str, dict[str, list[Instance]]]) -> Patient:
    made = [_study(uid, series) for uid, series in studies.items()]
    made.sort(key=lambda study: (study.date, study.time), reverse=True)
    first = next(iter(next(iter(studies.values())).values()))[0]
    return Patient(first.patient_id, first.patient_name, first.birth_date, tuple(made))


def _study(uid: str, series: dict[str, list[Instance]]) -> Study:
    made = []
    for series_uid, items in series.items():
        items = sorted(items, key=lambda item: (_last(item.number), item.path.name))
        head = items[0]
        made.append(Series(series_uid, head.series_number, head.modality, head.series_description, tuple(items)))
    made.sort(key=lambda one: (_last(one.number), one.description, one.uid))
    first = made[0].instances[0]
    return Study(uid, first.study_date, first.study_time, first.study_description, first.accession, tuple(made))


def _last(number: int | None) -> tuple[bool, int]:
    return number is None, number or 0


def files_of_dicomdir(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Files that a DICOMDIR lists, as far as they exist, in its order; never outside its folder.

    Raises
    ------
    DamagedImageError
        When the DICOMDIR can't be read.
    """
    from divisive_desktop.imaging.dicom_file import read_dicom

    path = Path(path)
    try:
        with BoundedReader(path) as source:
            records = list(read_dicom(source).get("DirectoryRecordSequence") or [])
        references = [record.get("ReferencedFileID") for record in records]
    except (ImageError, MemoryError):
        raise
    except Exception as exc:
        raise DamagedImageError(
            f"The DICOM directory {path} can't be read ({in_words(exc)}).", "Open the folder that it lies in instead."
        ) from exc
    for reference in references:
        if not reference:
            continue
        parts = [reference] if isinstance(reference, str) else [str(part) for part in reference]
        found = _inside(path.parent, parts)
        if found is not None:
            yield found


def _inside(folder: Path, parts: list[str]) -> Path | None:
    """The file that components of a file ID name, upper or lower case; None when missing or out of bounds."""
    here = folder
    for part in parts:
        if not part or part in (".", "..") or any(sign in part for sign in "/\\:\0"):
            return None
        for name in (part, part.lower(), part.upper()):
            if (here / name).exists():
                here = here / name
                break
        else:
            return None
    return here if here.is_file() else None


def _text(data: Any, keyword: str) -> str:
    value = data.get(keyword)
    return "" if value is None else str(value).strip()


def _number(data: Any, keyword: str) -> int | None:
    from divisive_desktop.imaging.dicom_values import number

    value = number(data.get(keyword))
    return None if value is None else int(value)
