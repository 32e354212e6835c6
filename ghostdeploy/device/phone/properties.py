"""`getprop`: what was built into the phone's system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ghostdeploy.device.phone.numbers import integer
from ghostdeploy.device.phone.questions import Question

PROPERTIES = Question("properties", "getprop")

# A value may hold line breaks; the next entry starts with a bracket at the beginning of a line.
ENTRY = re.compile(r"^\[([^\]\n]*)\]: \[(.{0,4096}?)\]$(?=\n\[|\n*\Z)", re.MULTILINE | re.DOTALL)

# What vendors write where they have nothing to say.
NOTHING = frozenset({"", "unknown", "none", "null", "n/a", "default"})

# Newest names first. `ro.soc.*` is asked of every phone since Android 12; the others are what vendors used before.
SOC = ("ro.soc.model", "ro.hardware.chipname", "ro.chipname", "ro.vendor.mediatek.platform", "ro.mediatek.platform",
       "ro.vendor.qti.soc_name", "ro.board.platform", "ro.hardware")

EMULATED_HARDWARE = ("goldfish", "ranchu", "cutf", "vsoc", "vbox86", "ttvm", "nox", "android_x86")


@dataclass(frozen=True)
class Properties:
    """What a phone is; None for what it does not tell.

    Attributes:
        abis: in the order in which the phone prefers them.
        emulator: the sign by which it is known to be an emulator, in words.
        build_type: user, userdebug or eng.
    """

    manufacturer: str | None
    model: str | None
    soc: str | None
    release: str | None
    api_level: int | None
    abis: tuple[str, ...]
    build_type: str | None
    emulator: str | None

    @property
    def debug_build(self) -> bool:
        """Whether the system is one for developers, with checks that cost time."""
        return self.build_type in ("userdebug", "eng")


def read(text: str) -> Properties:
    """What `getprop` without arguments printed."""
    entries = {key: value.strip() for key, value in ENTRY.findall(text.replace("\r", ""))}
    known = {key: value for key, value in entries.items() if value.lower() not in NOTHING}
    api = integer(known.get("ro.build.version.sdk"))
    return Properties(
        manufacturer=_first(known, "ro.product.manufacturer", "ro.product.vendor.manufacturer", "ro.product.brand"),
        model=_first(known, "ro.product.model", "ro.product.vendor.model", "ro.product.name"), soc=_soc(known),
        release=_first(known, "ro.build.version.release", "ro.build.version.release_or_codename"),
        api_level=api if api is not None and api > 0 else None, abis=_abis(known),
        build_type=known.get("ro.build.type"), emulator=_emulator(known))


def _first(known: Mapping[str, str], *names: str) -> str | None:
    return next((known[name] for name in names if name in known), None)


def _soc(known: Mapping[str, str]) -> str | None:
    model = _first(known, *SOC)
    maker = known.get("ro.soc.manufacturer")
    return f"{maker} {model}" if maker and model and maker.lower() not in model.lower() else model


def _abis(known: Mapping[str, str]) -> tuple[str, ...]:
    listed = _first(known, "ro.product.cpu.abilist", "ro.vendor.product.cpu.abilist", "ro.system.product.cpu.abilist")
    names = [name.strip() for name in (listed or known.get("ro.product.cpu.abi", "")).split(",")]
    return tuple(dict.fromkeys(name for name in names if re.fullmatch(r"[A-Za-z0-9_-]{2,32}", name)))


def _emulator(known: Mapping[str, str]) -> str | None:
    """The first sign of an emulator. Properties as the Android emulator, Cuttlefish and Genymotion set them."""
    for name in ("ro.kernel.qemu", "ro.boot.qemu"):
        if known.get(name) == "1":
            return f"{name} is 1"
    hardware = _first(known, "ro.hardware", "ro.boot.hardware") or ""
    if hardware.lower().startswith(EMULATED_HARDWARE):
        return f"its hardware is called {hardware}"
    if "emulator" in known.get("ro.build.characteristics", "").lower().split(","):
        return "its build says emulator"
    model = known.get("ro.product.model", "")
    if re.match(r"sdk_|google_sdk|Android SDK built for|Emulator|Cuttlefish|Genymotion", model, re.IGNORECASE):
        return f"its model is called {model}"
    if "genymotion" in known.get("ro.product.manufacturer", "").lower():
        return "it was made by Genymotion"
    return None
