"""What a phone is, asked in one round trip."""

from __future__ import annotations

from typing import Final

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.base import Core, DeviceInfo
from ghostdeploy.device.phone import cores, cpuinfo, kernel, memory, properties
from ghostdeploy.device.phone.cores import CORES, Cores
from ghostdeploy.device.phone.cpuinfo import CPUINFO, CpuInfo
from ghostdeploy.device.phone.kernel import MACHINE, PAGE_SIZE, RELEASE
from ghostdeploy.device.phone.memory import MEMORY
from ghostdeploy.device.phone.properties import PROPERTIES, Properties
from ghostdeploy.device.phone.questions import Answers, ask
from ghostdeploy.phone_errors import DeviceUnsuitable

QUESTIONS: Final = (PROPERTIES, RELEASE, MACHINE, PAGE_SIZE, MEMORY, CPUINFO, CORES)
SUPPORTED = ("arm64-v8a", "x86_64")
USUAL_PAGE = 4096       # of every phone before Android 15, and of those that do not tell


def describe(link: Link) -> DeviceInfo:
    """The phone behind `link`, as far as it tells.

    Raises:
        DeviceUnsuitable: it does not answer as an Android system does.
        DeviceError: see `Link`.
    """
    return device_info(link.serial, ask(link, QUESTIONS))


def device_info(serial: str, answers: Answers) -> DeviceInfo:
    """The phone called `serial` that gave these `answers`.

    Raises:
        DeviceUnsuitable: it has no properties, no memory or no cores.
    """
    built, info = properties.read(answers[PROPERTIES]), cpuinfo.read(answers[CPUINFO])
    there, memory_kb = cores.read(answers[CORES]), memory.total_kb(answers[MEMORY])
    if not built.abis or memory_kb is None or not there.usable:
        missing = [word for word, told in (("its ABI", built.abis), ("its memory", memory_kb),
                                           ("its cores", there.usable)) if not told]
        raise DeviceUnsuitable(f"{serial} does not answer as an Android system does",
                               f"it does not tell {', '.join(missing)}: it may still be starting, or be in recovery",
                               f"look at it: adb -s {serial} shell getprop")
    abi = next((name for name in built.abis if name in SUPPORTED), built.abis[0])
    sign = emulation(built, info, abi, answers[MACHINE])
    release = answers[RELEASE].strip()
    return DeviceInfo(
        kind="android", serial=serial, manufacturer=built.manufacturer, model=built.model,
        soc=built.soc or info.hardware, abi=abi, os=f"Android {built.release or 'of unknown release'}",
        android_release=built.release, api_level=built.api_level, kernel=release or "unknown",
        page_size=kernel.page_size(answers[PAGE_SIZE]) or USUAL_PAGE, memory_kb=memory_kb,
        cores=tuple(Core(index, there.fastest.get(index), info.designs.get(index)) for index in there.usable),
        features=info.features, notes=_notes(built, there, sign), emulated=sign is not None)


def emulation(built: Properties, info: CpuInfo, abi: str, machine: str) -> str | None:
    """The sign by which the phone's processor is known to be computed by another one; None where there is none."""
    if abi.startswith("arm") and info.x86:
        return f"its processor is a PC's, which {abi} programs do not run on"
    return built.emulator or kernel.computed(abi, machine)


def _notes(built: Properties, there: Cores, sign: str | None) -> tuple[str, ...]:
    notes = []
    if sign is not None:
        notes.append(f"emulated ({sign}): outputs are right, and times mean nothing")
    if any(core not in there.fastest for core in there.usable):
        notes.append("core frequencies are not readable: fast and slow cores cannot be told apart")
    if kept := sorted(set(there.present or ()) - set(there.usable)):
        notes.append(f"commands of adb may not run on CPU {', '.join(map(str, kept))}")
    if off := sorted(set(there.usable) - set(there.online or there.usable)):
        notes.append(f"CPU {', '.join(map(str, off))} is switched off now")
    if built.debug_build:
        notes.append(f"a {built.build_type} build: its system is slower than the one that users have")
    return tuple(notes)
