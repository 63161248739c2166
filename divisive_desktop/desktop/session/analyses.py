"""Analyses of cases by the engine, and the important features of the one that is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.current import Current
from divisive_desktop.desktop.session.explaining import FoundFeatures, find_features
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.engine import messages
from divisive_desktop.errors import (
    CancelledError,
    EngineDiedError,
    ImageAlteredError,
    ModelNotFoundError,
    NothingFoundError,
    OutOfScopeError,
    UserFacingError,
)

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.imaging.correction import Correction
    from divisive_desktop.imaging.framing import Framing

_SHOWN_ELSEWHERE = (ModelNotFoundError, EngineDiedError, NothingFoundError, OutOfScopeError)
"""Failures that the inspector, the engine's own message or the choice of a part tells about."""


class Analyses(QObject):
    """Asks the engine, and takes in what it says.

    Parameters
    ----------
    ensure_listed : callable
        Puts frames that were only looked at into the list and the casebook.

    Signals
    -------
    changed(Case)
        The case's analysis, or its failure, is another one now, or is on its way.
    featuresReady(object)
        ``FoundFeatures`` of the current case; None while there are none.
    problem(object, UserFacingError)
        What the user should read now, about a ``Case``.
    """

    changed = Signal(Case)
    featuresReady = Signal(object)
    problem = Signal(object, UserFacingError)

    def __init__(
        self,
        runner: Runner,
        casebook: CasebookService,
        cases: CaseModel,
        current: Current,
        ensure_listed: Callable[[Iterable[Case]], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner, self._casebook, self._cases, self._current = runner, casebook, cases, current
        self._ensure_listed = ensure_listed
        self.features: FeatureSet | None = None
        """Important features of the current case, once they are found."""
        self.quantile: float | None = None
        """Threshold of the features as a quantile of |D|, 0..1; None: Otsu's."""

    def analyse(self, case: Case, *, task: str | None = None, ask_anyway: bool = False) -> None:
        """(Re-)analyse one case with the model version that is in use.

        Parameters
        ----------
        task : str, optional
            The question; None: the one that the analyst chose for the case, else by what the image is.
        ask_anyway : bool
            A person wants an answer although the image is out of the model's scope; the casebook records that.
        """
        if case.analysing or case.error is not None:
            return
        if case.file_state == "altered":
            self.problem.emit(case, altered(case))
            return
        self._ensure_listed([case])
        case.analysing, case.analysis_error, case.analysis = True, None, None
        self._changed(case)
        if case is self._current.case:
            self._forget_features()
        asked = case.correction
        self._runner.submit(
            replace(self.request(case), task=task or case.task, ask_anyway=ask_anyway),
            lambda analysis: self._analysed(case, analysis),
            lambda error: self._not_analysed(case, error, asked),
        )

    def set_framing(self, case: Case, framing: Framing | None) -> None:
        """Analyse another part of a case's image; None: what is found, or all where nothing is looked for."""
        case.framing = framing
        self.analyse(case)

    def request(self, case: Case) -> messages.Analyse:
        """What the engine is asked about a case."""
        sha256 = case.sha256  # the imported bytes: never what a file holds now
        if sha256 is None and case is self._current.case and self._current.record is not None:
            sha256 = self._current.record.sha256
        return messages.Analyse(
            str(case.source or case.path), case.frame, expected_sha256=sha256, task=case.task,
            framing=case.framing, correction=case.correction,
        )  # fmt: skip

    def accept(self, case: Case, analysis: Analysis) -> None:
        """A case was analysed; whoever asked for it keeps the result in the casebook."""
        case.analysing, case.analysis_error = False, None
        if analysis.correction != str(case.correction):  # the picture was turned meanwhile
            self.analyse(case)
            return
        case.analysis = replace(analysis, file=str(case.path))
        self._changed(case)
        if case is self._current.case:
            self.update_features()

    def reject(self, case: Case, error: UserFacingError) -> UserFacingError:
        """A case could not be analysed.

        Returns
        -------
        UserFacingError
            The error as it is kept with the case.
        """
        case.analysing = False
        if isinstance(error, ImageAlteredError):
            error, case.file_state = altered(case), "altered"
            if case.id is not None:
                number = case.id
                self._casebook.write(lambda book: book.originals.check([number]))
        if not isinstance(error, CancelledError):
            case.analysis_error = error
        self._changed(case)
        return error

    def _analysed(self, case: Case, analysis: Analysis) -> None:
        self._casebook.act([case], lambda book, ids: book.analyses.add(ids[0], analysis))
        self.accept(case, analysis)

    def _not_analysed(self, case: Case, error: UserFacingError, asked: Correction) -> None:
        if asked != case.correction:  # the picture was turned meanwhile: what is wrong with it as it was is no matter
            case.analysing = False
            self.analyse(case)
            return
        error = self.reject(case, error)
        shown_elsewhere = isinstance(error, (CancelledError, *_SHOWN_ELSEWHERE))
        if not shown_elsewhere and case is self._current.case:
            self.problem.emit(case, error)

    def _changed(self, case: Case) -> None:
        self._cases.changed(case)
        self.changed.emit(case)

    # -- features -------------------------------------------------------------------------------------------

    def set_quantile(self, quantile: float | None) -> None:
        """Threshold for the important features as a quantile of |D|, 0..1; None: Otsu's."""
        self.quantile = quantile
        self.update_features()

    def update_features(self) -> None:
        """Find the important features anew, in the background; the newest request wins."""
        case, record, quantile = self._current.case, self._current.record, self.quantile
        if case is None or case.analysis is None or record is None:
            self._forget_features()
            return
        analysis, spacing = case.analysis, record.spacing
        true_class = analysis.true_class(case.label)

        def done(found: FoundFeatures) -> None:
            if case is self._current.case:
                self.features = found.features
                self.featuresReady.emit(found)

        self._runner.run(
            lambda _: find_features(analysis, true_class, spacing, quantile),
            done,
            lambda error: self.problem.emit(case, error),
            key="features",
            priority=20,
        )

    def _forget_features(self) -> None:
        self.features = None
        self.featuresReady.emit(None)


def altered(case: Case) -> ImageAlteredError:
    """What the user reads where a file isn't what was imported."""
    return ImageAlteredError(
        f"{case.name} was altered since it was imported.",
        "It isn't analysed again. Restore the original file, or add the new version as a case of its own.",
    )


def chosen_framing(analysis: Analysis) -> Framing | None:
    """The part that a person chose for an analysis, to be asked for again; None: it was found, or nobody chose."""
    from divisive_desktop.imaging.framing import framing_of

    framing = framing_of(analysis.preprocessing)
    return framing if framing is not None and framing.by_person else None
