"""The table that `make test-zoo` writes: a row a file while it runs, so that an interrupted run goes on from there."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ghostdeploy.bundle.manifest import tools
from ghostdeploy.zoo import Card

HEAD = ("| model | convs/BN before | after | fusion error (float32's own) | `.pte` max rel error | delegates | outside "
        "XNNPACK | MB | `.tflite` max rel error | delegates | outside XNNPACK | MB | export s |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")


@dataclass(frozen=True)
class Row:
    """One card, as table cells."""

    card: str
    made: str
    versions: str
    cells: tuple[str, ...]

    @classmethod
    def of(cls, card: Card, manifest: dict[str, Any], seconds: float) -> Row:
        """The row of a bundle that holds a .pte and a .tflite."""
        fusion = manifest["fusion"]
        artifacts = {artifact["format"]: artifact for artifact in manifest["artifacts"]}
        return cls(card.name, f"{datetime.now(UTC):%Y-%m-%d}", _versions(), (
            card.name, f"{fusion['convs_before']}/{fusion['norms_before']}",
            f"{fusion['convs_after']}/{fusion['norms_after']}", f"{fusion['rel_error']:.1e} ({fusion['noise']:.1e})",
            *_artifact(artifacts["pte"]), *_artifact(artifacts["tflite"]), f"{seconds:.0f}"))

    @staticmethod
    def forget(folder: Path, card: str) -> None:
        """Remove an earlier row: a card that fails now must not keep it."""
        (folder / f"{card}.json").unlink(missing_ok=True)

    def keep(self, folder: Path) -> None:
        """Write the row."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.card}.json").write_text(json.dumps(asdict(self)), encoding="utf-8")


def _artifact(entry: dict[str, Any]) -> tuple[str, ...]:
    delegation = entry["delegation"]
    outside = ", ".join(f"{n} {op}" for op, n in sorted(delegation["outside"].items())) or "nothing"
    return (f"{entry['parity']['max_rel_error']:.1e}", str(delegation["delegates"]), outside,
            f"{entry['size'] / 1e6:.1f}")


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name, version in tools().items())


def kept(folder: Path) -> list[Row]:
    """Every row that was kept, by the name of its card."""
    return [Row(**json.loads(file.read_text(encoding="utf-8"))) for file in sorted(folder.glob("*.json"))]


def write(path: Path, rows: list[Row]) -> None:
    """The whole table with its dates, machine and versions; rows of other versions do not stand in one table."""
    (versions,) = {row.versions for row in rows}
    first, last = min(row.made for row in rows), max(row.made for row in rows)
    lines = "".join(f"| {' | '.join(row.cells)} |\n" for row in rows)
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"# The zoo through export and parity\n\n"
        f"Made by `make test-zoo`, {first if first == last else f'{first} to {last}'}, {platform.machine()}; "
        f"{versions}.\n\n"
        f"Weights are random, with BatchNorm statistics measured on the photos: errors are real, answers mean "
        f"nothing. Errors are the largest difference over the largest output, against the float32 checkpoint before "
        f"fusion (fusion error: against float64), on real photos. Times are wall clock of one export with its fusion "
        f"proof and parity runs, on two shared cores, and are no benchmark.\n\n{HEAD}{lines}", encoding="utf-8")
