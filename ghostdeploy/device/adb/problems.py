"""Why a phone cannot be used, and what to do: one public error for each condition that adb reports."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ghostdeploy.device.adb.listing import READY, Entry
from ghostdeploy.errors import DeviceError, DeviceNotFound
from ghostdeploy.phone_errors import (
    AdbProblem,
    DeviceAmbiguous,
    DeviceBusy,
    DeviceNoPermission,
    DeviceOffline,
    DeviceUnauthorized,
)

HERE = "measure on this machine with --device local"
# Below this, difflib offers serials that share no more than their length (tried on serials of eight makers).
NEAR = 0.6


def of(entry: Entry) -> DeviceError | None:
    """What is wrong with a listed phone; None if it can be used."""
    state, serial = entry.state, entry.serial
    if state == READY:
        return None
    if state in ("unauthorized", "authorizing"):
        return unauthorized(serial)
    if state.startswith("no permissions"):
        return no_permission(serial, state)
    if state in ("offline", "connecting", "detached", "unknown"):
        return offline(serial, state)
    return DeviceOffline(f"{serial} runs no Android: adb calls its state {state}", "benchmarks need Android itself",
                         "start the phone normally (hold the power button), then run again")


def unauthorized(serial: str) -> DeviceUnauthorized:
    """The phone shows, or has been denied, its question."""
    return DeviceUnauthorized(
        f"{serial} does not trust this computer yet", "USB debugging asks for permission on the phone's screen",
        'unlock the phone and accept "Allow USB debugging"; if nothing is shown: Developer options, '
        "Revoke USB debugging authorisations, then replug")


def offline(serial: str, state: str = "offline") -> DeviceOffline:
    """Attached, and no answer."""
    return DeviceOffline(f"{serial} is {state}: it is attached and does not answer",
                         "the cable is loose, or its adbd hangs",
                         "replug the phone, or type: adb reconnect offline")


def no_permission(serial: str, said: str) -> DeviceNoPermission:
    """This user may not open the USB device."""
    return DeviceNoPermission(
        f"this user may not open {serial}", said,
        "install the udev rules (apt-get install android-sdk-platform-tools-common), join the group with "
        "`sudo usermod -aG plugdev $USER`, log in again and replug the phone")


def busy(serial: str, said: str) -> DeviceBusy:
    """Another program holds the phone's USB interface, nearly always an adb server that we were not told about."""
    return DeviceBusy(f"another program holds the USB connection to {serial}", said,
                      "an adb server owns it: install adb (apt-get install adb) so that it can be used, or end that "
                      "server with `adb kill-server`")


def nothing(visible: Sequence[str]) -> DeviceNotFound:
    """No phone at all. `visible` is what is plugged in on USB, by name."""
    seen = f"; on USB there are: {', '.join(visible)}" if visible else ""
    return DeviceNotFound(
        "no phone is attached", f"adb lists none{seen}",
        "enable USB debugging on the phone (Settings, About phone, tap Build number 7 times; then Developer options) "
        f"and use a cable that carries data; or {HERE}")


def several(entries: Sequence[Entry]) -> DeviceAmbiguous:
    """More than one, and none was named."""
    return DeviceAmbiguous(f"{len(entries)} phones are attached: {_named(entries)}", "none was named",
                           f"name one: --device {entries[0].serial}")


def alike(serial: str, entries: Sequence[Entry]) -> DeviceAmbiguous:
    """Cheap phones share a serial, such as 0123456789ABCDEF."""
    places = [f"usb:{entry.usb}" for entry in entries if entry.usb]
    return DeviceAmbiguous(f"{len(entries)} phones have the serial {serial}", f"they are at {', '.join(places)}",
                           f"name one by its place: --device {places[0] if places else serial}")


def unknown(serial: str, entries: Sequence[Entry]) -> DeviceNotFound:
    """Nothing attached has this name."""
    names = [entry.serial for entry in entries]
    near = difflib.get_close_matches(serial, names, n=1, cutoff=NEAR)
    if near:
        advice = f"did you mean --device {near[0]}?"
    elif names:
        advice = f"name one of these; or {HERE}"
    else:
        advice = f"attach it and enable USB debugging; or {HERE}"
    return DeviceNotFound(f"there is no device called {serial}", f"attached: {_named(entries) or 'none'}", advice)


def unreachable(serial: str, said: str) -> DeviceNotFound:
    """Nothing answers at the address."""
    return DeviceNotFound(
        f"no phone answers at {serial}", said,
        "check that computer and phone are in one network and that the phone listens (on USB: adb tcpip 5555; Android "
        f"11 and newer: Developer options, Wireless debugging); or {HERE}")


def needs_pairing(serial: str) -> AdbProblem:
    """Wireless debugging of Android 11 and newer is encrypted, with keys that only adb's own pairing exchanges."""
    return AdbProblem(f"{serial} is a wireless debugging address, which takes adb and pairing",
                      "adb does not list it as connected, and its encryption is adb's alone",
                      "install adb if it is missing (apt-get install adb); on the phone: Wireless debugging, Pair "
                      "device with pairing code; then `adb pair HOST:PORT`, `adb devices`, and the name shown there")


def _named(entries: Sequence[Entry]) -> str:
    return ", ".join(f"{entry.serial} ({entry.model or entry.state})" for entry in entries)
