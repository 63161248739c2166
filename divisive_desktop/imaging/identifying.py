"""Which attributes may tell who the patient, the staff or the site is.

The rule covers the Basic Application Level Confidentiality Profile (DICOM PS3.15 table E.1-1) and errs on the side of
hiding: whole groups, every name, date, time, address and free text, every identifier that isn't DICOM's own.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GROUPS = frozenset({0x0010, 0x0012, 0x0032, 0x0038, 0x0400, 0x4000, 0x4008, 0xFFFA, 0xFFFC})
"""Patient, clinical trial, study and visit management, signatures, text and results: all of it."""

_VRS = frozenset({"PN", "DA", "TM", "DT", "AE", "AS", "LT", "ST", "UT", "UR", "UN"})
"""Names, dates, times, application entities, ages, free text, addresses, and what can't be interpreted."""

_TEXT_VRS = frozenset({"LO", "SH", "UC", "CS", "IS"})
_ENDINGS = (
    "Address", "Author", "Comments", "Description", "ID", "IDs", "Identifier", "Keywords", "Label",
    "Location", "Locator", "Name", "Names", "Narrative", "Notes", "Owner", "Originator", "Performers",
    "Service", "SerialNumber", "Sites", "Subject", "Title",
)  # fmt: skip
_HARMLESS = _words(
    """ManufacturerModelName DetectorManufacturerModelName DetectorManufacturerName ViewName SequenceName
    PulseSequenceName MappingResourceName ImplementationVersionName PrivateInformationCreatorUID ContextIdentifier
    TemporalPositionIdentifier TemplateIdentifier CollimatorGridName PaddleDescription DoseModeName ReceiveCoilName
    TransmitCoilName FieldOfViewDescription SegmentLabel SegmentDescription PixelSpacingCalibrationDescription
    LUTLabel StackID"""
)
"""End like one of the above but name a thing, not a person or a place."""

_KEYWORDS = _words(
    """AccessionNumber SpecimenAccessionNumber ConsultingPhysicianIdentificationSequence ContrastBolusAgent
    FillerOrderNumberImagingServiceRequest
    PlacerOrderNumberImagingServiceRequest InstitutionCodeSequence InstitutionalDepartmentTypeCodeSequence
    AdmittingDiagnosesCodeSequence PhysiciansOfRecordIdentificationSequence PersonIdentificationCodeSequence
    PhysiciansReadingStudyIdentificationSequence PerformingPhysicianIdentificationSequence
    OperatorIdentificationSequence ReferringPhysicianIdentificationSequence ReferencedPatientSequence
    ReferencedStudySequence ReferencedPerformedProcedureStepSequence ReferencedImageSequence SourceImageSequence
    RequestAttributesSequence AcquisitionContextSequence ContentSequence GraphicAnnotationSequence IconImageSequence
    UDISequence TransducerIdentificationSequence ActualHumanPerformersSequence ScheduledHumanPerformersSequence
    AuthorObserverSequence VerifyingObserverSequence VerifyingObserverIdentificationCodeSequence ParticipantSequence
    CustodialOrganizationSequence ContentCreatorIdentificationCodeSequence PerformedStationNameCodeSequence
    PerformedStationGeographicLocationCodeSequence ScheduledStationNameCodeSequence
    ScheduledStationGeographicLocationCodeSequence ScheduledPerformingPhysicianIdentificationSequence
    IntendedRecipientsOfResultsIdentificationSequence ReasonForRequestedProcedureCodeSequence
    SpecimenPreparationSequence IssuerOfTheContainerIdentifierSequence IssuerOfTheSpecimenIdentifierSequence
    ReasonForTheImagingServiceRequest ReasonForTheRequestedProcedure RequestedContrastAgent PreMedication
    RequestedProcedurePriority VerifyingOrganization HumanPerformerOrganization ResponsibleOrganization
    TimezoneOffsetFromUTC MakerNote CameraOwnerName BarcodeValue LabelText TextString EncapsulatedDocument
    DigitalSignaturesSequence OriginalAttributesSequence FlowIdentifierSequence FlowIdentifier SourceIdentifier
    FrameOriginTimestamp TreatmentMachineName ROICreatorSequence ROIInterpreterSequence InstanceOriginStatus
    PersonTelephoneNumbers PersonTelecomInformation OrderCallbackPhoneNumber OrderCallbackTelecomInformation
    OrderEnteredBy PatientTransportArrangements SelectorOBValue LensMake LensModel LensSpecification"""
)


def is_identifying(group: int, element: int, keyword: str, vr: str, value: object = "") -> bool:
    """Whether an attribute is to be hidden with the patient's identity.

    Parameters
    ----------
    group, element : int
        The tag.
    keyword : str
        DICOM keyword, '' for private and unknown attributes.
    vr : str
        Value representation.
    value : object
        Looked at for unique identifiers only: DICOM's own (1.2.840.10008…) name a kind of thing, not a thing.
    """
    if group % 2 or not keyword or group in _GROUPS or vr in _VRS:
        return True
    if 0x5000 <= group <= 0x50FF or (0x6000 <= group <= 0x60FF and element in (0x3000, 0x4000)):
        return True  # curves and overlays are often drawn text
    if group == 0x0016 and 0x0070 <= element <= 0x008E:  # where the camera stood
        return True
    if vr == "UI":
        return not keyword.endswith("ClassUID") and not str(value).startswith("1.2.840.10008.")
    if keyword in _KEYWORDS:
        return True
    return vr in _TEXT_VRS and keyword not in _HARMLESS and keyword.endswith(_ENDINGS)


HEADER = _words(
    """PatientName PatientID PatientBirthDate PatientSex PatientAge PatientSexNeutered PatientSpeciesDescription
    PatientSpeciesCodeSequence PatientBreedDescription PatientBreedCodeSequence AnatomicalOrientationType StudyDate
    StudyTime StudyDescription SeriesDescription ProtocolName AcquisitionDeviceProcessingDescription AccessionNumber
    InstitutionName SOPInstanceUID StudyInstanceUID SeriesInstanceUID DateTime DateTimeOriginal Artist Copyright"""
)
"""Keys of ``ImageRecord.header`` that the rule above hides: for corner texts, without a look into the file."""
