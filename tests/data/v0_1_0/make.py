# ruff: noqa: I001  (to today's ruff, modules of 0.1.0 that have moved since are those of somebody else)
"""Makes the data in this folder with Divisive Desktop 0.1.0, and with no other version: see README.md.

Run with the package of 0.1.0 on ``PYTHONPATH``, on Linux, as a user who may make ``/home/analyst``:
``QT_QPA_PLATFORM=offscreen python make.py TARGET``. Nobody's data is in it: pictures are drawn by `pictures`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

HOME = Path("/home/analyst")
"""Stands in paths, of which some are inevitable: a made-up place that no machine of ours has."""
DATA = HOME / "Divisive"
PICTURES = HOME / "Pictures"
LEFT_OUT = ("backups", "*-shm", "*-wal")
"""Of a casebook: copies of what is there, and empty files that SQLite leaves."""

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402


def pictures() -> dict[str, Path]:
    """A grey film, a colour photograph and a tiny DICOM radiograph, of arithmetic."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

    PICTURES.mkdir(parents=True)
    y, x = np.mgrid[0:120, 0:160]
    grey = (40 + x // 2 + y // 3 + 60 * ((x - 50) ** 2 + (y - 60) ** 2 < 700)).astype(np.uint8)
    colour = np.stack([x, y, (x + 2 * y) // 3], axis=2).astype(np.uint8)
    colour[((x - 90) / 30) ** 2 + ((y - 55) / 40) ** 2 < 1] = (120, 150, 200)
    made = {"film": PICTURES / "film.png", "photo": PICTURES / "photo.png", "radiograph": PICTURES / "radiograph.dcm"}
    assert cv2.imwrite(str(made["film"]), grey)
    assert cv2.imwrite(str(made["photo"]), colour)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = ComputedRadiographyImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = "2.25.1"
    film = pydicom.Dataset()
    film.file_meta = meta
    film.SOPClassUID, film.SOPInstanceUID = ComputedRadiographyImageStorage, "2.25.1"
    film.StudyInstanceUID, film.SeriesInstanceUID = "2.25.2", "2.25.3"
    film.PatientName, film.PatientID, film.PatientBirthDate, film.PatientSex = "Example^Erika", "E-0001", "", ""
    film.StudyDate, film.StudyTime, film.AccessionNumber, film.StudyID = "20260102", "101500", "", "1"
    film.Modality, film.BodyPartExamined, film.ViewPosition, film.SeriesNumber = "CR", "CHEST", "PA", 1
    film.InstanceNumber, film.ReferringPhysicianName, film.Manufacturer = 1, "", "Nobody"
    film.Rows, film.Columns, film.SamplesPerPixel, film.PhotometricInterpretation = 120, 160, 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.PixelSpacing, film.WindowCenter, film.WindowWidth = [2.0, 2.0], 2000, 3600
    film.PixelData = (grey.astype(np.uint16) * 15).astype("<u2").tobytes()
    film.save_as(made["radiograph"], enforce_file_format=True)
    return made


def model() -> str:
    """A model folder as fine-tuning leaves one, with weights that repeat themselves: they pack to a twentieth."""
    import torch

    from divisive_desktop import paths
    from divisive_desktop.library.card import Card, Preprocessing
    from divisive_desktop.networks.network import Network
    from divisive_desktop.networks.preprocessing import prepare
    from divisive_desktop.networks.reference import reference_image
    from divisive_desktop.networks.saving import save_network

    network = Network("efficientnet-lite0", 2)
    with torch.no_grad():
        for number, (name, weight) in enumerate(sorted(network.named_parameters())):
            if weight.dim() > 1 and not name.startswith("head"):
                wave = np.random.default_rng(number).normal(size=61)
                filled = np.resize(wave * (2 / weight[0].numel()) ** 0.5, weight.shape)
                weight.copy_(torch.from_numpy(filled).float())
        settings = Preprocessing(size=128)
        seen = torch.from_numpy(prepare(reference_image("grey"), settings).pixels)[None]
        network.frozen_norm = False
        network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the statistics of this one picture
        network(seen)
        network.eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):  # fewer digits pack better
                for values in (module.running_mean, module.running_var):
                    assert values is not None
                    values.copy_(torch.from_numpy(np.array([float(f"{v:.1e}") for v in values.tolist()])).float())
        wave = np.random.default_rng(1).normal(size=61)
        network.head.weight.copy_(torch.from_numpy(np.stack([np.resize(wave, 1280), np.resize(wave[7:], 1280)])) * 0.1)
        network.head.bias.copy_(torch.tensor([0.25, -0.25]))
    card = Card(
        id="old-chest-difference-3", version="1", task="chest-xray", classes=("no finding", "abnormal"),
        backbone="efficientnet-lite0", method="difference", weights_sha256="", preprocessing=settings,
        training={
            "settings": {"method": "difference", "epochs": 2, "alpha": 0.5, "seed": 7},
            "data": "Fine-tuned from old-chest-2 on 2 labelled cases of a casebook",
            "images": {"train": 2, "validation": 0, "holdout": 1}, "history": [{"epoch": 1, "loss": 0.7}],
            "kept_epoch": 1, "seconds": 1.5, "program": "0.1.0",
        },
        metrics={"holdout": {"images": 1, "auroc": 0.75, "auroc_95": [0.5, 0.9], "sensitivity": 0.8,
                             "specificity": 0.7, "ece": 0.05}},
        calibration={"temperature": 1.25, "folded": True, "split": "validation"}, parent="old-chest-2", default=True,
        attribution=("Weights of arithmetic",), intended_use="Test of old data; its verdicts mean nothing.",
        limits=("Knows nothing of radiographs.",), author="A. Nalyst", created="2026-01-02T10:15:00+00:00",
    )  # fmt: skip
    save_network(paths.user_models_dir() / card.id, network, card)
    return card.id


def casebook(films: Mapping[str, Path], model_id: str) -> tuple[Path, dict[str, Any]]:
    """A casebook in which everything that can be kept is kept once at least."""
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.engine.messages import Analyse
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.errors import UnreadableFileError
    from divisive_desktop.imaging import open_image
    from divisive_desktop.library.store import find_model
    from divisive_desktop.masks.mask import Mask

    worker, card = Worker("cpu"), find_model(model_id).card
    thumbnail = cv2.imencode(".png", np.arange(256, dtype=np.uint8).reshape(16, 16))[1].tobytes()

    def analysis(name: str) -> Any:
        return worker.handle(Analyse(str(films[name]), model_id=model_id))

    with Casebook.create(DATA / "Old.casebook", holdout_share=0.0) as book:
        book.set_user("A. Nalyst", "radiologist")
        book.set_setting("copy", "auto")
        film = book.add_image(films["film"], task="chest-xray", thumbnail=thumbnail)
        photo = book.add_image(open_image(films["photo"]), task="face-synthetic", thumbnail=thumbnail)
        radiograph = book.add_image(open_image(films["radiograph"]), task="chest-xray")
        gone = book.add_image(films["film"].with_name("gone.png"))
        book.set_name(photo, "Photograph of nobody")
        book.set_patient(photo, "Nobody")
        book.set_side(radiograph, "holdout")
        for case, label in ((film, 0), (film, 1), (photo, 0), (radiograph, 1), (gone, 1), (gone, None)):
            book.set_label(case, label)
        book.set_review(film, "done")
        book.set_review([photo], "flagged")
        book.set_review(radiograph, "in_review")
        book.set_notes(film, "Shadow at the left: “round”, ½ of the field.\nSecond line, Γνώμη.")
        book.set_tags([film, photo], ["second look", "Übung"])
        book.add_tag(film, "teaching")
        book.add_time(film, 12.5)

        mask = Mask(160, 120)
        round_, faint = mask.add("shadow", weight=1.0), mask.add("rim", "#00aa88", weight=0.5)
        with mask.editing(round_.id, (30, 40, 40, 40)) as pixels:
            pixels[:] = 255
        with mask.editing(faint.id, (20, 30, 60, 8)) as pixels:
            pixels[:] = 128
        book.save_mask(film, mask, tool="brush")
        with mask.editing(round_.id, (30, 40, 10, 10)) as pixels:
            pixels[:] = 0
        book.save_mask(film, mask, tool="eraser")
        other = Mask(160, 120)
        with other.editing(other.add("heart").id, (60, 50, 50, 45)) as pixels:
            pixels[:] = 255
        book.save_mask(radiograph, other, tool="lasso")

        first = book.add_analysis(film, analysis("film"))
        book.set_agreement(first, energy=0.625, iou=0.25, pointing=True)
        book.set_measurements(film, [
            {"kind": "ruler", "points": [[10.0, 20.0], [110.0, 95.0]], "text": ["125 px"]},
            {"kind": "angle", "points": [[10.0, 10.0], [40.0, 10.0], [40.0, 50.0]], "text": ["90.0°"]},
            {"kind": "ellipse", "points": [[30.0, 40.0], [70.0, 80.0]], "text": ["mean 120"]},
        ])  # fmt: skip

        batch = book.start_batch([radiograph, gone, (films["photo"], 0)], name="All", parameters={"model": model_id})
        items = book.next_items(batch)
        book.finish_item(items[0].id, analysis("radiograph"))
        book.fail_item(items[1].id, UnreadableFileError("gone.png can't be read.", "Find the file."))
        cancelled = book.start_batch([film], name="", parameters={})
        book.cancel_batch(cancelled)

        run = book.start_run("difference", [(film, "train"), (photo, "validation"), (radiograph, "holdout")],
                             base=card.ref, parameters={"epochs": 2, "alpha": 0.5, "new_id": model_id})
        book.finish_run(run, "done", result=card.ref, metrics={"holdout": {"before": 0.5, "after": 0.75}})
        book.decide_run(run, "kept")
        stopped = book.start_run("cross_entropy", [(film, "train")], parameters={})
        book.finish_run(stopped, "cancelled")
        book.trash([gone])
        book.audit("export", case=film, file="film.json")
        return book.path, {"film": film, "photo": photo, "radiograph": radiograph, "gone": gone}


def reports(book: Path, case: int) -> None:
    """One case in every format, sealed and signed with a key that is thrown away."""
    import keyring
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def __init__(self) -> None:
            self.held: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.held[service, username] = password

    keyring.set_keyring(Memory())
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.reporting.items import kept_case
    from divisive_desktop.reporting.keys import load_key
    from divisive_desktop.reporting.options import Options, save_last
    from divisive_desktop.reporting.produce import produce

    options = Options(
        formats=("pdf", "html", "json", "csv", "dicom"), institution="Clinic of Examples", paper="Letter",
        left_out=("before_after",), analyst="A. Nalyst", conclusion="Nothing but arithmetic.", dates="shift",
        sign=True, folder="/home/analyst/Reports",
    )  # fmt: skip
    with Casebook.open(book) as opened:
        item = kept_case(opened, case, options)
        made = produce(
            [(item.name, lambda side, lossless: item.content(200, False))],  # smaller pictures than people get
            options, HOME / "Reports", key=load_key(create=True), dicom=[item.dicom],
        )  # fmt: skip
        opened.audit("report", case=case, files=[f.name for f in made.files], deidentified=options.deidentify)
    save_last(options)


def settings() -> None:
    """Every setting otherwise than at first, and the layout of a window that was used."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication, QDockWidget

    from divisive_desktop.desktop import app
    from divisive_desktop.desktop.selftest import pump
    from divisive_desktop.desktop.settings import Settings

    kept = Settings()
    kept.theme, kept.analyse_on_opening, kept.device, kept.max_pixels = "dark", False, "cpu", 123_000_000
    kept.names_identify = True
    kept.keys = {"fit": "Ctrl+Alt+F", "label-1": "", "brush-larger": "+"}
    kept.mouse = {"Right": "pan", "Ctrl+Wheel": "level", "Double click": "fit"}
    kept.user = ("A. Nalyst", "radiologist")
    for name in ("a.dcm", "b, with comma.png", "ü.png"):
        kept.add_recent([PICTURES / name])
    for name in ("First", "Old"):
        kept.add_recent_casebook(DATA / f"{name}.casebook")
    for purpose in ("open", "export", "mask", "model", "casebook", "report"):
        kept.set_folder(purpose, HOME / purpose)
    kept.set_layout_for("chest-xray", "pair")
    kept.set_layout_for("face-synthetic", "features")
    kept.sync()
    app.application()
    window = app.build(kept, HOME / "Window.casebook")
    window.resize(1400, 850)
    window.show()
    pump(1500)
    window.identity_visible = kept.identity_visible = True
    docks = {dock.objectName(): dock for dock in window.findChildren(QDockWidget)}
    window.worklist.set_columns(["label", "verdict", "notes"])
    window.resizeDocks([docks["worklist"]], [420], Qt.Orientation.Horizontal)
    docks["inspector"].hide()
    pump(300)
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    kept.set_worklist(kept.worklist()[0], True)
    kept.sync()


def expected(book_path: Path, model_id: str) -> dict[str, Any]:
    """What 0.1.0 itself reads in all of it."""
    from divisive_desktop.casebook import Casebook, CaseFilter, verify
    from divisive_desktop.desktop.settings import Settings
    from divisive_desktop.library.store import find_model
    from divisive_desktop.reporting.keys import known_keys
    from divisive_desktop.reporting.options import load_last

    def array(values: npt.NDArray[Any]) -> dict[str, Any]:
        return {"shape": list(values.shape), "sum": float(values.sum()), "max": float(values.max())}

    with Casebook.open(book_path, read_only=True) as book:
        cases = []
        for row in book.cases(CaseFilter(trashed=None)):
            mask = book.load_mask(row.id)
            analyses = []
            for made in book.analyses(row.id):
                whole = book.load_analysis(made.id)
                analyses.append({**made._asdict(), "cams": array(whole.cams), "bias": list(whole.bias),
                                 "region": list(whole.region), "preprocessing": dict(whole.preprocessing)})
            cases.append({
                **row._asdict(), "tags": list(row.tags), "labels": [r._asdict() for r in book.labels(row.id)],
                "mask": None if mask is None else {
                    "digest": mask.digest(), "union": array(mask.union()),
                    "regions": [[r.name, r.colour, r.weight] for r in mask.regions],
                },
                "analyses": analyses, "measurements": list(book.measurements(row.id)),
            })  # fmt: skip
        kept = {
            "cases": cases,
            "runs": [{**r._asdict(), "cases": [c._asdict() for c in book.run_cases(r.id)]} for r in book.runs()],
            "batches": [{**b._asdict(), "items": [i._asdict() for i in book.batch_items(b.id)]}
                        for b in book.batches()],
            "training": [{**c._asdict(), "path": c.path.name} for c in book.training_cases()],
            "settings": {key: book.setting(key) for key in ("identity", "patient_keys", "holdout_share", "copy")},
            "audit": [[r.seq, r.time, r.user, r.role, r.act, r.case_id, r.hash] for r in book.audit_trail(limit=9999)],
        }  # fmt: skip
    checked = verify(book_path)
    assert checked.ok, checked.breaks
    card, read = find_model(model_id).card, Settings()
    columns, small = read.worklist()
    return {
        "casebook": kept | {"head": checked.head},
        "model": asdict(card),
        "settings": {
            "theme": read.theme, "identity_visible": read.identity_visible, "names_identify": read.names_identify,
            "recent": read.recent, "recent_casebooks": read.recent_casebooks, "user": list(read.user),
            "folders": {p: read.folder(p) for p in ("open", "export", "mask", "model", "casebook", "report")},
            "layouts": {q: read.layout_for(q) for q in ("chest-xray", "face-synthetic", "chest-planted")},
            "keys": read.keys, "mouse": read.mouse, "max_pixels": read.max_pixels, "device": read.device,
            "analyse_on_opening": read.analyse_on_opening, "small_rows": small,
            "columns": columns.toBase64().toStdString(),
            "window": [part.toBase64().toStdString() for part in read.window_layout()],
        },
        "last_report": {**asdict(load_last()), "logo": ""},
        "known_keys": dict(known_keys()),
    }  # fmt: skip


def main(target: Path) -> None:
    if HOME.exists():
        raise SystemExit(f"{HOME} exists already; this script makes it and takes it away again")
    os.environ.update(DIVISIVE_DESKTOP_HOME=str(DATA), LOGNAME="analyst", QT_QPA_PLATFORM="offscreen")
    from divisive_desktop import __version__

    if __version__ != "0.1.0":
        raise SystemExit(f"this is {__version__}: put the package of 0.1.0 on PYTHONPATH")
    try:
        films = pictures()
        (PICTURES / "gone.png").write_bytes(films["film"].read_bytes() + b"\n")
        model_id = model()
        book, ids = casebook(films, model_id)
        (PICTURES / "gone.png").unlink()
        reports(book, ids["radiograph"])
        settings()
        found = expected(book, model_id)
        keep(target, book, model_id, found)
    finally:
        shutil.rmtree(HOME)


def keep(target: Path, book: Path, model_id: str, found: Mapping[str, Any]) -> None:
    """Into the folder of test data; the model packed, its file for exchange too."""
    from divisive_desktop.library.archive import export_model
    from divisive_desktop.library.store import find_model

    for name in ("Divisive", "Pictures", "Reports", "models.zip", "exchange.divmodel", "expected.json"):
        path = target / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    stored = find_model(model_id)
    with zipfile.ZipFile(target / "models.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for file in sorted(stored.folder.iterdir()):
            out.writestr(zipfile.ZipInfo(f"{model_id}/{file.name}"), file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    exported = export_model(stored, HOME / "exchange.divmodel")
    with zipfile.ZipFile(exported) as plain, zipfile.ZipFile(target / "exchange.divmodel", "w") as packed:
        for entry in plain.infolist():  # 0.1.0 stores the weights as they are, and reads them packed too
            packed.writestr(zipfile.ZipInfo(entry.filename), plain.read(entry), zipfile.ZIP_DEFLATED, 9)
    shutil.copytree(PICTURES, target / "Pictures")
    shutil.copytree(HOME / "Reports", target / "Reports", ignore=shutil.ignore_patterns("*-p[dm]*.dcm", "*-sc.dcm"))
    shutil.copytree(book, target / "Divisive" / book.name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("settings.ini", "report.json", "known-keys.json"):
        shutil.copy(DATA / name, target / "Divisive")
    (target / "expected.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
