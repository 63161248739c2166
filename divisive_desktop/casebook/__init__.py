"""What is kept: cases, labels, masks, analyses, runs and the audit chain, in the folder ``NAME.casebook/``.

::

    with Casebook.open_default() as book:                  # or .create(path), .open(path)
        if book.read_only: print(book.read_only)           # "The casebook is held by ann on pc7 (process 812, …)."
        case = book.cases.add(record, thumbnail=png)       # ImageRecord, NewImage or Path; same bytes -> same case
        book.cases.add_all(paths)                          # one transaction; about a hundred at a time
        book.cases.set_label(case, 1); book.cases.set_review([case], "done"); book.cases.add_tag(case, "x")
        book.cases.rows(CaseFilter(text="knee", review=("new",)), sort="disagreement")   # light CaseRow tuples
        row = book.cases.get(case); book.cases.thumbnail(row.thumbnail)
        book.originals.path(case); book.originals.check(); book.originals.relink(folder)
        analysis_id = book.analyses.add(case, analysis)    # refused when the file was altered since import
        book.analyses.set_agreement(analysis_id, energy=.8, iou=.5, pointing=True)
        book.masks.save(case, mask.snapshot(), tool="brush")   # masks.Mask; after every stroke, from a worker thread
        mask = book.masks.load(case)                           # masks.Mask or None
        book.measurements.save(case, [{"kind": "ruler", "points": […]}]); book.measurements.load(case)
        batch = book.batches.start([1, 2, Path("x.dcm")], parameters={"model": "…"})
        for item in book.batches.next_items(batch):
            book.batches.finish_item(item.id, analysis)    # or fail_item(item.id, error)
        book.batches.rows(unfinished=True)                 # after a crash: resume with next_items
        book.runs.training_cases("train"); book.runs.start("difference", [(case, "train")]); book.runs.finish(…)
        book.trash.put([case]); book.trash.restore(case); book.trash.empty()
        book.settings.set("copy", True); book.settings.get("copy")
        book.audit.record("export", case=case, file="x.csv"); book.audit.trail(case); book.head()
        book.results.export(Path("results.csv"))           # or .json; batch=id for a batch with its failures
        book.transfer.save_copy(path); book.transfer.export_zip(path)
    import_zip(zip_file, path)
    verify(path)                                           # Report: breaks, remarks

Methods that write return when the act is on the disk, together with its record in the audit chain; they may be called
from any thread (call ``masks.save`` from a worker thread: it flushes files). Errors are ``CasebookError`` and its kin.

The folder (0700, files 0600): ``casebook.sqlite`` · ``blobs/`` content-addressed files (masks, thumbnails, imported
images) · ``chain.log`` the chain's hashes a second time · ``seal.json`` hash of the closed database ·
``lock`` who holds it · ``waiting.jsonl`` files on their way in · ``backups/`` · ``damaged/`` what was set aside.
"""

from __future__ import annotations

from divisive_desktop.casebook.casebook import Casebook
from divisive_desktop.casebook.exports.transfer import import_zip
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
    "import_zip",
    "verify",
]
