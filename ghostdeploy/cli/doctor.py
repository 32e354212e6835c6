"""`ghostdeploy doctor`: what stands in the way of measuring a phone, and the next command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ghostdeploy.cli.output import JsonFlag, emit, stages

if TYPE_CHECKING:
    from ghostdeploy.doctor import Check

MARKS = {"ok": "[green]✓[/]", "remark": "[yellow]·[/]", "problem": "[red]✗[/]"}
PROBLEM_EXIT = 4


def doctor(
    device: Annotated[str | None, typer.Option(
        metavar="SERIAL", help="The phone to look at; by default the one attached.")] = None,
    fetch: Annotated[bool, typer.Option(
        "--fetch", help="Fetch the runtimes and build the programs first: no network is needed later.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check this machine and a phone for what measuring needs; exit 4 if something stands in the way.

    Example: [bold]ghostdeploy doctor --fetch[/]
    """
    with stages(quiet=as_json) as progress:
        from ghostdeploy.doctor import machine

        if fetch:
            progress.stage("fetch runtimes, build benchmark programs")
            machine.fetch()
        progress.stage("look at this machine")
        here = list(machine.checks())
        progress.stage("look at the phone")
        there = _phone(device)
    found = [("machine", here), ("phone", there)]
    emit({place: [vars(check) for check in checks] for place, checks in found},
         lambda console: render(console, found), as_json=as_json)
    if any(check.verdict == "problem" for _, checks in found for check in checks):
        raise typer.Exit(PROBLEM_EXIT)


def _phone(serial: str | None) -> list[Check]:
    """What is found on the phone; that there is none, or that it cannot be talked to, is a finding too."""
    from ghostdeploy.device.adb.discover import open_link
    from ghostdeploy.doctor import Check, phone
    from ghostdeploy.errors import DeviceError

    try:
        link = open_link(serial)
        try:
            return list(phone.checks(link))
        finally:
            link.close()
    except DeviceError as error:
        return [Check("phone", "problem", f"{error.what}: {error.why}" if error.why else error.what, error.next)]


def render(console: Console, found: Sequence[tuple[str, Sequence[Check]]]) -> None:
    """One line per check, and below it what to do."""
    for place, checks in found:
        console.print(f"[bold]{place}[/]")
        for check in checks:
            console.print(f"  {MARKS[check.verdict]} {check.name}: {escape(check.found)}", highlight=False,
                          soft_wrap=True)
            if check.next:
                console.print(f"      [dim]next:[/] {escape(check.next)}", highlight=False, soft_wrap=True)
