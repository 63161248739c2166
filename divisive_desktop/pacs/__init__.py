"""Query, retrieve, send: DIMSE and DICOMweb."""
