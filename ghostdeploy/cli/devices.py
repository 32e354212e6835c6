"""`ghostdeploy devices`: what can run models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ghostdeploy.cli.output import JsonFlag, emit, stages
from ghostdeploy.errors import DeviceError

if TYPE_CHECKING:
    from ghostdeploy.device.adb.discover import Found
    from ghostdeploy.device.base import Core, DeviceInfo, DeviceState


@dataclass(frozen=True)
class Listed:
    """A device that answered, or one that is attached and does not."""

    serial: str
    info: DeviceInfo | None
    state: DeviceState | None
    problem: DeviceError | None

    def as_dict(self) -> dict[str, Any]:
        """What `devices --json` prints of it."""
        from ghostdeploy.device.records import to_json

        known = {} if self.info is None else {**to_json(self.info), "state": to_json(self.state)}
        return {"serial": self.serial, **known, "problem": self.problem.as_dict() if self.problem else None}


def devices(as_json: JsonFlag = False) -> None:
    """List what can run models, each with its state and what makes its numbers worse than they could be.

    Example: [bold]ghostdeploy devices[/]
    """
    with stages(quiet=as_json) as progress:
        progress.stage("look for devices")
        found = listed()
    emit({"devices": [entry.as_dict() for entry in found]}, lambda console: render(console, found), as_json=as_json)


def listed() -> list[Listed]:
    """This machine, and every phone that adb knows of."""
    from ghostdeploy.device.adb.discover import attached
    from ghostdeploy.device.local import LocalDevice

    here = LocalDevice()
    entries = [Listed("local", here.describe(), here.state(), None)]
    try:
        return [*entries, *map(_asked, attached())]
    except DeviceError as error:
        return [*entries, Listed("adb", None, None, error)]


def _asked(phone: Found) -> Listed:
    """One phone; that it does not answer is what is wrong with it, and no reason to show nothing."""
    from ghostdeploy.device.adb.discover import open_link
    from ghostdeploy.device.phone.describe import describe
    from ghostdeploy.device.phone.state import state

    if phone.problem is not None:
        return Listed(phone.serial, None, None, phone.problem)
    try:
        link = open_link(phone.serial)
        try:
            info = describe(link)
            return Listed(phone.serial, info, state(link, info), None)
        finally:
            link.close()
    except DeviceError as error:
        return Listed(phone.serial, None, None, error)


def render(console: Console, found: Sequence[Listed]) -> None:
    """One line per device, then its state, its notes, and what is wrong with it."""
    table = Table()
    for column in ("serial", "what it is", "system", "ABI", "cores", "memory"):
        table.add_column(column, overflow="fold")       # a serial that is cut cannot be given to --device
    for entry in found:
        table.add_row(*map(escape, _row(entry)))
    console.print(table)
    for entry in found:
        for mark, text in _lines(entry):
            console.print(f"  {mark} {escape(f'{entry.serial}: {text}')}", highlight=False, soft_wrap=True)
    measure = next((entry.serial for entry in found if entry.serial != "local" and entry.info), "local")
    console.print(f"Measure: [bold]ghostdeploy bench BUNDLE --device {escape(measure)}[/]", highlight=False)


def _row(entry: Listed) -> tuple[str, ...]:
    info = entry.info
    if info is None:
        return (entry.serial, entry.problem.code if entry.problem else "", "", "", "", "")
    system = info.os if info.api_level is None else f"{info.os} (API {info.api_level})"
    return entry.serial, info.name, system, info.abi, _cores(info.cores), f"{info.memory_kb * 1024 / 1e9:.1f} GB"


def _lines(entry: Listed) -> list[tuple[str, str]]:
    """What there is to say below the table, each with its mark."""
    lines = []
    if entry.state is not None:
        lines.append(("[dim]now[/]", words(entry.state)))
    if entry.info is not None:
        lines += [("[dim]can[/]", " ".join(entry.info.features))] if entry.info.features else []
        lines += [("[yellow]·[/]", note) for note in entry.info.notes]
    if entry.problem is not None:
        lines.append(("[red]✗[/]", f"{entry.problem.what}; next: {entry.problem.next}"))
    return lines


def words(state: DeviceState) -> str:
    """A state in one line; what a device does not tell is said to be unknown."""
    clocks = [khz for khz in state.clocks_khz if khz is not None]
    parts = [("load", None if state.load is None else f"{state.load:.1f}"),
             ("clocks", f"{min(clocks) / 1e6:.2f} to {max(clocks) / 1e6:.2f} GHz" if clocks else None),
             ("temperature", None if state.thermal is None else f"{state.thermal:.0f} °C")]
    if state.stolen_s is not None:
        parts.append(("time stolen since boot", f"{state.stolen_s:.0f} s"))
    if state.battery_percent is not None or state.battery_c is not None:
        charge = "" if state.battery_percent is None else f"{state.battery_percent:.0f} % "
        warmth = "" if state.battery_c is None else f"at {state.battery_c:.0f} °C"
        parts.append(("battery", f"{charge}{warmth}".strip()))
    if state.thermal_status is not None:
        parts.append(("thermal status", str(state.thermal_status)))
    return ", ".join(f"{name} {text or 'unknown'}" for name, text in parts)


def _cores(cores: tuple[Core, ...]) -> str:
    known = sorted({core.max_khz for core in cores if core.max_khz is not None}, reverse=True)
    groups = [f"{sum(core.max_khz == khz for core in cores)} at {khz / 1e6:.2f} GHz" for khz in known]
    return ", ".join(groups) or str(len(cores))
