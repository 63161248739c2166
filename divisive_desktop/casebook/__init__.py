"""What is kept: cases, labels, masks, analyses, runs and the audit chain, in the folder ``NAME.casebook/``.

::

    with Casebook.open_default() as book:                  # or .create(path), .open(path)
        if book.read_only: print(book.read_only)           # "The casebook is held by ann on pc7 (process 812, …)."
        case = book.add_image(record, thumbnail=png)       # ImageRecord, NewImage or Path; same bytes -> same case
        book.add_images(paths)                             # one transaction; about a hundred at a time
        row = book.add_analysis(case, analysis)            # refused when the file was altered since import
        book.set_agreement(row, energy=.8, iou=.5, pointing=True)
        book.set_label(case, 1); book.set_review([case], "done"); book.set_notes(case, "…"); book.add_tag(case, "x")
        book.save_mask(case, mask.snapshot(), tool="brush")    # masks.Mask; after every stroke, from a worker thread
        book.set_measurements(case, [{"kind": "ruler", "points": […]}]); book.measurements(case)
        mask = book.load_mask(case)                            # masks.Mask or None
        book.cases(CaseFilter(text="knee", review=("new",)), sort="disagreement")   # light CaseRow tuples
        book.thumbnail(row.thumbnail); book.image_path(case)
        batch = book.start_batch([1, 2, Path("x.dcm")], parameters={"model": "…"})
        for item in book.next_items(batch): book.finish_item(item.id, analysis)  # or fail_item(item.id, error)
        book.batches(unfinished=True)                      # after a crash: resume with next_items
        book.training_cases("train"); book.start_run("difference", [(case, "train")]); book.finish_run(…)
        book.trash([case]); book.empty_trash(); book.audit("export", case=case, file="x.csv"); book.audit_trail(case)
        book.check_files(); book.relink(folder); book.save_copy(path); book.export_zip(path)
        book.export_results(Path("results.csv"))            # or .json; batch=id for a batch with its failures
    verify(path)                                           # Report: breaks, remarks

Methods that write return when the act is on the disk, together with its record in the audit chain; they may be called
from any thread (call ``save_mask`` from a worker thread: it flushes files). Errors are ``CasebookError`` and its kin.

The folder (0700, files 0600): ``casebook.sqlite`` · ``blobs/`` content-addressed files (masks, thumbnails, imported
images) · ``chain.log`` the chain's hashes a second time · ``seal.json`` hash of the closed database ·
``lock`` who holds it · ``waiting.jsonl`` files on their way in · ``backups/`` · ``damaged/`` what was set aside.
"""

from __future__ import annotations

from divisive_desktop.casebook.casebook import Casebook
from divisive_desktop.casebook.folder import SUFFIX
from divisive_desktop.casebook.rows import (
    REVIEWS,
    SORTS,
    AnalysisRow,
    BatchItem,
    BatchStatus,
    CaseFilter,
    CaseRow,
    LabelRow,
    NewImage,
    Review,
    RunCase,
    RunRow,
    Side,
    TrainingCase,
)
from divisive_desktop.casebook.storage.chain import AuditRecord
from divisive_desktop.casebook.storage.lock import Holder
from divisive_desktop.casebook.verify import Finding, Report, verify

__all__ = [
    "REVIEWS",
    "SORTS",
    "SUFFIX",
    "AnalysisRow",
    "AuditRecord",
    "BatchItem",
    "BatchStatus",
    "CaseFilter",
    "CaseRow",
    "Casebook",
    "Finding",
    "Holder",
    "LabelRow",
    "NewImage",
    "Report",
    "Review",
    "RunCase",
    "RunRow",
    "Side",
    "TrainingCase",
    "verify",
]
