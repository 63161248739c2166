"""Any file -> ImageRecord: DICOM, photographs, faces. Knows numpy, pydicom and OpenCV, no other room."""
