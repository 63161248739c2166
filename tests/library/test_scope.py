"""The card's section on scope is checked when it is read, and its references when they are used."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from divisive_desktop import paths
from divisive_desktop.errors import ModelIntegrityError
from divisive_desktop.library.archive import export_model, import_model
from divisive_desktop.library.card import read_card
from divisive_desktop.library.probes import Probes
from divisive_desktop.library.scope import (
    FILE,
    MOST_BYTES,
    SCHEMA,
    Features,
    Limits,
    ReferenceNote,
    References,
    Scope,
    verified_references,
)
from divisive_desktop.library.store import CARD, StoredModel, find_models, scan_models, verify
from tests.library.conftest import made_references
from tests.library.test_store import edit_card, saved


def scope(data: bytes | None = None) -> Scope:
    note = None
    if data is not None:
        limits = Limits(far_mean=1.0, far_sd=0.1, far=1.4, unlike=9.0)
        note = ReferenceNote(hashlib.sha256(data).hexdigest(), "made ones", 20, 10, limits)
    return Scope("a frontal chest radiograph", modalities=("CR", "DX"), body_parts=("CHEST",), references=note)


def model(data: bytes, stated: Scope) -> StoredModel:
    found = saved(scope=stated)
    (found.folder / FILE).write_bytes(data)
    return found


def section(**changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(json.dumps(asdict(scope(b"x"))))
    return {**raw, **changes}


def test_round_trip_through_card_and_file(shipped: Path) -> None:
    data = made_references().to_bytes()
    found = model(data, scope(data))
    assert read_card(found.folder / CARD).scope == scope(data)
    assert verify(found.folder).scope == scope(data)
    assert len(data) < MOST_BYTES


def test_cards_without_a_section_are_as_they_were(shipped: Path) -> None:
    assert read_card(saved().folder / CARD).scope is None
    assert verified_references(None, None, "m1") is None


@pytest.mark.parametrize("broken", [
    "everything", [], 7, {},
    section(schema=5), section(schema=True), section(schema="1"), section(mends="invert"), section(mends=["shear"]),
    section(treatments=["Blurred!"]), section(treatments="all"), section(treatments=[1]),
    section(mends=[3]), section(mends=[["invert"]]), section(mends={"invert": 1}),
    section(made_for=""), section(made_for="line\nbreak"),
    section(made_for="x" * 101), section(modalities="CR"), section(modalities=["cr; drop table"]),
    section(sop_classes=["chest"]), section(body_parts=[3]), section(colour="green"), section(smallest_size=-1),
    section(smallest_size=True), section(smallest_face=1.5), section(enlargement=[2, 1]), section(enlargement=[0]),
    section(enlargement=["0", "1"]), section(species="human"),
    section(aspect=[2, 1]), section(aspect="wide"), section(aspect=[0.5]), section(aspect=[True, 2]),
    section(aspect=None), section(face_length=[1, 1]), section(face_length={}), section(margins=1.5),
    section(margins="0.1"), section(margins=True), section(youngest=-1), section(youngest=18.5),
    section(youngest="018Y"), section(enlargement=[0, 1, 2]),
    section(references={"sha256": "0" * 64}), section(references={**section()["references"], "sha256": "beef"}),
    section(references={**section()["references"], "file": "../../secrets.safetensors"}),
    section(references={**section()["references"], "training": 0}),
    section(references={**section()["references"], "limits": {"far": 1}}),
    section(references={**section()["references"], "limits": {**section()["references"]["limits"], "far": "1"}}),
    section(references={**section()["references"], "limits": {**section()["references"]["limits"], "far": 0.5}}),
    section(references={**section()["references"], "limits": {**section()["references"]["limits"], "far_sd": 0}}),
    section(references={**section()["references"], "limits": {**section()["references"]["limits"], "unlike": True}}),
    section(references={**section()["references"], "limits": {**section()["references"]["limits"], "askew": "0"}}),
    section(references={**section()["references"], "limits": {**section()["references"]["limits"], "mirrored": []}}),
    section(references={**section()["references"], "limits": {**section()["references"]["limits"], "treated": "0"}}),
])  # fmt: skip
def test_a_broken_or_foreign_section_is_refused_with_a_remedy(broken: object, shipped: Path) -> None:
    """And takes that one model away, none of the others."""
    saved("other")
    edit_card(saved(), scope=broken)
    models, problems = scan_models()
    assert [m.card.id for m in models] == ["other"]
    (problem,) = problems
    assert "m1" in problem.message
    assert problem.remedy


def test_numbers_that_are_none_are_refused(shipped: Path) -> None:
    found = saved(scope=scope(b"x"))
    text = (found.folder / CARD).read_text().replace('"far": 1.4', '"far": NaN')
    (found.folder / CARD).write_text(text)
    with pytest.raises(ModelIntegrityError, match="card of model m1"):
        read_card(found.folder / CARD)


def test_references_must_be_those_of_the_card(shipped: Path) -> None:
    data = made_references().to_bytes()
    found = model(data, scope(data))
    (found.folder / FILE).write_bytes(made_references(seed=1).to_bytes())
    with pytest.raises(ModelIntegrityError, match="damaged or exchanged"):
        verify(found.folder)
    (found.folder / FILE).unlink()
    with pytest.raises(ModelIntegrityError, match="lacks the file"):
        verify(found.folder)


@pytest.mark.parametrize("data", [b"", b"no tensors", b"\x00" * (MOST_BYTES + 1)])
def test_files_that_are_no_references_are_refused(data: bytes) -> None:
    with pytest.raises(ModelIntegrityError):
        verified_references(scope(data), data, "m1")


@pytest.mark.parametrize("change", [
    {"points": np.zeros((20, 3), np.float32)},
    {"points": np.zeros((3, 5), np.float32)}, {"points": np.zeros((0, 5), np.float32)},
    {"points": np.zeros(100, np.float32)}, {"grid_mean": np.zeros((4, 8), np.float32)},
    {"grid_mean": np.ones((), np.float32)}, {"grid_axes": np.ones((), np.float32)},
    {"grid_axes": np.zeros((0, 32), np.float32), "points": np.zeros((20, 1), np.float32)},
    {"pooled_mean": np.zeros((2, 3), np.float32)}, {"points": np.full((20, 5), np.inf, np.float32)},
    {"grid_axes": np.zeros((4, 7), np.float32)},
    {"pooled_whitener": np.zeros((5, 6), np.float32)},
    {"grid_mean": np.full(32, np.nan, np.float32)},
])  # fmt: skip
def test_references_fit_together(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="references of scope"):
        replace(made_references(), **change)


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F64", 8), ("BOOL", 1)])
def test_other_numbers_in_the_file_are_refused(kind: str, size: int) -> None:
    header = json.dumps({"grid_mean": {"dtype": kind, "shape": [4], "data_offsets": [0, 4 * size]}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(4 * size)
    with pytest.raises(ModelIntegrityError, match="can't be used") as refused:
        verified_references(scope(data), data, "m1")
    assert refused.value.remedy


def test_a_section_of_a_later_version_asks_for_an_update(shipped: Path) -> None:
    edit_card(found := saved(), scope=section(schema=SCHEMA + 1, weather="fine"))
    with pytest.raises(ModelIntegrityError, match="newer version") as refused:
        read_card(found.folder / CARD)
    assert refused.value.remedy == "Update the program."


def probes(mends: tuple[str, ...] = ("invert", "mirror"), value: float = 0.0) -> Probes:
    rows = 1 + len(mends)
    return Probes(mends, np.full((rows, 32), value, np.float32), np.zeros(rows, np.float32))


def test_probes_travel_with_the_references_and_cards_of_before_have_none() -> None:
    made = replace(made_references(), probes=probes(value=0.5))
    back = References.from_bytes(made.to_bytes(), ("invert", "mirror"))
    assert back.probes is not None
    assert np.array_equal(back.probes.weights, probes(value=0.5).weights)
    assert References.from_bytes(made.to_bytes()).probes is None
    old = {name: value for name, value in section(schema=1).items() if name != "mends"}
    limits = {k: v for k, v in old["references"]["limits"].items() if k not in ("askew", "mirrored")}
    read = Scope.from_json({**old, "references": {**old["references"], "limits": limits}})
    assert read.mends == ()
    assert read.references is not None
    assert read.references.limits.askew is None


@pytest.mark.parametrize("probes_beside", [None, probes(("invert",)), probes(("invert", "mirror", "turn-over"))])
def test_probes_must_be_those_that_the_card_names(probes_beside: Probes | None) -> None:
    data = replace(made_references(), probes=probes_beside).to_bytes()
    with pytest.raises(ModelIntegrityError, match="probes"):
        verified_references(replace(scope(data), mends=("invert", "mirror")), data, "m1")


@pytest.mark.parametrize("make", [
    lambda: probes(()), lambda: probes(("invert", "invert")), lambda: probes(("shear",)), lambda: probes(value=np.nan),
    lambda: Probes(("invert",), np.zeros((3, 32), np.float32), np.zeros(2, np.float32)),
    lambda: replace(
        made_references(), probes=Probes(("invert",), np.zeros((2, 7), np.float32), np.zeros(2, np.float32))
    ),
])  # fmt: skip
def test_probes_fit_together(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="of scope"):
        make()


def test_distances_grow_away_from_the_training_images() -> None:
    references = References.from_bytes(made_references().to_bytes())
    near = Features(references.pooled_mean, references.grid_mean)
    far = Features(references.pooled_mean + 5, references.grid_mean + 5)
    assert references.far(near) < references.far(far)
    assert references.unlike(near) == 0 < references.unlike(far)


def test_what_the_components_leave_over_counts() -> None:
    """A picture may be strange in a direction that the training images never took."""
    references = made_references()
    aside = np.linalg.svd(references.grid_axes)[2][-1].astype(np.float32)  # at right angles to all components
    plain = Features(references.pooled_mean, references.grid_mean)
    strange = Features(references.pooled_mean, references.grid_mean + 100 * aside)
    assert references.far(strange) > references.far(plain) + 1


def test_a_model_travels_with_its_references(shipped: Path, tmp_path: Path) -> None:
    data = made_references().to_bytes()
    archive = export_model(model(data, scope(data)), tmp_path / "m1")
    for folder in paths.user_models_dir().iterdir():
        folder.rename(tmp_path / "gone")
    assert (import_model(archive).folder / FILE).read_bytes() == data
    assert verify(find_models()[0].folder).scope == scope(data)


def test_a_model_without_the_references_that_its_card_names_is_not_imported(shipped: Path, tmp_path: Path) -> None:
    data = made_references().to_bytes()
    found = model(data, scope(data))
    archive = export_model(found, tmp_path / "m1")
    import zipfile

    with zipfile.ZipFile(archive) as full, zipfile.ZipFile(tmp_path / "less.divmodel", "w") as less:
        for name in full.namelist():
            content = full.read(name)
            if name == "hashes.json":
                content = json.dumps({k: v for k, v in json.loads(content).items() if k != FILE}).encode()
            if name != FILE:
                less.writestr(name, content)
    found.folder.rename(tmp_path / "gone")
    with pytest.raises(ModelIntegrityError, match="lacks the file"):
        import_model(tmp_path / "less.divmodel")
