"""Android's fixed-performance mode (API 30): clocks that the phone can keep up, where its vendor built it in."""

from __future__ import annotations

from ghostdeploy.device.phone.conditions.base import Setting, Words
from ghostdeploy.device.phone.questions import Question

MODES = {"on": "true", "off": "false"}


def commands(value: str) -> tuple[Words, ...]:
    """Status 255, `Failed to set FIXED_PERFORMANCE mode`, where the vendor's power HAL lacks it; unknown to API 29."""
    return (("cmd", "power", "set-fixed-performance-mode-enabled", MODES[value]),) if value in MODES else ()


# No command tells whether it is on. It is meant for benchmarks only and gone after a restart, so: off.
FIXED_PERFORMANCE = Setting("fixed-performance", "on", Question("fixed-performance", ":"), lambda _: None, commands,
                            assumed="off")
