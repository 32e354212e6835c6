"""The private functions of torch and ExecuTorch that are replaced while a graph is lowered, and where: here alone
(`late_code` also while one is traced).

Each saves time and changes no byte of the program (each one's file says how much, and its test compares the bytes).
They lean on what nobody promised to keep, so they are taken with the versions that they were tested with only; with
others the lowering is the stock one, and slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from ghostdeploy.late_code import TESTED_TORCH, late_code
from ghostdeploy.lowering.executorch.idle_passes import working_passes_only
from ghostdeploy.lowering.executorch.provenance import frugal
from ghostdeploy.lowering.specs import installed

TESTED: Final = {"torch": TESTED_TORCH, "executorch": "1.4.1"}


def tested() -> bool:
    """Are torch and ExecuTorch those that the shortcuts were tested with?"""
    return {package: installed(package) for package in TESTED} == TESTED


@contextmanager
def shortcuts(wanted: bool) -> Iterator[None]:
    """For the length of the block, if `wanted`."""
    with ExitStack() as held:
        for shortcut in (frugal, late_code, working_passes_only) if wanted else ():
            held.enter_context(shortcut())
        yield
