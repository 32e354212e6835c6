"""/sys and /proc of a phone with four small and four big cores."""

from __future__ import annotations

import uuid
from pathlib import Path

from tests.phone import arm64

CORES = 8
SMALL_KHZ, BIG_KHZ = 1803000, 2802000
LEAST_KHZ = 300000
SMALL_PART, BIG_PART = "0xd05", "0xd41"     # Cortex-A55, Cortex-A78
FEATURES = ("fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp")
VERSION = ("Linux version {release} (build-user@build-host) (Android (10087095, +pgo, +bolt, +lto, based on r487747c) "
           "clang version 17.0.2, LLD 17.0.2) #1 SMP PREEMPT Tue Jun 13 18:12:54 UTC 2023\n")


def sys_files(sys: Path) -> None:
    """What a phone's shell can read of its cores and its heat."""
    cpus = sys / "devices/system/cpu"
    for name in ("online", "possible", "present"):
        _write(cpus / name, f"0-{CORES - 1}")
    for first, fastest, part in ((0, SMALL_KHZ, SMALL_PART), (4, BIG_KHZ, BIG_PART)):
        group = range(first, first + 4)
        policy = cpus / f"cpufreq/policy{first}"
        names = " ".join(map(str, group))
        for name, value in {"related_cpus": names, "affected_cpus": names, "cpuinfo_max_freq": fastest,
                            "cpuinfo_min_freq": LEAST_KHZ, "scaling_max_freq": fastest, "scaling_min_freq": LEAST_KHZ,
                            "scaling_cur_freq": fastest, "scaling_governor": "sched_pixel",
                            "scaling_available_frequencies": f"{LEAST_KHZ} 1197000 {fastest}"}.items():
            _write(policy / name, str(value))
        for core in group:
            own = cpus / f"cpu{core}"
            _write(own / "cpu_capacity", "1024" if first else "250")
            _write(own / "topology/core_id", str(core))
            _write(own / "topology/physical_package_id", "0")
            _write(own / "regs/identification/midr_el1", f"0x0000000041{'1' if first else '2'}f{part[2:]}0")
            (own / "cpufreq").symlink_to(f"../cpufreq/policy{first}")
            if core:
                _write(own / "online", "1")
    for number, (kind, temperature) in enumerate((("BIG", 43800), ("LITTLE", 41200), ("battery", 28600))):
        _write(sys / f"class/thermal/thermal_zone{number}/type", kind)
        _write(sys / f"class/thermal/thermal_zone{number}/temp", str(temperature))


def proc_files(proc: Path) -> None:
    """The files that are not the namespace's own."""
    blocks = [f"processor\t: {core}\nBogoMIPS\t: 49.15\nFeatures\t: {FEATURES}\nCPU implementer\t: 0x41\n"
              f"CPU architecture: 8\nCPU variant\t: {'0x1' if core >= 4 else '0x2'}\n"
              f"CPU part\t: {BIG_PART if core >= 4 else SMALL_PART}\nCPU revision\t: 0\n" for core in range(CORES)]
    _write(proc / "cpuinfo", "\n".join(blocks))
    _write(proc / "version", VERSION.format(release=arm64.kernel_release()).strip())
    _write(proc / "loadavg", "0.42 0.31 0.28 1/1204 9876")
    new_boot(proc)


def new_boot(proc: Path) -> None:
    """What tells one start of the phone from another."""
    _write(proc / "sys/kernel/random/boot_id", str(uuid.uuid4()))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
