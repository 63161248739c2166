"""The privacy switch: whether what identifies a patient may be shown and written out. Off until someone turns it on.

The window keeps it with its other settings; reports, exports and the command line ask here, without Qt.
"""

from __future__ import annotations

import configparser

from divisive_desktop import paths
from divisive_desktop.foreign.files import read_settings

SECTION, KEY = "privacy", "identity"


def identity_shown() -> bool:
    """Whether names, numbers, dates and free text of patients may appear on screens and in what is exported.

    A settings file that can't be read counts as 'no'.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(read_settings(paths.settings_file()))
    except (configparser.Error, OSError, UnicodeDecodeError):
        return False
    return parser.get(SECTION, KEY, fallback="false").strip().lower() == "true"
