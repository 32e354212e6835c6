"""What is plugged in on USB, by name, so that a user sees whether the phone is there at all."""

from __future__ import annotations

from pathlib import Path

SYSFS = Path("/sys/bus/usb/devices")
HUB = "09"              # bDeviceClass


def visible(root: Path = SYSFS) -> tuple[str, ...]:
    """Maker and product of every device that is no hub; empty where the system does not tell, as in a container."""
    names = []
    for device in sorted(root.glob("*")):
        if _read(device / "bDeviceClass") == HUB or not (device / "idVendor").is_file():
            continue
        names.append(" ".join(filter(None, (_read(device / "manufacturer"), _read(device / "product"))))
                     or f"{_read(device / 'idVendor')}:{_read(device / 'idProduct')}")
    return tuple(names)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
