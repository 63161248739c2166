"""What leaves: report content -> PDF/A, HTML, DICOM objects; verification."""
