"""Arm's cores by the numbers in /proc/cpuinfo (`CPU implementer`, `CPU part`).

Source: the main ID registers in Arm's technical reference manuals, as util-linux's lscpu-arm.c collects them; phone
cores only. Qualcomm's and Samsung's own numbers are their Arm derivatives and their own designs.
"""

from __future__ import annotations

from typing import Final

ARM, QUALCOMM, SAMSUNG = 0x41, 0x51, 0x53

DESIGNS: Final[dict[tuple[int, int], str]] = {
    (ARM, 0xd03): "Cortex-A53", (ARM, 0xd04): "Cortex-A35", (ARM, 0xd05): "Cortex-A55", (ARM, 0xd07): "Cortex-A57",
    (ARM, 0xd08): "Cortex-A72", (ARM, 0xd09): "Cortex-A73", (ARM, 0xd0a): "Cortex-A75", (ARM, 0xd0b): "Cortex-A76",
    (ARM, 0xd0d): "Cortex-A77", (ARM, 0xd41): "Cortex-A78", (ARM, 0xd44): "Cortex-X1", (ARM, 0xd46): "Cortex-A510",
    (ARM, 0xd47): "Cortex-A710", (ARM, 0xd48): "Cortex-X2", (ARM, 0xd4b): "Cortex-A78C", (ARM, 0xd4c): "Cortex-X1C",
    (ARM, 0xd4d): "Cortex-A715", (ARM, 0xd4e): "Cortex-X3", (ARM, 0xd80): "Cortex-A520", (ARM, 0xd81): "Cortex-A720",
    (ARM, 0xd82): "Cortex-X4", (ARM, 0xd85): "Cortex-X925", (ARM, 0xd87): "Cortex-A725",
    (QUALCOMM, 0x001): "Oryon", (QUALCOMM, 0x201): "Kryo", (QUALCOMM, 0x205): "Kryo", (QUALCOMM, 0x211): "Kryo",
    (QUALCOMM, 0x800): "Kryo 2xx Gold", (QUALCOMM, 0x801): "Kryo 2xx Silver", (QUALCOMM, 0x802): "Kryo 3xx Gold",
    (QUALCOMM, 0x803): "Kryo 3xx Silver", (QUALCOMM, 0x804): "Kryo 4xx Gold", (QUALCOMM, 0x805): "Kryo 4xx Silver",
    (SAMSUNG, 0x001): "Exynos M1", (SAMSUNG, 0x002): "Exynos M3", (SAMSUNG, 0x003): "Exynos M4",
    (SAMSUNG, 0x004): "Exynos M5",
}


def design(implementer: int | None, part: int | None) -> str | None:
    """The core's name; None for one that is not listed."""
    return None if implementer is None or part is None else DESIGNS.get((implementer, part))
