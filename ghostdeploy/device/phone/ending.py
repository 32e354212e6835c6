"""How a benchmark program on a phone ended: its document, or the best that can be said without one."""

from __future__ import annotations

import signal
from typing import Final

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.android.document import Document, DocumentError, parse
from ghostdeploy.device.phone.runs import RunDirectory
from ghostdeploy.errors import RunnerFailed
from ghostdeploy.phone_errors import PullFailed

PULL_S = 120.0
LOG_LINES = 12
FAILED_WITH_DOCUMENT, NO_DOCUMENT = 10, 11      # android_bench/README.md
CAUSES: Final = {
    signal.SIGKILL: ("the system killed it, most likely for want of memory",
                     "close other apps, or take a smaller model"),
    signal.SIGILL: ("this processor lacks an instruction that the runtime uses",
                    "measure with another library: --runtime FILE.aar"),
    signal.SIGSEGV: ("it reached for memory that is not its own: a fault of the runtime, or of the model file",
                     "verify the bundle on this machine: ghostdeploy verify BUNDLE"),
    signal.SIGBUS: ("a file that it had mapped was cut short, or the storage failed", "free some space and try again"),
    signal.SIGABRT: ("the runtime gave up by itself", "see its log above")}


def document(link: Link, directory: RunDirectory, status: int | None) -> Document:
    """The document that the program left.

    Raises:
        RunnerFailed: there is none, or it is damaged; with the signal, its likely cause, and the end of its log.
    """
    if status not in (0, FAILED_WITH_DOCUMENT):
        raise _without_document(link, directory, status)
    try:
        return parse(link.pull(directory / "result", deadline_s=PULL_S))
    except PullFailed as error:
        raise RunnerFailed(f"the benchmark on {link.serial} left no document", error.why, "measure again") from error
    except DocumentError as error:
        raise RunnerFailed(f"the document of the benchmark on {link.serial} is damaged", str(error),
                           "measure again; another cable or port may help") from error


def _without_document(link: Link, directory: RunDirectory, status: int | None) -> RunnerFailed:
    what, why, way_out = f"the benchmark program on {link.serial} ended without a document", "", "measure again"
    if status is None:
        why, way_out = CAUSES[signal.SIGKILL]
    elif status > 128:
        number = next((known for known in signal.Signals if known == status - 128), None)
        what = f"the benchmark program on {link.serial} crashed: {number.name if number else f'signal {status - 128}'}"
        why, way_out = CAUSES.get(number, ("", way_out)) if number else ("", way_out)
    elif status != NO_DOCUMENT:
        what += f", with status {status}"
        why = "the phone's shell could not run it" if status in (126, 127) else ""
    log = log_end(link, directory)
    return RunnerFailed(what, "\n".join(filter(None, (why, log))), way_out)


def log_end(link: Link, directory: RunDirectory) -> str:
    """The last lines of the program's log; its `stage:` lines tell how far it came."""
    return link.run(("tail", "-n", str(LOG_LINES), directory / "log")).said
