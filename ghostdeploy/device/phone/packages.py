"""Names of apps, in the many ways in which Android prints them."""

from __future__ import annotations

import re

# android.content.pm.PackageParser.validateName: letters, digits and underscores in two or more parts; 255 at most.
NAME = r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)+"
LINE = re.compile(rf"^package:(?:\S*=)?({NAME})(?:[ \t].*)?$", re.MULTILINE)
COMPONENT = re.compile(rf"(?<![\w.$/-])({NAME})/\.?[A-Za-z_][\w.$]*")
WHOLE_LINE = re.compile(rf"^[ \t]*({NAME})[ \t]*$", re.MULTILINE)
LONGEST = 255


def listed(text: str) -> tuple[str, ...]:
    """The names in what `pm list packages` printed, with or without `-f`, `-U`, `--show-versioncode`; sorted."""
    return _names(LINE.findall(text.replace("\r", "")))


def components(text: str) -> tuple[str, ...]:
    """The packages of all `package/class` components in a text; sorted."""
    return _names(COMPONENT.findall(text))


def alone(text: str) -> tuple[str, ...]:
    """The names that stand alone on a line; sorted."""
    return _names(WHOLE_LINE.findall(text.replace("\r", "")))


def _names(found: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in found if len(name) <= LONGEST}))
