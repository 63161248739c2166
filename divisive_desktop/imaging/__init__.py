"""Any file -> ImageRecord: DICOM, photographs, faces. Knows numpy, pydicom and OpenCV, no other room."""

from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord, ModalityTransform, Spacing, Voi
from divisive_desktop.imaging.scan import scan
from divisive_desktop.imaging.sniff import is_image_file

__all__ = ["ImageRecord", "ModalityTransform", "Spacing", "Voi", "is_image_file", "open_image", "scan"]
