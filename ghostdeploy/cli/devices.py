"""`ghostdeploy devices`: what can run models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ghostdeploy.cli.output import JsonFlag, emit

if TYPE_CHECKING:
    from ghostdeploy.device.base import Core, DeviceInfo


def devices(as_json: JsonFlag = False) -> None:
    """List what can run models, each with what makes its numbers worse than they could be.

    Example: [bold]ghostdeploy devices[/]
    """
    from ghostdeploy.device import known
    from ghostdeploy.device.records import to_json

    found = [device.describe() for device in known()]
    emit({"devices": to_json(found)}, lambda console: render(console, found), as_json=as_json)


def render(console: Console, found: list[DeviceInfo]) -> None:
    """One line per device, then its notes."""
    table = Table()
    for column in ("serial", "what it is", "system", "cores", "memory", "features"):
        table.add_column(column)
    for device in found:
        name = " ".join(filter(None, (device.manufacturer, device.model, device.soc))) or device.abi
        table.add_row(device.serial, name, device.os, _cores(device.cores), f"{device.memory_kb * 1024 / 1e9:.1f} GB",
                      " ".join(device.features))
    console.print(table)
    for device in found:
        for note in device.notes:
            console.print(f"  [yellow]·[/] {device.serial}: {note}", highlight=False)
    console.print("Measure on this machine: [bold]ghostdeploy bench BUNDLE --device local[/]", highlight=False)


def _cores(cores: tuple[Core, ...]) -> str:
    known = sorted({core.max_khz for core in cores if core.max_khz is not None}, reverse=True)
    groups = [f"{sum(core.max_khz == khz for core in cores)} at {khz / 1e6:.2f} GHz" for khz in known]
    return ", ".join(groups) or str(len(cores))
