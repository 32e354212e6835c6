"""Results on a terminal: one line per artifact, and in words what is wrong with a number that should not be quoted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape

from ghostdeploy.benchmark import statistics
from ghostdeploy.benchmark.curve import Sustained
from ghostdeploy.benchmark.result import Result
from ghostdeploy.report import where
from ghostdeploy.report.app_size import app_size
from ghostdeploy.report.columns import columns
from ghostdeploy.report.naming import milliseconds, names_of
from ghostdeploy.wording import counted

BLOCKS = " ▁▂▃▄▅▆▇█"
BINS = 10
SHOWN_SLICES = 12
BLOCK_NAMES = 26
UNKNOWN = "–"
GRADE_COLOURS = {"A": "green", "B": "green", "C": "yellow", "D": "red"}


def render_results(console: Console, results: Sequence[Result]) -> None:
    """Print every result: device and protocol once, latency, what else it costs, then the reasons behind the grades.

    Two narrow tables instead of a wide one: both fit into 80 columns.
    """
    _heading(console, results)
    names = [escape(name) for name in names_of(results)]
    latency = columns("ms", "median", "95 % interval", "p90", "p99", "min", "grade")
    costs = columns("", "load ms", "first ms", "memory MB", "min … p99", "in order")
    for name, result in zip(names, results, strict=True):
        latency.add_row(name, *_latency(result))
        costs.add_row(name, *_costs(result))
    console.print(latency)
    console.print(costs)
    console.print("[dim]Memory: peak above the idle runtime, from a pass of its own. Bars: how many runs took how "
                  "long, from the least to the 99th percentile; then how long they took, in the order of measuring.[/]",
                  soft_wrap=True)
    for format in dict.fromkeys(result.model.format for result in results):
        added = app_size(format)
        if added is not None:
            console.print(f"[dim]In an app: {escape(added.words)}.[/]", highlight=False, soft_wrap=True)
    for name, result in zip(names, results, strict=True):
        _remarks(console, name, result)
    for name, result in zip(names, results, strict=True):
        if result.sustained is not None and not result.device.emulated:
            _sustained(console, name, result.sustained)
    for table in where.tables(results, names_of(results)):
        # "NAME ms" and its share, with a space after each, beside the names of blocks.
        wide = max(len(name) for name in table.columns) + len(" ms ") + len("100.0% ")
        for part in where.parted(table, max(1, (console.width - BLOCK_NAMES) // wide)):
            _where(console, part)


def _sustained(console: Console, name: str, curve: Sustained) -> None:
    shown = columns(f"{name}, without a pause: minute", "median ms", "p90", "°C", "MHz after")
    every = -(-len(curve.slices) // SHOWN_SLICES)
    for each in (*curve.slices[:-1:every], curve.slices[-1]):
        clocks = [khz for khz in each.state.clocks_khz if khz is not None]
        shown.add_row(f"{each.at_s / 60:.1f}", milliseconds(each.median_ms), milliseconds(each.p90_ms),
                      UNKNOWN if each.state.thermal is None else f"{each.state.thermal:.0f}",
                      f"{max(clocks) / 1e3:.0f}" if clocks else UNKNOWN)
    console.print(shown)
    change = f" ([bold]{curve.end_per_s / curve.start_per_s - 1:+.1%}[/])" if len(curve.slices) > 1 else ""
    console.print(f"  {curve.start_per_s:.1f} inferences a second at the start, {curve.end_per_s:.1f} at the end"
                  f"{change}", highlight=False)
    if curve.ended is not None:
        console.print(f"  [yellow]![/] it ended early: {escape(curve.ended)}", highlight=False, soft_wrap=True)


def _where(console: Console, table: where.Table) -> None:
    shown = columns(escape(table.title),
                    *(heading for name in table.columns for heading in (f"{escape(name)} ms", "%")))
    for row, cells in table.rows:
        if row == where.UNATTRIBUTED:
            shown.add_section()
        shown.add_row(escape(row), *(text for cell in cells for text in (
            ("", "") if cell is None else (milliseconds(cell.ms), f"{cell.share:.1%}"))))
    console.print(shown)
    for note in table.notes:
        console.print(f"  [dim]·[/] {escape(note)}", highlight=False, soft_wrap=True)


def histogram(result: Result, bins: int = BINS) -> str:
    """The distribution of all runs from the fastest to the 99th percentile, as block characters."""
    counted = [r.samples_ns for r in result.rounds if r.discarded is None]
    _, _, counts = statistics.histogram(counted, bins)
    top = max(counts)
    # A bin that holds anything is never drawn empty.
    return "".join(BLOCKS[0 if not count else max(1, round(count / top * (len(BLOCKS) - 1)))] for count in counts)


def sparkline(result: Result, parts: int = BINS) -> str:
    """The medians of equal parts of all runs in their order: the lowest bar is the fastest part, the highest the
    slowest."""
    runs = statistics.pooled([r.samples_ns for r in result.rounds if r.discarded is None])
    medians = statistics.round_medians([part.tolist() for part in np.array_split(runs, min(parts, len(runs)))])
    low, span = medians.min(), medians.max() - medians.min()
    return "".join(BLOCKS[1 + (round((each - low) / span * (len(BLOCKS) - 2)) if span else 0)] for each in medians)


def _heading(console: Console, results: Sequence[Result]) -> None:
    device, protocol = results[0].device, results[0].protocol
    pinned = "not pinned" if protocol.cpus is None else f"pinned to CPU {', '.join(map(str, protocol.cpus))}"
    name = " ".join(filter(None, (device.manufacturer, device.model, device.soc))) if device.kind == "android" \
        else device.soc
    console.print(f"[bold]{escape(name or device.abi)}[/] ({len(device.cores)} cores, {escape(device.os)}), "
                  f"{counted(protocol.rounds, 'round')} of {counted(protocol.runs, 'run')}, {_threads(results)}, "
                  f"{pinned}",
                  highlight=False, soft_wrap=True)
    console.print(f"[dim]input: {escape(protocol.input)}[/]", highlight=False)
    for note in device.notes:
        console.print(f"  [yellow]·[/] {escape(note)}", highlight=False, soft_wrap=True)


def _latency(result: Result) -> tuple[str, ...]:
    summary = result.summary
    if result.device.emulated:      # its times are no latency, and are not shown as one
        return (*[UNKNOWN] * 5, "[red]emulated[/]")
    low, high = summary.interval_ms
    verdict = summary.grade if summary.valid else f"{summary.grade}, invalid"
    times = [milliseconds(value) for value in (summary.p90_ms, summary.p99_ms, summary.min_ms)]
    return (f"[bold]{milliseconds(summary.median_ms)}[/]", f"{milliseconds(low)}–{milliseconds(high)}", *times,
            f"[{GRADE_COLOURS[summary.grade]}]{verdict}[/]")


def _costs(result: Result) -> tuple[str, ...]:
    summary = result.summary
    memory = "" if summary.artifact_mb is None else f"{summary.artifact_mb:.1f}"
    if result.device.emulated:
        return UNKNOWN, UNKNOWN, memory, UNKNOWN, UNKNOWN
    return (milliseconds(summary.load_ms), milliseconds(summary.first_ms), memory, f"▕{histogram(result)}▏",
            f"▕{sparkline(result)}▏")


def _remarks(console: Console, name: str, result: Result) -> None:
    lines = []
    if result.model.weights == "random":
        lines.append(("[yellow]![/]", "random weights: only the latency means anything"))
    if not result.protocol.golden:
        lines.append(("[dim]·[/]", "a bare file has no golden output; what it computes was not checked"))
    again = sum(r.discarded is not None for r in result.rounds)
    if again:
        lines.append(("[dim]·[/]", f"{again} rounds were made again; they are in the result, marked"))
    lines += [("[red]✗[/]" if reason.invalidates else "[dim]·[/]", reason.text) for reason in result.summary.reasons]
    for mark, text in lines:
        console.print(f"  {mark} {name}: {escape(text)}", highlight=False, soft_wrap=True)


def _threads(results: Sequence[Result]) -> str:
    counts = sorted({result.protocol.threads for result in results})
    return f"{', '.join(map(str, counts))} thread{'s' if counts != [1] else ''}"
