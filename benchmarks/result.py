"""The comparison as one JSON document: what ran, where, how, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.export_worker import Cost
from ghostdeploy.benchmark import result_file
from ghostdeploy.benchmark.ratio import Ratio
from ghostdeploy.device import records
from ghostdeploy.device.base import DeviceInfo
from ghostdeploy.errors import ResultInvalid
from ghostdeploy.writing import write_json

SCHEMA_VERSION: Literal[1] = 1


@dataclass(frozen=True)
class PeerRecord:
    """A peer as it took part. `versions` is None where its environment could not be made."""

    name: str
    title: str
    ours: bool
    settings: str
    versions: str | None


@dataclass(frozen=True)
class ExportRecord:
    """A peer's export of one model; without `cost` and `size` it failed, or its environment is missing, says `why`."""

    peer: str
    size: int | None
    cost: Cost | None
    why: str | None


@dataclass(frozen=True)
class Entry:
    """A peer at a thread count.

    Attributes:
        status: `wrong` was measured and computes something else, so it is in no comparison as the best peer.
        median_ms: of the round medians: CPU time of the process with one thread, wall clock with more.
        round_medians_ms: in the order of the rounds.
        to_best_peer: over the fastest right peer that is not ours; None where there is none.
        wall_ms: the median of the round medians by the wall clock, which with one thread is not what counts.
        preempted: times that a timed run lost its core to another program, all rounds together.
        unconverged: rounds whose warm-up was given up before run times agreed.
    """

    peer: str
    threads: int
    status: Literal["measured", "wrong", "failed", "missing"]
    why: str | None = None
    median_ms: float | None = None
    round_medians_ms: tuple[float, ...] = ()
    to_best_peer: Ratio | None = None
    error: float | None = None
    wall_ms: float | None = None
    preempted: int = 0
    unconverged: int = 0


@dataclass(frozen=True)
class ModelComparison:
    """One model. `first` and `last` are when its first and last round began (UTC)."""

    model: str
    title: str
    weights: str
    input_size: int
    first: str
    last: str
    best_peer: dict[str, str]
    exports: tuple[ExportRecord, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class ProtocolRecord:
    """How it was measured. `cpus` by thread count; rounds in random order, one fresh process a peer."""

    rounds: int
    runs: int
    threads: tuple[int, ...]
    cpus: dict[str, tuple[int, ...]]
    wrong_above: float


@dataclass(frozen=True)
class PeersResult:
    """The whole comparison."""

    schema_version: Literal[1]
    created: str
    ghostdeploy: str
    device: DeviceInfo
    protocol: ProtocolRecord
    peers: tuple[PeerRecord, ...]
    models: tuple[ModelComparison, ...]

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            WriteFailed: disk full, no permission, no such directory.
        """
        write_json(path, records.to_json(self))

    @classmethod
    def load(cls, path: Path) -> PeersResult:
        """Read what `save` wrote.

        Raises:
            FileMissing, FileUnreadable, ResultInvalid: there is no such file, or it is no comparison.
        """
        document = result_file.read(path)
        try:
            return records.from_json(cls, document)
        except records.RecordError as error:
            raise ResultInvalid(f"{path} is no comparison of peers", str(error), "make one with `make bench-peers`"
                                ) from error
