"""One module per mask file format: bytes out (``encode``), bytes in (``decode``); files are ``masks.files``' matter."""
