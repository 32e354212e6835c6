"""`ghostdeploy devices`: what can run models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ghostdeploy.cli.output import JsonFlag, emit

if TYPE_CHECKING:
    from ghostdeploy.device.base import Core, DeviceInfo, DeviceState


def devices(as_json: JsonFlag = False) -> None:
    """List what can run models, each with its state and what makes its numbers worse than they could be.

    Example: [bold]ghostdeploy devices[/]
    """
    from ghostdeploy.device import known
    from ghostdeploy.device.records import to_json

    found = [(device.describe(), device.state()) for device in known()]
    emit({"devices": [{**to_json(info), "state": to_json(state)} for info, state in found]},
         lambda console: render(console, found), as_json=as_json)


def render(console: Console, found: Sequence[tuple[DeviceInfo, DeviceState]]) -> None:
    """One line per device, then its state and its notes."""
    table = Table()
    for column in ("serial", "what it is", "system", "cores", "memory", "features"):
        table.add_column(column)
    for device, _ in found:
        name = " ".join(filter(None, (device.manufacturer, device.model, device.soc))) or device.abi
        table.add_row(*map(escape, (device.serial, name, device.os, _cores(device.cores),
                                    f"{device.memory_kb * 1024 / 1e9:.1f} GB", " ".join(device.features))))
    console.print(table)
    for device, state in found:
        console.print(f"  {escape(device.serial)} now: {words(state)}", highlight=False)
        for note in device.notes:
            console.print(f"  [yellow]·[/] {escape(f'{device.serial}: {note}')}", highlight=False)
    console.print("Measure on this machine: [bold]ghostdeploy bench BUNDLE --device local[/]", highlight=False)


def words(state: DeviceState) -> str:
    """A state in one line; what a device does not tell is said to be unknown."""
    clocks = [khz for khz in state.clocks_khz if khz is not None]
    parts = (("load", None if state.load is None else f"{state.load:.1f}"),
             ("clocks", f"{min(clocks) / 1e6:.2f} to {max(clocks) / 1e6:.2f} GHz" if clocks else None),
             ("temperature", None if state.thermal is None else f"{state.thermal:.0f} °C"),
             ("time stolen since boot", None if state.stolen_s is None else f"{state.stolen_s:.0f} s"))
    return ", ".join(f"{name} {text or 'unknown'}" for name, text in parts)


def _cores(cores: tuple[Core, ...]) -> str:
    known = sorted({core.max_khz for core in cores if core.max_khz is not None}, reverse=True)
    groups = [f"{sum(core.max_khz == khz for core in cores)} at {khz / 1e6:.2f} GHz" for khz in known]
    return ", ".join(groups) or str(len(cores))
