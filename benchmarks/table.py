"""The comparison as Markdown: one table a model and thread count, a summary over the models, and how it was made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import geometric_mean

from benchmarks.result import Entry, ExportRecord, ModelComparison, PeerRecord, PeersResult
from ghostdeploy.benchmark.ratio import Ratio


def markdown(result: PeersResult) -> str:
    """The whole document."""
    parts = [_head(result), *(_summary(result, threads) for threads in result.protocol.threads), _peers(result.peers),
             *(_model(model, result) for model in result.models)]
    return "\n\n".join(parts) + "\n"


def _head(result: PeersResult) -> str:
    how = result.protocol
    cpus = "; ".join(f"{n} thread(s) on CPU {', '.join(map(str, how.cpus[str(n)]))}" for n in how.threads)
    notes = "".join(f" {note[0].upper()}{note[1:]}." for note in result.device.notes)
    return (
        "# Peers\n\nMade by `make bench-peers`; do not edit by hand. "
        f"Taken until {result.created} with ghostdeploy {result.ghostdeploy} on {result.device.soc} "
        f"({result.device.os}, kernel {result.device.kernel}), an x86 machine: phones rank differently.{notes}\n\n"
        f"{how.rounds} rounds of {how.runs} timed runs after warm-up (until run times agree, or given up: each model "
        "says how often), batch 1, float32; in every round each peer has "
        f"one fresh process, in random order; {cpus}. Latency is the median of the round medians, of the "
        "process's CPU time with one thread (on an idle core the same as the wall clock's) and of wall-clock time with "
        "more. Ratios are over the best peer (the fastest that is not ours and not wrong), taken within each round; in "
        "brackets the interval of their median, with 95 % confidence or more unless said. Error is relative to the "
        f"checkpoint in eager mode, worst of three photographs; above {how.wrong_above:.0e} a peer is wrong and cannot "
        "be the best. Export: CPU seconds from module to file, without imports, and peak resident memory of its "
        "process. Milliseconds are good for nothing but their ratios.")


def _summary(result: PeersResult, threads: int) -> str:
    rows, shares = [], []
    for model in result.models:
        best = _best_of_ours(model, result.peers, threads)
        if best is None or best.to_best_peer is None:
            rows.append((model.title, "-", "-", model.best_peer.get(str(threads), "-"), model.weights))
            continue
        shares.append(best.to_best_peer.value)
        rows.append((model.title, _title(result.peers, best.peer), _ratio(best.to_best_peer),
                     _title(result.peers, model.best_peer[str(threads)]), model.weights))
    if shares:
        rows.append(("geometric mean", "", f"**{geometric_mean(shares):.2f}**", "", ""))
    return (f"## Best of ours over the best peer, {threads} thread(s)\n\n"
            + _table(("model", "best of ours", "ratio", "best peer", "weights"), rows))


def _peers(peers: Sequence[PeerRecord]) -> str:
    return "## Peers and their settings\n\n" + _table(
        ("peer", "settings", "versions"),
        [(peer.title, peer.settings, peer.versions or "missing: its environment could not be made") for peer in peers])


def _model(model: ModelComparison, result: PeersResult) -> str:
    exports = {made.peer: made for made in model.exports}
    given_up = sum(entry.unconverged for entry in model.entries)
    processes = sum(len(entry.round_medians_ms) for entry in model.entries)
    parts = [f"## {model.title}\n\n`{model.model}` at {model.input_size}, {_weights(model)}; rounds from {model.first} "
             f"to {model.last}; warm-up given up in {given_up} of {processes} processes."]
    for threads in result.protocol.threads:
        entries = sorted((e for e in model.entries if e.threads == threads), key=lambda e: e.median_ms or math.inf)
        rows = [_row(entry, exports[entry.peer], result.peers) for entry in entries]
        parts.append(f"{threads} thread(s):\n\n" + _table(
            ("peer", "median ms", "over best peer", "error", "MB", "export s", "export MB"), rows))
    alone = [made for made in model.exports if made.peer not in {e.peer for e in model.entries}]
    parts += [f"{_title(result.peers, made.peer)}: {_export_words(made)}." for made in alone]
    return "\n\n".join(parts)


def _weights(model: ModelComparison) -> str:
    return "**random weights**" if model.weights == "random" else f"weights of {model.weights}"


def _row(entry: Entry, made: ExportRecord, peers: Sequence[PeerRecord]) -> tuple[str, ...]:
    title = _title(peers, entry.peer)
    if next(peer.ours for peer in peers if peer.name == entry.peer):
        title = f"**{title}**"
    export = (f"{made.size / 1e6:.1f}" if made.size else "-",
              f"{made.cost.cpu_seconds:.1f}" if made.cost else "-",
              f"{made.cost.peak_rss_kb / 1000:.0f}" if made.cost else "-")
    if entry.median_ms is None or entry.error is None:
        return title, f"{entry.status}: {_cell(entry.why or '')}", "", "", *export
    error = f"**WRONG** {entry.error:.1e}" if entry.status == "wrong" else f"{entry.error:.1e}"
    return (title, f"{entry.median_ms:.2f}", _ratio(entry.to_best_peer) if entry.to_best_peer else "-", error, *export)


def _export_words(made: ExportRecord) -> str:
    if made.cost is None or made.size is None:
        return f"no export ({_cell(made.why or '')})"
    return (f"exported in {made.cost.cpu_seconds:.1f} s of CPU time, peak {made.cost.peak_rss_kb / 1000:.0f} MB, "
            f"{made.size / 1e6:.1f} MB of files")


def _best_of_ours(model: ModelComparison, peers: Sequence[PeerRecord], threads: int) -> Entry | None:
    ours = {peer.name for peer in peers if peer.ours}
    right = [e for e in model.entries if e.threads == threads and e.peer in ours and e.status == "measured"]
    return min(right, key=lambda e: e.median_ms or math.inf, default=None)


def _title(peers: Sequence[PeerRecord], name: str) -> str:
    return next(peer.title for peer in peers if peer.name == name)


def _ratio(ratio: Ratio) -> str:
    if not ratio.confidence:
        return f"{ratio.value:.2f} (one round)"
    low = "" if ratio.confidence >= 0.95 else f"; {ratio.confidence:.0%}"
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}{low}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
