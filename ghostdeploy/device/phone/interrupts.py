"""Ctrl-C and its kin around something that must be put back: the first stops the work, none stops the putting back."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType

from ghostdeploy.ending_signals import ending_signals
from ghostdeploy.progress import Progress


class Interrupts:
    """While entered, the first Ctrl-C raises KeyboardInterrupt as ever, and later ones only say that they were heard.

    A SIGTERM, and the SIGHUP of a closed terminal or a dropped ssh connection, count as a Ctrl-C: by themselves they
    would end Python on the spot, with nothing put back. After `hold()` even a first one waits, until the block is left;
    then it raises. Outside of the main thread, where Python delivers no signals, this does nothing.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._raised = self._held = self._waiting = False

    def __enter__(self) -> Interrupts:
        self._active = threading.current_thread() is threading.main_thread()
        if self._active:
            self._previous = {number: signal.signal(number, self._heard) for number in ending_signals()}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._active:
            for number, handler in self._previous.items():
                signal.signal(number, handler)
        if self._waiting and not self._raised and kind is None:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From now on nothing is interrupted."""
        self._held = True

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if not self._raised and not self._held:
            self._raised = True
            raise KeyboardInterrupt
        if not self._waiting:
            self._waiting = True
            with suppress(OSError):     # writing to a terminal that was closed is EIO
                self._progress.note("putting the phone's settings back; a moment")
