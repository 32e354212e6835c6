"""How each comparison runs as a program: quietly, and with errors as sentences."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import typer

from ghostdeploy.cli import quieten, wait_politely
from ghostdeploy.cli.output import show_error
from ghostdeploy.errors import GhostdeployError
from ghostdeploy.writing import make_directory, write_whole


def program(command: Callable[..., None]) -> None:
    """Run `command` with the options of the command line; an error of ours ends it with the error's exit code."""
    wait_politely()
    quieten()
    try:
        typer.run(command)
    except GhostdeployError as error:
        show_error(error, as_json=False)
        sys.exit(error.exit_code)


def publish(text: str, output: Path) -> None:
    """Print a document, and keep it in `output`, whole or not at all.

    Raises:
        WriteFailed: disk full, no permission.
    """
    make_directory(output.parent)
    write_whole(output, text)
    sys.stdout.write(text)
