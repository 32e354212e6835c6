"""What the kernel says about this process: its threads, where they may run, its memory."""

from __future__ import annotations

from pathlib import Path

SELF = Path("/proc/self")


def threads() -> tuple[int, ...]:
    """Thread ids alive now."""
    return tuple(int(task.name) for task in (SELF / "task").iterdir())


def affinity() -> tuple[int, ...]:
    """Every CPU that any thread of the process may run on."""
    allowed: set[int] = set()
    for thread in threads():
        for part in _field(SELF / "task" / str(thread) / "status", "Cpus_allowed_list").split(","):
            low, _, high = part.partition("-")
            allowed.update(range(int(low), int(high or low) + 1))
    return tuple(sorted(allowed))


def resident_kb() -> int:
    """Resident set size in kB."""
    return int(_field(SELF / "status", "VmRSS").split()[0])


def peak_kb() -> int:
    """High-water mark of the resident set in kB, since the process began or `reset_peak`."""
    return int(_field(SELF / "status", "VmHWM").split()[0])


def reset_peak() -> None:
    """Make `peak_kb` start again from the present size (proc(5), clear_refs)."""
    (SELF / "clear_refs").write_text("5")


def proportional_kb() -> int | None:
    """Proportional set size in kB (shared pages counted in part); None where the kernel does not tell."""
    try:
        return int(_field(SELF / "smaps_rollup", "Pss").split()[0])
    except OSError:
        return None


def _field(file: Path, key: str) -> str:
    for line in file.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return value.strip()
    raise OSError(f"{file} has no {key}")
