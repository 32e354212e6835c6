"""The one place that writes to the terminal: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from ghostdeploy.errors import GhostdeployError, WriteFailed


class OutputFailed(WriteFailed):
    """Raised when standard output takes nothing; the same to a user, but not said there."""


JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]


def emit(document: Mapping[str, Any], render: Callable[[Console], None], *, as_json: bool) -> None:
    """Show a command's result: the document as JSON, or `render` on a terminal."""
    with _standard_output():
        if as_json:
            sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
        else:
            render(Console())


@contextmanager
def _standard_output() -> Iterator[None]:
    """Everything written in the block has arrived when it ends.

    Raises:
        OutputFailed: the disk that standard output goes to is full. What Python still holds is dropped, since it would
            fail once more when the interpreter ends.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputFailed("cannot write to standard output", error.strerror or str(error),
                           "free some space, or send the output somewhere else") from error


def check_output(path: Path) -> None:
    """See that a file can be written there; found out before minutes of measuring, not after.

    Raises:
        WriteFailed: it is a directory or another thing that is no regular file, or its directory does not exist.
    """
    if path.is_dir():
        why = "it is a directory"
    elif path.exists() and not path.is_file():
        why = "it is no regular file"
    elif not path.absolute().parent.is_dir():
        why = "its directory does not exist"
    else:
        return
    raise WriteFailed(f"cannot write {path}", why, "choose another file with -o")


def heading(console: Console, text: str) -> None:
    """A line above a table, never wrapped: a path must be copied in one piece (a table's own title is cut to fit)."""
    console.print(text, style="italic", markup=False, highlight=False, soft_wrap=True)


def show_error(error: GhostdeployError, *, as_json: bool) -> None:
    """An error in three sentences and its code; as JSON it is the document on stdout, unless that takes nothing."""
    if as_json and not isinstance(error, OutputFailed):
        with suppress(OutputFailed):
            with _standard_output():
                sys.stdout.write(json.dumps({"error": error.as_dict()}, indent=2) + "\n")
            return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("[bold red]error[/]", end=" ")
    console.print(f"[{error.code}]", style="red", markup=False, end=" ")
    console.print(error.what, markup=False)
    for title, text in (("why", error.why), ("next", error.next)):
        if text:
            console.print(f"  {title}:", style="bold", end=" ")
            console.print(text, markup=False)


@dataclass
class StageDisplay:
    """Names the stage at work on stderr, with the time each took; a spinner where stderr is a terminal.

    `quiet` leaves the stages out. Notes are for the user all the same: what was closed, what could not be put back.
    """

    console: Console
    quiet: bool = False
    started: float = field(default_factory=time.monotonic)
    current: str | None = None
    status: Status | None = None

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""
        self.finish()
        self.current, self.started = name, time.monotonic()
        if self.quiet:
            return
        if self.console.is_interactive:
            self.status = self.console.status(escape(name))
            self.status.start()
        elif not self.console.is_terminal:    # in a log, a stage that never ends must be named too
            self.console.print(f"  … {escape(name)}", highlight=False)

    def note(self, text: str) -> None:
        """See `Progress.note`."""
        self.console.print(f"  [dim]·[/] {escape(text)}", highlight=False)

    def finish(self, *, done: bool = True) -> None:
        """Close the running stage; one that failed is named as such."""
        if self.status is not None:
            self.status.stop()
            self.status = None
        if self.current is not None and not self.quiet:
            mark = "[green]✓[/]" if done else "[red]✗[/]"
            seconds = time.monotonic() - self.started
            self.console.print(f"  {mark} {escape(self.current)} [dim]{seconds:.1f} s[/]", highlight=False)
        self.current = None


@contextmanager
def stages(*, quiet: bool = False) -> Iterator[StageDisplay]:
    """A progress display on stderr for the length of a command."""
    display = StageDisplay(Console(stderr=True), quiet)
    try:
        yield display
    except BaseException:
        display.finish(done=False)
        raise
    display.finish()
