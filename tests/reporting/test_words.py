import json

import pytest

from divisive_desktop import paths
from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.words import LANGUAGES, catalogue, verdict, wilson

BINS = {
    "reliability": [
        {"low": 0.0, "high": 0.9, "n": 30, "positives": 15},
        {"low": 0.9, "high": 1.0, "n": 200, "positives": 198},
    ]
}


def test_every_language_has_every_text() -> None:
    english = set(catalogue("en"))
    for language in LANGUAGES:
        texts = json.loads((paths.resources_dir() / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
        assert set(texts) == english


def test_unknown_language_is_said() -> None:
    with pytest.raises(ReportError):
        catalogue("xx")


def test_words_are_no_surer_than_the_calibration() -> None:
    classes = ("no finding", "abnormal")
    assert "clearly" in verdict(0.97, classes, BINS, "en").words
    assert "does not decide" in verdict(0.85, classes, BINS, "en").words  # half of the like-scored were positive
    sure = {"reliability": [{"low": 0.6, "high": 0.9, "n": 400, "positives": 396}]}
    modest = verdict(0.7, classes, sure, "en")  # the bin is surer than the score itself
    assert "weakly" in modest.words
    assert "outside" in modest.interval_basis
    alone = verdict(0.999, classes, {}, "en")
    assert alone.interval is None
    assert "leans" in alone.words


def test_wilson_matches_the_published_example() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
