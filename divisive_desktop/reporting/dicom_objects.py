"""Pictures, maps, masks and documents of a report as DICOM objects: SEG, Parametric Map, Secondary Capture, PDF."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from divisive_desktop import RESEARCH_USE, __version__
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.reporting.dicom_source import DicomSource

SCHEME = "99DIVISIVE"
"""Coding scheme of what DICOM, SNOMED and UCUM have no code for; its meanings are in `CODES`."""
CODES = {
    "divergence": "Divergence of the class activation maps",
    "feature": "Important feature of the divergence map",
    "mask": "Saliency mask painted by an analyst",
    "probability": "Probability of the positive class",
    "logit": "Logit",
    "share": "Share of the absolute divergence",
    "mean-divergence": "Mean divergence",
    "agreement": "Share of the squared divergence inside the mask",
    "answer": "Answer of the model",
    "undecided": "Undecided",
    "nearer": "Nearer class; the model does not decide",
    "label": "Class held true by the analyst",
    "favours": "Class that the feature argues for",
    "question": "Question asked to the model",
}
MANUFACTURER = "Divisive Desktop"
SERIES = {"sr": 9001, "seg": 9002, "pm": 9003, "sc": 9004, "pdf": 9005}


def own_code(value: str, meaning: str = "") -> Code:
    """A code of this program's own scheme."""
    return Code(value, SCHEME, (meaning or CODES[value])[:64])


def equipment(kind: str, model: ModelRef) -> dict[str, Any]:
    """Series, instance and device of a new object, as highdicom's constructors want them.

    The serial number of the "device" is the SHA-256 of the weights: two objects with the same one were made by the
    same trained network.
    """
    return {
        "series_instance_uid": hd.UID(),
        "series_number": SERIES[kind],
        "sop_instance_uid": hd.UID(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": model.id[:64],
        "software_versions": (__version__, f"model {model.version}"[:64]),
        "device_serial_number": model.weights_sha256[:64] or "0",
    }


def segmentation(
    source: DicomSource,
    analysis: Analysis,
    features: FeatureSet,
    names: tuple[str, str],
    mask: npt.NDArray[np.float32] | None,
) -> Dataset | None:
    """One binary segment a feature, and the analyst's mask where it is at least 0.5; None where there is neither.

    Parameters
    ----------
    names : (str, str)
        The true class and the false class.
    mask : float32 (rows, columns), optional
        The analyst's saliency mask, 0..1.
    """
    planes: list[npt.NDArray[np.uint8]] = []
    segments: list[hd.seg.SegmentDescription] = []
    algorithm = hd.AlgorithmIdentificationSequence(
        name=analysis.model.id, family=codes.DCM.ArtificialIntelligence, version=analysis.model.version,
        source=MANUFACTURER, parameters=algorithm_parameters(analysis),
    )  # fmt: skip
    category = codes.SCT.SpatialAndRelationalConcept
    for feature in features.features:
        plane = replace(features, features=(feature,)).mask()
        if not plane.any():
            continue
        planes.append(plane)
        favoured = names[0] if feature.favours == "true" else names[1]
        segments.append(
            hd.seg.SegmentDescription(
                len(segments) + 1, f"Feature {feature.rank}, for: {favoured}"[:64], category, own_code("feature"),
                hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, algorithm, tracking_uid=hd.UID(),
                tracking_id=f"feature-{feature.rank}",
            )
        )  # fmt: skip
    if mask is not None and (mask >= 0.5).any():
        planes.append((mask >= 0.5).astype(np.uint8))
        segments.append(
            hd.seg.SegmentDescription(
                len(segments) + 1, "Analyst's mask", category, own_code("mask"),
                hd.seg.SegmentAlgorithmTypeValues.MANUAL, tracking_uid=hd.UID(), tracking_id="analyst-mask",
            )
        )  # fmt: skip
    if not planes:
        return None
    spacing = source.neutral.get("PixelSpacing")
    # A projection has no slices, but readers (highdicom, dcmqi) refuse a spacing without their thickness.
    measures = hd.PixelMeasuresSequence(pixel_spacing=spacing, slice_thickness=1.0) if spacing else None
    made: Dataset = hd.seg.Segmentation(
        source_images=[source.neutral],
        pixel_array=np.stack(planes, axis=-1)[None],
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        content_label="DIVISIVE",
        content_description=RESEARCH_USE,
        pixel_measures=measures,
        **equipment("seg", analysis.model),
    )
    return made


def secondary_capture(source: DicomSource, analysis: Analysis, picture: npt.NDArray[np.uint8]) -> Dataset:
    """The overlay picture, uint8 (rows, columns, 3), marked as derived from the radiograph."""
    made = equipment("sc", analysis.model)
    model_name, versions, serial = (
        made.pop(k) for k in ("manufacturer_model_name", "software_versions", "device_serial_number")
    )
    image: Dataset = hd.sc.SCImage(
        pixel_array=np.ascontiguousarray(picture),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        study_instance_uid=source.neutral.StudyInstanceUID,
        patient_orientation=("L", "F"),  # the constructor wants one; emptied below
        **made,
    )
    image.ManufacturerModelName, image.SoftwareVersions = model_name, list(versions)
    image.DeviceSerialNumber = serial
    image.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    image.PatientOrientation = None  # a sheet of pictures and text has no direction in the patient
    image.BurnedInAnnotation = burned_in(source)
    mended = Correction.parse(analysis.correction).words
    drawn = "class activation maps and important features drawn over it"
    image.DerivationDescription = f"Radiograph, {mended}, with {drawn}" if mended else f"Radiograph with {drawn}"
    image.SourceImageSequence = [source.reference]
    return image


def encapsulated_pdf(source: DicomSource, model: ModelRef, pdf: bytes, title: str) -> Dataset:
    """The report itself (DICOM PS3.3 A.45.1)."""
    made = equipment("pdf", model)
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID = EncapsulatedPDFStorage
    d.SOPInstanceUID = made["sop_instance_uid"]
    d.Modality = "DOC"
    d.SeriesInstanceUID, d.SeriesNumber = made["series_instance_uid"], made["series_number"]
    d.InstanceNumber = made["instance_number"]
    d.Manufacturer, d.ManufacturerModelName = MANUFACTURER, made["manufacturer_model_name"]
    d.SoftwareVersions, d.DeviceSerialNumber = list(made["software_versions"]), made["device_serial_number"]
    d.ConversionType = "WSD"
    d.AcquisitionDateTime = None
    d.BurnedInAnnotation = burned_in(source)
    d.SourceInstanceSequence = [source.reference]
    d.DocumentTitle = title
    d.ConceptNameCodeSequence = []
    d.MIMETypeOfEncapsulatedDocument = "application/pdf"
    d.EncapsulatedDocumentLength = len(pdf)
    d.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return d


def burned_in(source: DicomSource) -> str:
    """``BurnedInAnnotation`` of a picture made from the source: 'NO' only where the source itself says so."""
    return "NO" if source.burned_in is None else "YES"


def algorithm_parameters(analysis: Analysis) -> dict[str, str]:
    """What identifies the network and how it was used."""
    model = analysis.model
    return {
        "weights SHA-256": model.weights_sha256,
        "training method": model.method,
        "task": model.task,
        "device": analysis.device,
        "precision": analysis.precision,
        "image SHA-256": analysis.sha256,
    }
