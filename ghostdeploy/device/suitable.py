"""Which artifacts a device runs, of those that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ghostdeploy.device.base import ArtifactKind, Device
from ghostdeploy.progress import Progress

Item = TypeVar("Item")


def that_run_on(device: Device, items: Sequence[Item], kind: Callable[[Item], ArtifactKind],
                progress: Progress) -> list[Item]:
    """Those that run; why others do not is said.

    Raises:
        ArtifactRejected, DeviceUnsuitable: none does.
    """
    refusals = [device.refusal(kind(item)) for item in items]
    taken = [item for item, refusal in zip(items, refusals, strict=True) if refusal is None]
    for refusal in filter(None, refusals):
        if not taken:
            raise refusal
        progress.note(f"left out: {refusal.what} ({refusal.why})")
    return taken
