"""The system asks the program to end: by a signal (``kill``, a closed terminal, Ctrl+C), or with the user's session."""

from __future__ import annotations

import signal
import socket
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, Signal
from PySide6.QtWidgets import QApplication

_SIGNALS = ("SIGTERM", "SIGHUP", "SIGINT")
_USUAL = (signal.SIG_DFL, signal.default_int_handler)


class Ending(QObject):
    """Tells the window when it has to close or to keep what it holds. Made on the main thread; `release` undoes it.

    Signals
    -------
    asked()
        The program has to end now, in order. A second signal ends it at once, as the system would.
    sessionEnds()
        The user's session is about to end: when the slots return, everything has to be kept. The program may go on.
    """

    asked = Signal()
    sessionEnds = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        # Python runs its handlers between two of its own instructions, and a window that rests runs none. The number
        # that is written here as soon as a signal comes wakes Qt.
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)
        self._wakeup_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        known = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        self._before = {number: found for number in known if (found := signal.getsignal(number)) in _USUAL}
        for number in self._before:  # those that are ignored (``nohup``) stay so
            signal.signal(number, self._came)
        app.commitDataRequest.connect(lambda: self.sessionEnds.emit())
        app.aboutToQuit.connect(self.asked)  # Windows ends a session without closing the windows

    def release(self) -> None:
        """Handle signals as before."""
        self._restore()
        signal.set_wakeup_fd(self._wakeup_before)
        self._notifier.setEnabled(False)
        self._read.close()
        self._write.close()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def _came(self, number: int, frame: FrameType | None) -> None:
        """Python's handler; what is to be done is done when Qt is ready for it."""

    def _woken(self) -> None:
        came = self._read.recv(64)
        if any(number in came for number in self._before):
            self._restore()
            self.asked.emit()
