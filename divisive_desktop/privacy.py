"""The privacy switch: whether what identifies a patient may be shown and written out. Off until someone turns it on.

The window keeps it with its other settings; reports, exports and the command line ask here, without Qt.
"""

from __future__ import annotations

import configparser
import stat

from divisive_desktop import paths

SECTION, KEY = "privacy", "identity"
_MOST_BYTES = 1 << 20


def identity_shown() -> bool:
    """Whether names, numbers, dates and free text of patients may appear on screens and in what is exported.

    A settings file that can't be read counts as 'no'.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        found = paths.settings_file().stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:  # reading a pipe would wait for a writer
            return False
        parser.read(paths.settings_file(), encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return False
    return parser.get(SECTION, KEY, fallback="false").strip().lower() == "true"
