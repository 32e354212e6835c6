"""Reading what this machine is, from /proc and /sys; what they do not tell is None, never guessed."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from ghostdeploy.device.base import Core, DeviceInfo, DeviceState

CPU = Path("/sys/devices/system/cpu")
THERMAL = Path("/sys/class/thermal")
DMI = Path("/sys/class/dmi/id")

# The instruction sets that decide which XNNPACK kernels run; names as in /proc/cpuinfo on x86 and arm64.
FEATURES = ("sse4_1", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "amx_int8",
            "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme")
BUSY_SHARE = 0.25       # of the cores taken by others: above it, timings of an idle machine cannot be expected


def describe() -> DeviceInfo:
    """This machine as a device. `cores` are those that this process may use."""
    cpuinfo = _cpuinfo()
    cores = tuple(Core(index, _integer(CPU / f"cpu{index}/cpufreq/cpuinfo_max_freq"))
                  for index in sorted(os.sched_getaffinity(0)))
    flags = set(cpuinfo.get("flags", cpuinfo.get("Features", "")).split())
    return DeviceInfo(
        kind="local", serial="local", manufacturer=_text(DMI / "sys_vendor"), model=_text(DMI / "product_name"),
        soc=cpuinfo.get("model name"), abi=platform.machine(), os=_os(), android_release=None, api_level=None,
        kernel=platform.release(), page_size=os.sysconf("SC_PAGE_SIZE"),
        memory_kb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024, cores=cores,
        features=tuple(name for name in FEATURES if name in flags), notes=_notes(cores, "hypervisor" in flags))


def state() -> DeviceState:
    """Clocks, temperature and load now."""
    clocks = tuple(_integer(CPU / f"cpu{index}/cpufreq/scaling_cur_freq") for index in sorted(os.sched_getaffinity(0)))
    zones = [value for zone in sorted(THERMAL.glob("thermal_zone*")) if (value := _integer(zone / "temp")) is not None]
    return DeviceState(clocks, max(zones) / 1000 if zones else None, os.getloadavg()[0], _stolen_s())


def _notes(cores: tuple[Core, ...], virtual: bool) -> tuple[str, ...]:
    notes = []
    if virtual:
        notes.append("a virtual machine: other machines on the same host disturb timings unseen")
    if any(core.max_khz is None for core in cores):
        notes.append("core frequencies are not readable: fast and slow cores cannot be told apart")
    governors = {_text(CPU / f"cpu{core.index}/cpufreq/scaling_governor") for core in cores} - {None, "performance"}
    if governors:
        notes.append(f"CPU governor {', '.join(sorted(filter(None, governors)))}: clocks follow the load")
    load = os.getloadavg()[0]
    if load > BUSY_SHARE * len(cores):
        notes.append(f"other programs are running: load {load:.1f} on {len(cores)} cores")
    return tuple(notes)


def _cpuinfo() -> dict[str, str]:
    """The first processor's entries."""
    pairs = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _os() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _stolen_s() -> float | None:
    """The eighth counter of /proc/stat's first line, in clock ticks."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK") if len(fields) > 8 else None


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip() or None
    except OSError:
        return None


def _integer(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text is not None and text.lstrip("-").isdigit() else None
