"""What measuring needs of a phone."""

from __future__ import annotations

from collections.abc import Iterator

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.android import elf, store
from ghostdeploy.device.android.pinned import ABIS, RuntimeName
from ghostdeploy.device.base import DeviceInfo, DeviceState
from ghostdeploy.device.phone.describe import describe
from ghostdeploy.device.phone.equipment import MINIMUM_API
from ghostdeploy.device.phone.place import MARGIN_KB, free_space_kb
from ghostdeploy.device.phone.state import state
from ghostdeploy.doctor.check import Check

ROOM_KB = MARGIN_KB + (64 << 10)        # both runtimes, both programs and a model of 25 MB


def checks(link: Link) -> Iterator[Check]:
    """Everything, the fatal first.

    Raises:
        DeviceError: see `Link`.
    """
    info = describe(link)
    name = " ".join(filter(None, (info.manufacturer, info.model, info.soc)))
    yield Check("phone", "remark" if info.emulated else "ok",
                f"{name or info.serial}, {info.os}, through {link.transport}" + (", emulated" if info.emulated else ""))
    yield android(info)
    yield abi(info)
    yield page_size(info, "executorch")
    yield page_size(info, "tflite")
    yield room(link)
    yield from readable(info, state(link, info))


def android(info: DeviceInfo) -> Check:
    """Android 8 or later."""
    if info.api_level is None:
        return Check("android", "remark", "the phone does not tell its API level")
    if info.api_level < MINIMUM_API:
        return Check("android", "problem", f"Android {info.android_release} (API {info.api_level}); the runtimes need "
                     f"API {MINIMUM_API}, Android 8", "use a newer phone")
    return Check("android", "ok", f"Android {info.android_release}, API {info.api_level}")


def abi(info: DeviceInfo) -> Check:
    """One that the benchmark programs are built for."""
    if info.abi in ABIS:
        return Check("abi", "ok", info.abi)
    return Check("abi", "problem", f"{info.abi}; the benchmark programs are built for {' and '.join(ABIS)}",
                 "use another phone")


def page_size(info: DeviceInfo, name: RuntimeName) -> Check:
    """Whether the library of a runtime can be loaded on pages of this size; needs the library in the cache."""
    label = f"page-size-{name}"
    found = next((store.cached(name, known) for known in ABIS if known == info.abi), None)
    if found is None:
        return Check(label, "remark", f"pages of {info.page_size} bytes; the library is not in the cache to be checked",
                     "ghostdeploy doctor --fetch")
    alignment = elf.parse(found.read_bytes()).page_alignment
    if alignment < info.page_size:
        return Check(label, "problem", f"pages of {info.page_size} bytes, and the library is aligned to {alignment}",
                     "measure with a newer library: ghostdeploy bench BUNDLE --runtime FILE.aar")
    return Check(label, "ok", f"pages of {info.page_size} bytes, and the library is aligned to {alignment}")


def room(link: Link) -> Check:
    """Free space where adb may write."""
    free_kb = free_space_kb(link)
    if free_kb is None:
        return Check("room", "remark", "the phone does not tell how much space is free")
    if free_kb < ROOM_KB:
        return Check("room", "problem", f"{free_kb >> 10} MiB free, and {ROOM_KB >> 10} are wanted",
                     "free some space on the phone")
    return Check("room", "ok", f"{free_kb >> 10} MiB free")


def readable(info: DeviceInfo, now: DeviceState) -> Iterator[Check]:
    """What the harness would like to watch while it measures."""
    watched = (("thermal-status", now.thermal_status is not None, "Android's thermal status",
                "throttling will only show in the clocks and in the drift of the times"),
               ("battery", now.battery_c is not None, "the battery's temperature", "nothing can wait for it to cool"),
               ("clocks", None not in now.clocks_khz, "the clocks", "a change of clocks will not be seen"),
               ("cores", all(core.max_khz for core in info.cores), "which cores are fast",
                "--cpus big means all of them; give a mask"))
    for name, told, what, otherwise in watched:
        yield Check(name, "ok", f"{what}: readable") if told else Check(name, "remark", f"{what}: not told", otherwise)
