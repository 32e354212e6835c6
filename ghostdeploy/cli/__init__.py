"""The `ghostdeploy` command: one file per command; each parses, calls the library, renders.

Each command is imported when it is called, and heavy imports stand inside them, so that `--help` and `models` answer at
once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import typer

from ghostdeploy.cli.commands import Commands
from ghostdeploy.debugging import debugging
from ghostdeploy.ending_signals import ending_signals
from ghostdeploy.errors import GhostdeployError, Interrupted, UsageError

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich",
    help="From a trained compact vision model to proven, fast .pte and .tflite artifacts for phones.",
    epilog="Exit codes: 0 done, 2 usage, 3 bad input, 4 device, 5 a check failed. "
           "GHOSTDEPLOY_DEBUG=1 shows the traceback of an error.",
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from ghostdeploy.version import VERSION

        sys.stdout.write(f"ghostdeploy {VERSION}\n")
        raise typer.Exit


class InternalError(GhostdeployError):
    """Raised around an exception that should have been one of ours: a bug."""

    code = "internal"


class _Interrupt:
    """Raises KeyboardInterrupt when a signal comes, and remembers that one did.

    C extensions that are just being imported make something else of it: once, in the stage that first imports the
    TFLite writer, "ImportError: initialization failed".
    """

    def __init__(self) -> None:
        self.came = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        self.came = True
        raise KeyboardInterrupt


def _run() -> int:
    """Run the command; every way it can end is an exit code or a `GhostdeployError`."""
    try:
        code = app(standalone_mode=False)
    except typer.exceptions.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "ghostdeploy")
        raise UsageError(error.format_message(), "", f"see `{command} --help`") from error
    if code == Interrupted.exit_code:    # typer turns KeyboardInterrupt into this exit code
        raise Interrupted("interrupted; nothing was left half-written")
    return int(code or 0)


def main() -> None:
    """Entry point of the console script."""
    # All unwind like Ctrl-C: a phone's settings, temporary directories and child processes are put right either way.
    interrupt = _Interrupt()
    for number in ending_signals():
        signal.signal(number, interrupt)
    wait_politely()
    debug = debugging()
    if not debug:
        quieten()
    try:
        sys.exit(_run())
    except GhostdeployError as error:
        if debug:
            traceback.print_exc()
        _show(error)
        if isinstance(error, Interrupted):
            _end_interrupted()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _tell_interrupted()
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if debug:
            traceback.print_exc()
        if interrupt.came:
            _tell_interrupted()
        bug = InternalError(f"{type(error).__name__}: {error}", "this is a bug in ghostdeploy",
                            "run again with GHOSTDEPLOY_DEBUG=1 and report the traceback")
        _show(bug)
        sys.exit(bug.exit_code)


def _show(error: GhostdeployError) -> None:
    from ghostdeploy.cli.output import show_error

    show_error(error, as_json="--json" in sys.argv)


def _tell_interrupted() -> NoReturn:
    _show(Interrupted("interrupted; nothing was left half-written"))
    _end_interrupted()


def _end_interrupted() -> NoReturn:
    """Exit with our own code.

    `sys.exit` will not: CPython ends by SIGINT whatever it is asked for, once a KeyboardInterrupt has passed through
    `exec` of source text, which importing any dataclass calls (seen in 2 of 40 interrupted commands). Everything of
    ours was unwound by then, and nothing is left to `atexit`.
    """
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(Interrupted.exit_code)


def wait_politely() -> None:
    """Let torch's threads sleep while they wait for each other; before torch is imported.

    Spinning ones burn the core that the one they wait for needs, as soon as anything else runs: nine photos through
    GhostNetV3 1.0x took 50 s instead of 1.6 s beside one other process on two cores.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def quieten() -> None:
    """Third parties warn and log on stderr about their own internals; a user can act on none of it."""
    import logging

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
