"""Header first, size second, pixels last; each with its reason in words, and nothing hostile in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from divisive_desktop.errors import TrainingError
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.faces import Face
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.scope import Features, Limits, ReferenceNote, References, Scope
from divisive_desktop.library.scope_check import Outside, check, look_outside, refusal
from divisive_desktop.training.scope_fitting import read_rules
from tests.conftest import ROOT
from tests.library.conftest import made_references

CHEST = read_rules(ROOT / "models" / "scopes" / "chest.toml")
FACE = read_rules(ROOT / "models" / "scopes" / "face.toml")
CR = "1.2.840.10008.5.1.4.1.1.1"


def film(header: dict[str, str] | None = None, shape: tuple[int, ...] = (512, 512), **fields: Any) -> ImageRecord:
    """A DICOM film, where a header is given; otherwise a picture without any."""
    stored = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    syntax = "" if header is None else "1.2.840.10008.1.2.1"
    values: dict[str, Any] = {"transfer_syntax": syntax, "header": header or {}, "photometric": "MONOCHROME2", **fields}
    return ImageRecord(path=Path("film"), sha256="0" * 64, kind="radiograph", stored=stored, **values)


def outside(record: ImageRecord, scope: Scope = CHEST, region: Box | None = None, **fields: Any) -> Outside:
    values = {"size": 448, "face": None, "blank": False, **fields}
    return look_outside(scope, record, region or (0, 0, record.width, record.height), **values)


def said(record: ImageRecord, scope: Scope = CHEST) -> str:
    return "; ".join(outside(record, scope).out)


@pytest.mark.parametrize("header", [
    None, {}, {"Modality": "CR"}, {"Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA"},
    {"Modality": "CR", "SOPClassUID": CR}, {"Modality": "cr ", "BodyPartExamined": "Chest"},
    {"Modality": "DX", "BodyPartExamined": "PORT CHEST", "ViewPosition": "AP SUPINE"},
    {"Modality": "DX", "BodyPartExamined": "UNKNOWN"}, {"BodyPartExamined": "THORAX"},
    {"Modality": "CR", "BodyPartExamined": "['CHEST', 'RIB']"}, {"Modality": "CR", "ViewPosition": "SITTING"},
])  # fmt: skip
def test_headers_of_films_are_left_to_the_pixels(header: dict[str, str] | None) -> None:
    assert outside(film(header)) == Outside()


@pytest.mark.parametrize(("header", "reason"), [
    ({"Modality": "MR", "BodyPartExamined": "ABDOMEN"}, "MR ABDOMEN, not a frontal chest radiograph"),
    ({"Modality": "MR", "BodyPartExamined": "CHEST"}, "MR CHEST, not a frontal chest radiograph"),
    ({"Modality": "CT"}, "CT, not a frontal chest radiograph"),
    ({"Modality": "CR", "BodyPartExamined": "HIP"}, "CR HIP, not a frontal chest radiograph"),
    ({"Modality": "DX", "ViewPosition": "LL"}, "DX in the view LL, not a frontal chest radiograph"),
    ({"Modality": "CR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2"},
     "CR of another DICOM class, not a frontal chest radiograph"),
])  # fmt: skip
def test_headers_of_something_else_say_what_it_is(header: dict[str, str], reason: str) -> None:
    assert said(film(header)) == reason


def test_one_of_many_frames_is_no_film() -> None:
    assert said(film({"Modality": "DX"}, frames=12)) == "one of 12 frames, not a frontal chest radiograph"


@pytest.mark.parametrize("field", ["Modality", "BodyPartExamined", "ViewPosition", "SOPClassUID"])
@pytest.mark.parametrize("value", [
    "MÜLLER^HANS 1950-01-01", "<script>alert(1)</script>", "A" * 100_000, "CHEST\x00\x1b[31m", "\u202eTSEHC",
    "../../etc", "%s%n{reasons}", "\n\nOK", "😀", "['LL', 'LATERAL']", "LL; DROP TABLE",
])  # fmt: skip
def test_what_is_no_code_is_not_repeated(field: str, value: str) -> None:
    """A field may hold a name, or an attack: reasons go into lists, exports and reports."""
    found = outside(film({"Modality": "CR", field: value}))
    for reason in found.out:
        assert reason.isprintable()
        assert len(reason) < 120
        assert not {"MÜLLER", "SCRIPT", "😀", "DROP", "AAAA", "%S"} & set(reason.upper().split(" "))
        assert value not in reason


def test_a_radiograph_is_no_face_whatever_its_body_part() -> None:
    assert said(film({"Modality": "CR", "BodyPartExamined": "SKULL"}), FACE).startswith("CR SKULL, not a photograph")
    assert outside(film({"Modality": "XC"}, (512, 512, 3), photometric="RGB"), FACE) == Outside()


def test_colours_tell_photographs_from_films() -> None:
    coloured = film(None, (512, 512, 3), photometric="RGB")
    assert "colours" in said(coloured)
    grey = replace(coloured, stored=np.repeat(coloured.stored[..., :1], 3, axis=2))
    assert said(grey) == ""  # a film that was saved as RGB
    assert said(grey, FACE) == "a picture without colours, not a photograph of a face in colour"
    assert outside(coloured, FACE) == Outside()


def test_pale_faces_have_colours_and_tinted_greys_do_not() -> None:
    grey = np.full((512, 512, 3), 200, np.uint8)
    pale = grey.copy()
    pale[150:300, 150:300] = (225, 200, 190)  # a twelfth of the picture
    assert outside(film(None, (512, 512, 3), photometric="RGB", frames=1), FACE) == Outside()
    picture = replace(film(None, (512, 512, 3), photometric="RGB"), stored=pale)
    assert outside(picture, FACE) == Outside()
    assert "colours" in said(replace(picture, stored=grey + np.array([4, 0, 0], np.uint8)), FACE)


def test_small_pictures_faces_and_parts() -> None:
    assert "10 x 10 pixels" in said(film({"Modality": "DX"}, (10, 10)))
    assert outside(film(), region=(0, 0, 100, 512)).out  # the part that is looked at counts, not the file
    face = film(None, (512, 512, 3), photometric="RGB")
    assert "face is only 40 pixels" in outside(face, FACE, face=a_face(40.2)).out[0]
    assert outside(face, FACE, face=a_face(300.0)) == Outside()
    assert "enlarged 2.0 times" in outside(film(None, (224, 224))).unfamiliar[0]
    assert "enlarged 2.2 times" in outside(face, FACE, region=(0, 0, 200, 200)).unfamiliar[0]


def a_face(height: float, stretch: float = 1.0) -> Face:
    """Seen from the front; ``stretch``: of its height over its width."""
    across = height / stretch
    eyes, mouth = 0.35 * height, 0.35 * height + 0.45 * height
    left, right, middle = 0.28 * across, 0.70 * across, 0.5 * across
    corners = (left, mouth), (right, mouth)
    return Face((0, 0, across, height), ((left, eyes), (right, eyes), (middle, 0.6 * height), *corners), 0.99)


@pytest.mark.parametrize(("stretch", "familiar"), [(1.0, True), (0.87, True), (1.15, True), (0.6, False), (1.5, False)])
def test_stretched_faces_are_unfamiliar(stretch: float, familiar: bool) -> None:
    photograph = film(None, (512, 512, 3), photometric="RGB")
    found = outside(photograph, FACE, face=a_face(300.0, stretch))
    assert found.out == ()
    assert (found == Outside()) == familiar
    assert familiar or "stretched or turned aside" in found.unfamiliar[0]


@pytest.mark.parametrize(("shape", "pixel_aspect", "times"), [
    ((512, 512), 1.0, ""), ((640, 512), 1.0, ""), ((512, 630), 1.0, ""), ((1024, 512), 2 / 3, ""),
    ((512, 1024), 1.0, "0.5 times"), ((2048, 512), 1.0, "4 times"), ((512, 2048), 1.0, "0.25 times"),
    ((600, 600), 2.0, "2 times"),
])  # fmt: skip
def test_pictures_far_from_square_are_out_of_scope(shape: tuple[int, int], pixel_aspect: float, times: str) -> None:
    """The network sees squares: a film that it squeezes shows another heart."""
    found = outside(film(None, shape, pixel_aspect=pixel_aspect))
    assert found == Outside() if not times else f"{times} as high as wide" in found.out[0]
    if times:
        assert "0.75 to 1.34 times" in found.out[0]


def test_the_part_that_is_looked_at_has_the_shape() -> None:
    wide = film(None, (600, 1800))
    assert "0.33 times" in outside(wide).out[0]
    assert outside(wide, region=(600, 0, 600, 600)) == Outside()


def test_empty_margins_are_unfamiliar() -> None:
    assert outside(film(), margins=0.1) == Outside()
    assert outside(film(), margins=0.31).unfamiliar == (
        "empty margins take 31 % of the picture: cut them off, or choose a part of it",
    )


def test_constant_grey_is_out_of_scope() -> None:
    assert outside(film(), blank=True).out == ("the picture is the same grey everywhere",)


# ---- pixels ---------------------------------------------------------------------------------------------

LIMITS = Limits(far_mean=1.0, far_sd=0.1, far=2.5, unlike=4.0)
SCOPE = replace(CHEST, references=ReferenceNote("0" * 64, "made ones", 20, 10, LIMITS))
NOWHERE = Outside()


def zone(pooled: float = 0.0, grid: float = 0.0, found: Outside = NOWHERE, scope: Scope = SCOPE) -> ScopeCheck:
    references = made_references()
    features = Features(references.pooled_mean + np.float32(pooled), references.grid_mean + np.float32(grid))
    return check(scope, references, found, features)


def test_zones_by_pixels() -> None:
    assert zone().zone == "familiar"
    assert zone(pooled=5).zone == "unfamiliar"
    assert zone(grid=1000).zone == "out_of_scope"
    assert "unlike every image" in zone(grid=1000).reasons[0]
    assert zone(pooled=5).reasons


def test_the_header_is_heard_first() -> None:
    found = zone(grid=1000, found=Outside(out=("MR ABDOMEN, not a film",)))
    assert found.reasons == ("MR ABDOMEN, not a film",)
    assert zone(found=Outside(unfamiliar=("enlarged",))) == ScopeCheck("unfamiliar", ("enlarged",))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38])
def test_features_that_are_no_numbers_are_out_of_scope(bad: float) -> None:
    with np.errstate(all="ignore"):
        assert zone(pooled=bad).zone in ("out_of_scope", "unfamiliar")
        assert zone(grid=bad).zone == "out_of_scope"
    assert "not a number" in zone(pooled=np.nan).reasons[0]


def test_no_image_is_familiar_where_the_own_sources_were_not_at_hand() -> None:
    assert SCOPE.references is not None
    blind = replace(SCOPE, references=replace(SCOPE.references, limits=replace(LIMITS, unlike=None)))
    assert zone(scope=blind).zone == "unfamiliar"
    assert zone(grid=1000, scope=blind).zone == "out_of_scope"


def test_without_references_or_section_nothing_is_said_to_be_familiar() -> None:
    assert check(CHEST, None, NOWHERE, None).zone == "not_checked"
    assert check(None, None, None, None).zone == "not_checked"
    assert check(CHEST, None, Outside(out=("MR",)), None).zone == "out_of_scope"


def test_a_refusal_says_why_and_what_to_do() -> None:
    error = refusal(ScopeCheck("out_of_scope", ("CT, not a frontal chest radiograph", "tiny")))
    assert error.kind == "out-of-scope"
    assert "CT, not a frontal chest radiograph; tiny" in error.message
    assert "ask anyway" in error.remedy
    assert error.reasons == ("CT, not a frontal chest radiograph", "tiny")


def test_rules_that_cannot_be_read_are_explained(tmp_path: Path) -> None:
    for text in ("made_for = ", "schema = 1", 'schema = 1\nmade_for = "x"\nsize = 3'):
        (tmp_path / "rules.toml").write_text(text)
        with pytest.raises(TrainingError, match=r"rules\.toml"):
            read_rules(tmp_path / "rules.toml")
    with pytest.raises(TrainingError):
        read_rules(tmp_path / "missing.toml")


def test_references_read_back_decide_the_same() -> None:
    again = References.from_bytes(made_references().to_bytes())
    features = Features(again.pooled_mean, again.grid_mean)
    assert check(SCOPE, again, NOWHERE, features) == zone()
