"""How a phone is to be while it is measured, as options, and the one question that is asked."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer
from rich.markup import escape

from ghostdeploy.cli.options import names
from ghostdeploy.cli.output import StageDisplay
from ghostdeploy.device.control import CloseApps, Wishes
from ghostdeploy.errors import UsageError

RuntimeOption = Annotated[Path | None, typer.Option(
    "--runtime", metavar="FILE", help="Phones: run with this .so or .aar, the one that your app ships.")]


@dataclass(frozen=True)
class PhoneOptions:
    """The options of every command that measures phones: one field each."""

    close_apps: Annotated[str, typer.Option(
        "--close-apps", metavar="none|background|all", help="Phones: force-stop the apps that the user installed, end "
        "background processes only, or leave all alone.")] = "all"
    keep_apps: Annotated[bool, typer.Option("--keep-apps", help="Phones: the same as --close-apps none.")] = False
    keep_app: Annotated[list[str] | None, typer.Option(
        "--keep-app", metavar="PACKAGE", help="Phones: never stop this app; may be given more than once.")] = None
    yes: Annotated[bool, typer.Option("--yes", help="Phones: stop other apps without asking.")] = False
    allow: Annotated[str, typer.Option(
        "--allow", metavar="NAME,NAME", help="Phones: measure in spite of these findings; the result says so.")] = ""
    airplane: Annotated[bool, typer.Option(
        "--airplane", help="Phones on USB: airplane mode while measuring.")] = False
    max_battery_c: Annotated[float, typer.Option(
        "--max-battery-c", metavar="DEGREES", help="Phones: wait before each round until the battery is no warmer.")
    ] = Wishes.max_battery_c
    cool_down: Annotated[float, typer.Option(
        "--cool-down", metavar="SECONDS", help="Phones: how long to wait for that at most.")] = Wishes.cool_down_s
    runtime: RuntimeOption = None

    def wishes(self, display: StageDisplay) -> Wishes:
        """The options as `Wishes`; what has to be asked is asked on `display`.

        Raises:
            UsageError: a value that there is not.
        """
        if self.close_apps not in get_args(CloseApps):
            raise UsageError(f"--close-apps {self.close_apps} is not known", "", "choose none, background or all")
        if not 0 <= self.max_battery_c <= 60 or not 0 <= self.cool_down <= 86400:
            raise UsageError("--max-battery-c goes from 0 to 60 degrees, --cool-down from 0 to 86400 seconds", "",
                             "choose numbers within")
        return Wishes("none" if self.keep_apps else cast(CloseApps, self.close_apps), tuple(self.keep_app or ()),
                      names(self.allow), self.airplane, self.max_battery_c, self.cool_down, _ask(display, self.yes))


# Evaluated once: four commands share them, and each evaluation takes milliseconds of every start.
OFFERED = inspect.signature(PhoneOptions, eval_str=True).parameters


def with_phone_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, whose last parameter is `phone`, as typer takes it: with the fields of `PhoneOptions` in its place.

    Typer has no groups of options; it reads a signature, so this makes one.
    """
    own = inspect.signature(command, eval_str=True).parameters

    @functools.wraps(command)
    def with_each(**values: Any) -> None:
        phone = PhoneOptions(**{name: values.pop(name) for name in OFFERED})
        command(**values, phone=phone)

    merged = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, p in {**own, **OFFERED}.items()
              if name != "phone"]
    with_each.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]
    with_each.__annotations__ = {p.name: p.annotation for p in merged}
    return with_each


def _ask(display: StageDisplay, yes: bool) -> Callable[[tuple[str, ...]], bool]:
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
