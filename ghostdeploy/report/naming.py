"""How results are called and numbers are written, the same on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Sequence

from ghostdeploy.benchmark.result import Result


def names_of(results: Sequence[Result]) -> list[str]:
    """File names; with the bundle, the thread count or the date where those tell results apart."""
    threads = len({result.protocol.threads for result in results}) > 1
    found = [_file(result, results) + (f" ×{result.protocol.threads}" if threads else "") for result in results]
    return [name if found.count(name) == 1 else f"{name}, {result.created}"
            for name, result in zip(found, results, strict=True)]


def _file(result: Result, among: Sequence[Result]) -> str:
    model = result.model
    bundles = {other.model.bundle for other in among if other.model.file == model.file}
    return f"{model.bundle}/{model.file}" if model.bundle and len(bundles) > 1 else model.file


def milliseconds(value: float) -> str:
    """Three significant digits, and never fewer than the clock deserves."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}" if value >= 1 \
        else f"{value:.3f}"
