"""The CAM pair and its divergence as a DICOM Parametric Map (PS3.3 A.75): float32, raw, in logit units.

Built with pydicom: highdicom 0.28 has the class, but not for projection radiographs; it raises without a frame of
reference, and with one it wants a spacing and a slice thickness that nobody knows. The IOD asks for a place in
space, so the map gets a frame of reference of its own, shared with nothing: the plane of the pixels. What
ties map and radiograph together is that the map has its rows and columns and names it (Derivation Image); a grid of the
CAM's own cells couldn't say where it lies.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, ParametricMapStorage, generate_uid

from divisive_desktop import RESEARCH_USE
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.maps import on_image
from divisive_desktop.explanation.statement import Held, pair_in_words
from divisive_desktop.reporting.dicom_objects import CODES, MANUFACTURER, equipment, own_code
from divisive_desktop.reporting.dicom_source import DicomSource

FRAMES = ("CAM_TRUE", "CAM_FALSE", "DIVERGENCE")
"""Label of each frame: true class, false class, true minus false."""
_IMAGE_TYPE = ["DERIVED", "PRIMARY", "OTHER", "NONE"]


def parametric_map(source: DicomSource, analysis: Analysis, true_class: int, held: Held) -> Dataset:
    """Three frames: CAM of the true class, of the false class, and their divergence.

    The maps are upsampled bilinearly onto the pixel matrix of the radiograph; zero outside the analysed region.
    """
    pair = pair_in_words(analysis.model.classes, true_class, held)
    meanings = (*(f"Class activation, {which.lower()}: {name}" for which, name in pair), CODES["divergence"])
    planes = maps_of(analysis, true_class)
    made = equipment("pm", analysis.model)
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID, d.SOPInstanceUID = ParametricMapStorage, made["sop_instance_uid"]
    d.Modality = "OT"
    d.SeriesInstanceUID, d.SeriesNumber = made["series_instance_uid"], made["series_number"]
    d.InstanceNumber = made["instance_number"]
    d.Manufacturer, d.ManufacturerModelName = MANUFACTURER, made["manufacturer_model_name"]
    d.SoftwareVersions, d.DeviceSerialNumber = list(made["software_versions"]), made["device_serial_number"]
    d.ImageType = _IMAGE_TYPE
    d.ContentLabel, d.ContentDescription, d.ContentCreatorName = "DIVISIVE", RESEARCH_USE, None
    d.ContentQualification = "RESEARCH"
    d.AcquisitionContextSequence = []
    d.BurnedInAnnotation, d.RecognizableVisualFeatures = "NO", "NO"
    d.LossyImageCompression = "01" if source.neutral.get("LossyImageCompression") == "01" else "00"
    if d.LossyImageCompression == "01":
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if keyword in source.neutral:
                setattr(d, keyword, source.neutral[keyword].value)
    d.PresentationLUTShape = "IDENTITY"
    d.SamplesPerPixel, d.PhotometricInterpretation, d.BitsAllocated = 1, "MONOCHROME2", 32
    d.NumberOfFrames, d.Rows, d.Columns = len(planes), source.neutral.Rows, source.neutral.Columns
    d.FrameOfReferenceUID = generate_uid(entropy_srcs=["plane of", str(source.neutral.SOPInstanceUID)])
    d.PositionReferenceIndicator = None
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = source.neutral.SeriesInstanceUID, [source.reference]
    d.ReferencedSeriesSequence = [series]
    _dimensions(d)
    d.SharedFunctionalGroupsSequence = [_shared(source, planes)]
    quantities = (codes.DCM.ClassActivation, codes.DCM.ClassActivation, own_code("divergence"))
    d.PerFrameFunctionalGroupsSequence = [
        _frame(number, label, meaning, code, (float(plane.min()), float(plane.max())))
        for number, (label, meaning, code, plane) in enumerate(
            zip(FRAMES, meanings, quantities, planes, strict=True), 1
        )
    ]
    d.FloatPixelData = planes.tobytes()
    return d


def maps_of(analysis: Analysis, true_class: int) -> npt.NDArray[np.float32]:
    """The frames, float32 (3, rows, columns): class maps of the true and the false class, and their divergence."""
    cells = (analysis.cams[true_class], analysis.cams[1 - true_class], analysis.divergence(true_class))
    return np.stack([on_image(c, analysis.image_size, analysis.region) for c in cells]).astype("<f4")


def _dimensions(d: Dataset) -> None:
    """Frames are told apart by their label."""
    organization = Dataset()
    organization.DimensionOrganizationUID = hd.UID()
    index = Dataset()
    index.DimensionOrganizationUID = organization.DimensionOrganizationUID
    index.DimensionIndexPointer = 0x00209453  # Frame Label
    index.FunctionalGroupPointer = 0x00209111  # Frame Content Sequence
    index.DimensionDescriptionLabel = "Map"
    d.DimensionOrganizationSequence, d.DimensionIndexSequence = [organization], [index]


def _shared(source: DicomSource, planes: np.ndarray) -> Dataset:
    shared = Dataset()
    measures = Dataset()
    if "PixelSpacing" in source.neutral:
        measures.PixelSpacing = source.neutral.PixelSpacing
    shared.PixelMeasuresSequence = [measures]
    position, orientation = Dataset(), Dataset()
    position.ImagePositionPatient, orientation.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    shared.PlanePositionSequence, shared.PlaneOrientationSequence = [position], [orientation]
    frame_type = Dataset()
    frame_type.FrameType = _IMAGE_TYPE
    shared.ParametricMapFrameTypeSequence = [frame_type]
    identity = Dataset()
    identity.RescaleIntercept, identity.RescaleSlope, identity.RescaleType = 0, 1, "US"
    shared.PixelValueTransformationSequence = [identity]
    window = Dataset()
    low, high = float(planes.min()), float(planes.max())
    window.WindowCenter, window.WindowWidth = f"{(low + high) / 2:.6g}", f"{max(high - low, 1e-6):.6g}"
    window.VOILUTFunction = "LINEAR_EXACT"
    shared.FrameVOILUTSequence = [window]
    image = source.reference
    image.PurposeOfReferenceCodeSequence = [_item(codes.DCM.SourceImageForImageProcessingOperation)]
    image.SpatialLocationsPreserved = "YES"
    derivation = Dataset()
    derivation.DerivationDescription = "Class activation maps of a neural network, upsampled onto the radiograph"
    derivation.DerivationCodeSequence = [_item(codes.DCM.ImageProcessing)]
    derivation.SourceImageSequence = [image]
    shared.DerivationImageSequence = [derivation]
    return shared


def _frame(number: int, label: str, meaning: str, quantity: Code, limits: tuple[float, float]) -> Dataset:
    frame = Dataset()
    content = Dataset()
    content.FrameLabel, content.FrameComments, content.DimensionIndexValues = label, meaning, [number]
    frame.FrameContentSequence = [content]
    mapping = hd.pm.RealWorldValueMapping(
        lut_label=label, lut_explanation=meaning[:64], unit=codes.UCUM.NoUnits, value_range=limits, slope=1.0,
        intercept=0.0, quantity_definition=quantity,
    )  # fmt: skip
    frame.RealWorldValueMappingSequence = [mapping]
    return frame


def _item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item
