"""What is plugged in on USB, by name."""

from __future__ import annotations

from pathlib import Path

from ghostdeploy.device.adb.usb_visible import visible


def device(root: Path, name: str, **files: str) -> None:
    (root / name).mkdir()
    for key, value in files.items():
        (root / name / key).write_text(f"{value}\n")


def test_devices_that_are_no_hubs(tmp_path: Path) -> None:
    device(tmp_path, "usb1", bDeviceClass="09", idVendor="1d6b", idProduct="0002", product="xHCI Host Controller")
    device(tmp_path, "1-4", bDeviceClass="00", idVendor="18d1", manufacturer="Google", product="Pixel 9")
    device(tmp_path, "1-5", bDeviceClass="00", idVendor="05c6", idProduct="9091")
    device(tmp_path, "1-4:1.0", bInterfaceClass="ff")
    assert visible(tmp_path) == ("Google Pixel 9", "05c6:9091")


def test_no_usb_at_all(tmp_path: Path) -> None:
    assert visible(tmp_path / "nothing") == ()
