"""Which code strings may leave: DICOM's own words and no others, so that nobody's name is among them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydicom._dicom_dict import DicomDictionary
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANATOMY = (4, 4031)
"""Context groups of anatomic regions, which body parts are named after."""
_MOST_DIGITS = 4
"""Of one value: numbers of patients have more."""
_TERMS = _listed(
    """AP PA LL RL RLD LLD RLO LLO LAO RAO ML MLO CC LM LMO XCC XCCL XCCM FB SIO AT CV L R B U M F O A H P AL AR
    PL PR HL HR FL FR AF AH PF PH LA LF LH LP RA RF RH RP CR DX MG IO PX RG XA US MR CT PT NM ES XC OT SC ECG
    EPS OP OPT OAM GM SM IVUS IVOCT BI BMD DG LS TG HC DOC SEG KO SR REG RTDOSE RTIMAGE RTPLAN RTSTRUCT AU HD
    EEG EMG EOG RESP SRF STAIN TLS FID M3D CFM BDUS KER LEN VA OSS AS MONOCHROME1 MONOCHROME2 RGB ARGB CMYK
    HSV YBR FULL PARTIAL ICT RCT XYB RICE ORIGINAL DERIVED PRIMARY SECONDARY OTHER AXIAL LOCALIZER OCCLUSION
    MPR MIP MINIP AVERAGE MIXED RESAMPLED NONE PROJECTION IMAGE SUBTRACTION MASK POST CORRECTED ADDITION
    VOLUME RENDERED ENHANCED RAW CSA PARALLEL BIPLANE SINGLE PLANE RECON TOMO TOMOSYNTHESIS GENERATED 2D 3D
    LOSSY DIXON WATER FAT PHASE MAGNITUDE DIFFUSION PERFUSION FUNCTIONAL IDENTITY INVERSE LINEAR EXACT SIGMOID
    LOG LIN DISP SQUARE ROOT SQRT HU OD Z EFF RESEARCH PRODUCT SERVICE PRESENTATION PROCESSING YES NO 00 01
    UNKNOWN PARTIALLY COMPLETE UNMODIFIED MODIFIED REMOVED AUTOMATIC MANUAL SEMIAUTOMATIC BINARY FRACTIONAL
    PROBABILITY OCCUPANCY LABELMAP ISO IR ISO_IR GBK GB18030 IR192 10918 14495 15444 13818 14496 23008
    SCINTILLATOR STORAGE DIRECT FILM DRAWN SCANNED WSD SD DI DV DRW SI SYN DF RECTANGLE ROUND HEXAGONAL
    CIRCULAR POLYGONAL BITMAP STATIONARY MOVING ALUMINUM COPPER MOLYBDENUM RHODIUM TUNGSTEN SILVER NIOBIUM
    EUROPIUM LEAD TIN CARBON BERYLLIUM CONSTANT EXPOSURE MAS MAS_ TIMED PHOTOTIMED AUTO FIXED IN OUT FOCUSED
    RECIPROCATING BREATHING CROSSED ERECT PRONE RECUMBENT SEMI SUPINE SITTING STANDING SEMIERECT DECUBITUS HFS
    HFP HFDR HFDL FFS FFP FFDR FFDL CHEST CSPINE TSPINE LSPINE SSPINE SPINE UPPEREXTREMITY LOWEREXTREMITY
    EXTREMITY WHOLEBODY HEADNECK PELVIS SKULL CHESTABDOMEN CHESTABDPELVIS ABDOMENPELVIS ABDPELV TLSPINE
    LSSPINE CTSPINE CLSPINE CTLSPINE HAND FINGER TOE TMJ SIJ SIJOINT ACJOINT SCJOINT IAC ORBIT SINUS STERNUM
    RIBS RIB JAW ILEUM BRONCHUS CCA ICA ECA MCA PCA ACA SVC IVC BREAST LUNG HEART THORAX GEOMETRY FIDUCIAL
    COLLIMATED NORMALIZED CONTRAST BRIGHTNESS PATIENT FOR NOT DEFINED UNPAIRED BOTH LEFT RIGHT BILATERAL MALE
    FEMALE UPRIGHT"""
)
"""Defined terms that are no words of the dictionary of attributes."""


def known_terms(value: str) -> str:
    """A code string of which every part is a word of DICOM's; '' for any other.

    Parameters
    ----------
    value : str
        One value, upper case.
    """
    parts = re.split(r"[ _]+", value.strip())
    if sum(character.isdigit() for part in parts if part not in _TERMS for character in part) > _MOST_DIGITS:
        return ""
    return value if all(part == "" or _known(part) for part in parts) else ""


def _known(part: str) -> bool:
    if part in _TERMS or part in _words():
        return True
    letters = re.fullmatch(r"([A-Z]*)\d+([A-Z]?)", part)  # T1, M2, 3D, 422
    return letters is not None and (letters[1] in _TERMS or letters[1] in _words() or len(letters[1]) <= 1)


@cache
def _words() -> frozenset[str]:
    """Every word in the names of attributes and of parts of the body."""
    said = [entry[2] for entry in DicomDictionary.values()]
    for group in _ANATOMY:
        for scheme, names in cid_concepts[group].items():
            codes: dict[str, Any] = concepts[scheme]
            said += [meaning for name in names for meaning, _ in codes[name].values()]
    found = {word for text in said for word in re.findall("[A-Z]+", text.upper()) if len(word) > 1}
    return frozenset(found - {"NAME", "GRAY", "BOYD", "DODD", "WILLIS"})  # people are called so
