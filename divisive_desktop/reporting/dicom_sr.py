"""A report as DICOM Structured Report, template TID 1500: answer, probability, algorithm, regions of the features."""

from __future__ import annotations

import highdicom as hd
import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import Feature, FeatureSet
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.language import card_words
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.dicom_objects import (
    MANUFACTURER,
    algorithm_parameters,
    equipment,
    own_code,
)
from divisive_desktop.reporting.dicom_source import DicomSource

_NO_UNITS = codes.UCUM.NoUnits


def structured_report(
    source: DicomSource, analysis: Analysis, features: FeatureSet, case: CaseContent, others: dict[str, Dataset],
    language: str,
) -> Dataset:
    """Comprehensive SR (2-D coordinates) on one radiograph.

    Parameters
    ----------
    case : CaseContent
        Statement, limitations, conclusion.
    others : dict
        The report's other objects: segmentation (``seg``) and parametric map (``pm``) are named as evidence.
    language : str
        Of the report.
    """
    neutral, model = source.neutral, analysis.model
    algorithm = sr.AlgorithmIdentification(
        model.id, model.version, [f"{k}: {v}" for k, v in algorithm_parameters(analysis).items()],
        codes.DCM.ArtificialIntelligence, MANUFACTURER,
    )  # fmt: skip
    observer = sr.ObserverContext(
        codes.DCM.Device, sr.DeviceObserverIdentifyingAttributes(hd.UID(), MANUFACTURER, MANUFACTURER, model.id)
    )
    regions = [_feature(f, neutral, algorithm, case) for f in features.features]
    report = sr.MeasurementReport(
        sr.ObservationContext(observer_device_context=observer),
        procedure_reported=own_code("question", case.question),
        imaging_measurements=[_answer(source, analysis, case, algorithm), *regions],
        title=codes.DCM.ImagingMeasurementReport,
    )
    for text in [*_mended(analysis), *_texts(case, language)]:
        report[0].ContentSequence.append(
            sr.TextContentItem(codes.DCM.Comment, text, sr.RelationshipTypeValues.CONTAINS)
        )
    made = equipment("sr", model)
    evidence = [neutral, *(others[name] for name in ("seg", "pm") if name in others)]
    document: Dataset = sr.ComprehensiveSR(
        evidence=evidence,
        content=report[0],
        is_complete=True,
        **{k: made[k] for k in ("series_instance_uid", "series_number", "sop_instance_uid", "instance_number")},
        manufacturer=MANUFACTURER,
    )
    document.ManufacturerModelName, document.DeviceSerialNumber = (
        made["manufacturer_model_name"], made["device_serial_number"],
    )  # fmt: skip
    document.SoftwareVersions = list(made["software_versions"])
    return document


def _mended(analysis: Analysis) -> list[str]:
    """What was corrected before the analysis, and what places refer to all the same."""
    words = Correction.parse(analysis.correction).words
    return [f"Analysed as corrected: {words}. Coordinates are those of the referenced image."] if words else []


def _texts(case: CaseContent, language: str) -> list[str]:
    """What is said in sentences, in the language of the report."""
    texts = [case.statement.full]
    if case.regions:
        texts.append(case.regions)
    if case.conclusion:
        texts.append(f"{case.analyst}: {case.conclusion}" if case.analyst else case.conclusion)
    return [*texts, *(card_words(language, limit) for limit in case.model_limits), *case.cautions]


def _answer(
    source: DicomSource, analysis: Analysis, case: CaseContent, algorithm: sr.AlgorithmIdentification
) -> sr.MeasurementsAndQualitativeEvaluations:
    model, neutral = analysis.model, source.neutral
    numbers = [("probability", analysis.probability)]
    if case.mask is not None and case.mask.energy_inside is not None:
        numbers.append(("agreement", case.mask.energy_inside))
    measurements = [sr.Measurement(own_code(name), round(value, 6), _NO_UNITS) for name, value in numbers]
    for index, logit in enumerate(analysis.logits):
        measurements.append(
            sr.Measurement(own_code(f"logit-{index}", f"Logit: {model.classes[index]}"), round(logit, 6), _NO_UNITS)
        )
    nearer = own_code(f"class-{analysis.predicted}", model.classes[analysis.predicted])
    answers = [("answer", nearer)]
    if case.statement.answer not in ("negative", "positive"):
        answers = [("answer", own_code("undecided")), ("nearer", nearer)]
    if case.true_class_source == "label":
        answers.append(("label", own_code(f"class-{case.true_class}", model.classes[case.true_class])))
    return sr.MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(hd.UID(), "answer"),
        algorithm_id=algorithm,
        measurements=measurements,
        qualitative_evaluations=[
            sr.QualitativeEvaluation(own_code(name), value) for name, value in answers
        ],
        source_images=[sr.SourceImageForMeasurementGroup(neutral.SOPClassUID, neutral.SOPInstanceUID)],
    )


def _feature(
    feature: Feature, neutral: Dataset, algorithm: sr.AlgorithmIdentification, case: CaseContent
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    points = feature.contour
    if len(points) < 3:
        x, y, w, h = feature.box
        points = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
    # DICOM counts from the corner of the first pixel, contours from its centre; a polygon ends where it began.
    closed = np.vstack([points, points[:1]]).astype(float) + 0.5
    closed = np.clip(closed, 0, (neutral.Columns, neutral.Rows))
    favoured = case.true_class if feature.favours == "true" else 1 - case.true_class
    measurements = [
        sr.Measurement(own_code("share"), round(feature.share, 6), _NO_UNITS),
        sr.Measurement(own_code("mean-divergence"), round(feature.mean_d, 6), _NO_UNITS),
    ]
    if feature.area_mm2 is not None and feature.calibration in ("patient", "calibrated"):
        area = sr.Measurement(codes.SCT.Area, round(feature.area_mm2, 2), codes.UCUM.SquareMillimeter)
        measurements.append(area)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(hd.UID(), f"feature-{feature.rank}"),
        referenced_region=sr.ImageRegion(
            sr.GraphicTypeValues.POLYLINE, closed, sr.SourceImageForRegion(neutral.SOPClassUID, neutral.SOPInstanceUID)
        ),
        finding_type=own_code("feature"),
        algorithm_id=algorithm,
        measurements=measurements,
        qualitative_evaluations=[
            sr.QualitativeEvaluation(own_code("favours"), own_code(f"class-{favoured}", case.classes[favoured]))
        ],
    )
