"""How a phone is to be while it is measured, as options, and the one question that is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.markup import escape

from ghostdeploy.cli.options import names
from ghostdeploy.cli.output import StageDisplay
from ghostdeploy.device.control import CloseApps, Wishes
from ghostdeploy.errors import UsageError

CloseAppsOption = Annotated[str, typer.Option(
    "--close-apps", metavar="none|background|all",
    help="Phones: force-stop the apps that the user installed, end background processes only, or leave all alone.")]
KeepAppsOption = Annotated[bool, typer.Option("--keep-apps", help="Phones: the same as --close-apps none.")]
KeepAppOption = Annotated[list[str] | None, typer.Option(
    "--keep-app", metavar="PACKAGE", help="Phones: never stop this app; may be given more than once.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Phones: stop other apps without asking.")]
AllowOption = Annotated[str, typer.Option(
    "--allow", metavar="NAME,NAME", help="Phones: measure in spite of these findings; the result says so.")]
AirplaneOption = Annotated[bool, typer.Option(
    "--airplane", help="Phones on USB: airplane mode while measuring.")]
BatteryOption = Annotated[float, typer.Option(
    "--max-battery-c", metavar="DEGREES", help="Phones: wait before each round until the battery is no warmer.")]
RuntimeOption = Annotated[Path | None, typer.Option(
    "--runtime", metavar="FILE", help="Phones: run with this .so or .aar, the one that your app ships.")]
CoolDownOption = Annotated[float, typer.Option(
    "--cool-down", metavar="SECONDS", help="Phones: how long to wait for that at most.")]


def wishes(close_apps: str, keep_apps: bool, keep: list[str] | None, allow: str, airplane: bool, max_battery_c: float,
           cool_down_s: float, confirm: Callable[[tuple[str, ...]], bool]) -> Wishes:
    """The options as `Wishes`.

    Raises:
        UsageError: a value that there is not.
    """
    if close_apps not in get_args(CloseApps):
        raise UsageError(f"--close-apps {close_apps} is not known", "", "choose none, background or all")
    if not 0 <= max_battery_c <= 60 or not 0 <= cool_down_s <= 86400:
        raise UsageError("--max-battery-c goes from 0 to 60 degrees, --cool-down from 0 to 86400 seconds", "",
                         "choose numbers within")
    return Wishes("none" if keep_apps else cast(CloseApps, close_apps), tuple(keep or ()), names(allow), airplane,
                  max_battery_c, cool_down_s, confirm)


def ask(display: StageDisplay, yes: bool) -> Callable[[tuple[str, ...]], bool]:
    """What asks before apps are stopped, on the terminal; in scripts `--yes` must have answered."""
    def confirm(packages: tuple[str, ...]) -> bool:
        display.finish()
        display.note(f"{len(packages)} apps will be stopped, which cannot be undone: their alarms and messages wait "
                     f"until they are opened again: {', '.join(packages)}")
        if yes:
            return True
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(f"{len(packages)} apps would be stopped, and nobody can be asked",
                             f"they are {', '.join(packages)}",
                             "say --yes to stop them, or --close-apps background, or --keep-apps")
        return typer.confirm(escape("Stop them?"), err=True)
    return confirm
