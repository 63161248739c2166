import json

import pytest

from divisive_desktop import paths
from divisive_desktop.errors import ReportError
from divisive_desktop.language import LANGUAGES, catalogue


def test_every_language_has_every_text() -> None:
    english = set(catalogue("en"))
    for language in LANGUAGES:
        texts = json.loads((paths.resources_dir() / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
        assert english <= set(texts)
        assert all(key.startswith("term:") for key in set(texts) - english), "only a term may be its own English"


def test_unknown_language_is_said() -> None:
    with pytest.raises(ReportError):
        catalogue("xx")
