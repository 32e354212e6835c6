"""The comparison from end to end: export all, measure all, conclude."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.comparison import Standing, fastest, ratio, standing
from benchmarks.environments import Missing, interpreter
from benchmarks.exporting import Export, NoExport, exported
from benchmarks.models import Source
from benchmarks.peers import Peer
from benchmarks.result import (
    SCHEMA_VERSION,
    Entry,
    ExportRecord,
    ModelComparison,
    PeerRecord,
    PeersResult,
    ProtocolRecord,
)
from benchmarks.rounds import Contestant, Protocol, Round, measure
from benchmarks.truth import WRONG, truth
from ghostdeploy.device import machine
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.version import VERSION


def compare(sources: Sequence[Source], peers: Sequence[Peer], protocol: Protocol, store: Path,
            progress: Progress = SILENT) -> PeersResult:
    """Measure every peer on every model; see `benchmarks`.

    Args:
        store: where files and rounds are kept between runs.

    Raises:
        GhostdeployError: a model cannot be loaded. What a peer cannot do is in the result, with its reason.
    """
    models = tuple(_model(source, peers, protocol, store, progress) for source in sources)
    how = ProtocolRecord(protocol.rounds, protocol.runs, protocol.threads,
                         {str(n): protocol.cpus(n) for n in protocol.threads}, WRONG)
    return PeersResult(SCHEMA_VERSION, datetime.now(UTC).isoformat(timespec="seconds"), VERSION, machine.describe(),
                       how, tuple(map(_record, peers)), models)


def _record(peer: Peer) -> PeerRecord:
    ready = interpreter(peer)
    packages = tuple(dict.fromkeys((*peer.runners, *peer.makers)))
    return PeerRecord(peer.name, peer.title, peer.ours, peer.settings,
                      None if isinstance(ready, Missing) else ready.words(packages))


def _model(source: Source, peers: Sequence[Peer], protocol: Protocol, store: Path,
           progress: Progress) -> ModelComparison:
    model = source.load()
    reference = truth(source, model, store)
    exports: dict[str, Export | NoExport] = {}
    for peer in peers:
        progress.stage(f"{source.model}: export by {peer.name}")
        exports[peer.name] = exported(source, peer, store)
    name = source.model.replace(":", ".")
    rounds = measure(name, _contestants(peers, exports), reference, protocol, store, progress)
    entries = tuple(entry for threads in protocol.threads for entry in _entries(peers, exports, rounds, threads))
    best = {str(threads): found.peer for threads in protocol.threads
            if (found := _best_peer(peers, _standings(rounds, threads))) is not None}
    started = sorted(r.started for r in rounds) or [""]
    title = model.card.title if model.card is not None else model.name
    return ModelComparison(source.model, title, source.weights, model.preprocessing.input_size, started[0],
                           started[-1], best, tuple(_export(name, made) for name, made in exports.items()), entries)


def _contestants(peers: Sequence[Peer], exports: dict[str, Export | NoExport]) -> list[Contestant]:
    found = []
    for peer in peers:
        made, ready = exports[peer.name], interpreter(peer)
        if peer.runtime is not None and isinstance(made, Export) and not isinstance(ready, Missing):
            found.append(Contestant(peer, made, ready))
    return found


def _export(name: str, made: Export | NoExport) -> ExportRecord:
    if isinstance(made, NoExport):
        return ExportRecord(name, None, None, made.why)
    return ExportRecord(name, made.size, made.cost, None)


def _standings(rounds: Sequence[Round], threads: int) -> dict[str, Standing]:
    """Of every peer none of whose rounds failed."""
    by_peer: dict[str, list[Round]] = {}
    for made in rounds:
        if made.threads == threads:
            by_peer.setdefault(made.peer, []).append(made)
    return {peer: standing(own) for peer, own in by_peer.items() if all(r.failure is None for r in own)}


def _best_peer(peers: Sequence[Peer], standings: dict[str, Standing]) -> Standing | None:
    return fastest(standings, [peer.name for peer in peers if not peer.ours])


def _entries(peers: Sequence[Peer], exports: dict[str, Export | NoExport], rounds: Sequence[Round],
             threads: int) -> list[Entry]:
    standings = _standings(rounds, threads)
    best = _best_peer(peers, standings)
    entries = []
    for peer in peers:
        made = exports[peer.name]
        own = [r for r in rounds if r.peer == peer.name and r.threads == threads]
        failure = next((r.failure for r in own if r.failure is not None), None)
        if peer.runtime is None:
            continue
        if isinstance(made, NoExport):
            entries.append(Entry(peer.name, threads, "missing" if made.missing else "failed", made.why))
        elif failure is not None:
            entries.append(Entry(peer.name, threads, "failed", failure))
        else:
            entries.append(_measured(standings[peer.name], best, own))
    return entries


def _measured(found: Standing, best: Standing | None, own: Sequence[Round]) -> Entry:
    timings = [r.report.timing for r in own if r.report is not None]
    wall = float(np.median([np.median(timing.samples_ns) for timing in timings])) / 1e6
    return Entry(found.peer, found.threads, "wrong" if found.wrong else "measured", None, found.median_ms,
                 tuple(found.medians_ms.values()), None if best is None else ratio(found, best), found.error, wall,
                 sum(t.preempted for t in timings), sum(not t.warm_up.converged for t in timings))
