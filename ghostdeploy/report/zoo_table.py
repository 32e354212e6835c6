"""The paper's table 9 with measured columns, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from ghostdeploy.benchmark.result import Result
from ghostdeploy.benchmark.zoo_run import Measured
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.report.cited import cited
from ghostdeploy.report.published import Standing, standings
from ghostdeploy.wording import counted


def markdown(measured: Sequence[Measured]) -> str:
    """One line a model, then the sources of what was published, and what could not be measured."""
    results = [result for each in measured for result in each.results]
    kinds = sorted({(r.model.format, r.protocol.threads) for r in results})
    head = ["model", "params M", "MMAC", "top-1 %, published", "phone ms, published",
            *(f".{format} ms, {threads} thread(s)" for format, threads in kinds)]
    found = standings(results)
    sources: dict[str, int] = {}
    lines = ["# Latency of the zoo", "", *_where(results), "| " + " | ".join(head) + " |",
             "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(_line(each, kinds, sources)) + " |" for each in found]
    lines += ["", *(f"- [{number}] {source}" for source, number in sources.items())]
    lines += [f"- not measured: {each.model}: {each.failure}" for each in measured if each.failure]
    return "\n".join(lines).rstrip() + "\n"


def _where(results: Sequence[Result]) -> list[str]:
    if not results:
        return []
    device, protocol = results[0].device, results[0].protocol
    text = (f"{device.name}, {results[0].created[:10]}; {counted(protocol.rounds, 'round')} of "
            f"{counted(protocol.runs, 'run')}, float32, "
            "each model at its own input size; **random weights: latency only**. In brackets the 95 % interval; * "
            "marks what may not be quoted (a noisy machine). Published values are their sources' own, on their own "
            "devices; ~ is one that the source gives as a difference; empty is what nobody published.")
    return [text, "", *(["**The device is emulated: it has no latency.**", ""] if device.emulated else [])]


def _line(standing: Standing, kinds: Sequence[tuple[Format, int]], sources: dict[str, int]) -> list[str]:
    cells = [standing.title, f"{standing.params / 1e6:.2f}", f"{standing.macs / 1e6:.0f}",
             *("" if entry is None else cited(entry, sources) for entry in (standing.top1, standing.phone_ms))]
    own = {(r.model.format, r.protocol.threads): r for r in standing.results}
    return cells + [_measured(own.get(kind)) for kind in kinds]


def _measured(result: Result | None) -> str:
    if result is None or result.device.emulated:
        return ""
    low, high = result.summary.interval_ms
    return f"{result.summary.median_ms:.2f} [{low:.2f}, {high:.2f}]{'' if result.summary.valid else ' *'}"
