"""A measurement, whole: what ran, where, how, every sample, and what follows from them. One JSON document each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonschema import Draft202012Validator

from ghostdeploy import schemas
from ghostdeploy.benchmark import result_file
from ghostdeploy.benchmark.consistency import contradiction
from ghostdeploy.benchmark.curve import Sustained
from ghostdeploy.benchmark.grade import Code, Grade, Reason
from ghostdeploy.benchmark.statistics import Method, round_medians
from ghostdeploy.device import records
from ghostdeploy.device.base import DeviceInfo, DeviceState
from ghostdeploy.device.condition import Condition, Finding
from ghostdeploy.device.job import Memory
from ghostdeploy.device.runtimes.base import RuntimeInfo
from ghostdeploy.device.warmup import WarmUp, WarmUpRule
from ghostdeploy.errors import ResultInvalid, UsageError
from ghostdeploy.lowering.artifact import Delegation, Format, Precision, TensorSpec
from ghostdeploy.parity import Parity
from ghostdeploy.profiling.record import Profile
from ghostdeploy.writing import write_json

if TYPE_CHECKING:
    import pandas

SCHEMA_VERSION: Literal[1] = 1


@dataclass(frozen=True)
class MeasuredModel:
    """The artifact that was measured. `weights` is `unknown` for a bare file: it does not say.

    `inputs` is what it is fed with, `card` its model in the zoo, `delegation` what of it runs in XNNPACK; None where
    the file does not say, and in results of before 2026-11-27.
    """

    name: str
    bundle: str | None
    file: str
    size: int
    sha256: str
    format: Format
    precision: Precision | None
    weights: Literal["checkpoint", "module", "random", "unknown"]
    inputs: tuple[TensorSpec, ...] | None = None
    card: str | None = None
    delegation: Delegation | None = None


@dataclass(frozen=True)
class ProtocolRecord:
    """How it was measured. `cpus` is what was asked for, None for unpinned; `input` says what was fed.

    `together` artifacts took turns in the process of each round, run by run: their ratio is the better for it, and
    each found the caches full of the other. 1: it had the process to itself.
    """

    runs: int
    rounds: int
    threads: int
    cpus: tuple[int, ...] | None
    warm_up: WarmUpRule
    every_ns: int
    input: str
    golden: bool
    together: int = 1


@dataclass(frozen=True)
class Round:
    """One fresh process. `position` is its place among all processes of the command: the interleaving, as it was.

    `outliers` are indices into `samples_ns`. `discarded` is the reason where the round does not count, else None.
    """

    position: int
    started: str
    load_ns: int
    first_ns: int
    warm_up: WarmUp
    samples_ns: tuple[int, ...]
    outliers: tuple[int, ...]
    late: int
    preempted: int
    stable: bool
    threads: int
    cpus: tuple[int, ...]
    before: DeviceState
    after: DeviceState
    discarded: str | None


@dataclass(frozen=True)
class Summary:
    """What follows from the rounds; milliseconds and decimal megabytes.

    Attributes:
        median_ms: median of the round medians; `interval_ms` its 95 % interval, by `interval_method`.
        p90_ms, p99_ms, min_ms, mean_ms, std_ms: over the runs of all rounds.
        first_ms, load_ms: medians over the rounds.
        peak_mb: highest resident memory of the process; `artifact_mb` the part above the idle runtime. From a pass of
            its own; None where none was made.
    """

    median_ms: float
    interval_ms: tuple[float, float]
    interval_method: Method
    p90_ms: float
    p99_ms: float
    min_ms: float
    mean_ms: float
    std_ms: float
    first_ms: float
    load_ms: float
    peak_mb: float | None
    artifact_mb: float | None
    outliers: int
    grade: Grade
    valid: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Result:
    """One artifact, measured with one thread count on one device.

    `session` is shared by the results of one interleaved run, whose rounds of equal number stood beside each other;
    None in results of before 2026-11-27. `profile` says where the time goes and `sustained` what is left of the speed
    after minutes, if that was asked; a reason of the summary says why it is not there all the same.
    """

    schema_version: Literal[1]
    created: str
    ghostdeploy: str
    model: MeasuredModel
    runtime: RuntimeInfo
    device: DeviceInfo
    conditions: tuple[Condition, ...]
    protocol: ProtocolRecord
    rounds: tuple[Round, ...]
    memory: Memory | None
    summary: Summary
    parity: Parity | None
    findings: tuple[Finding, ...] = ()
    session: str | None = None
    profile: Profile | None = None
    sustained: Sustained | None = None

    def medians_ns(self) -> tuple[float, ...]:
        """The median of each round that counts, in the order of the rounds."""
        return tuple(float(v) for v in round_medians([r.samples_ns for r in self.rounds if r.discarded is None]))

    def remarked(self, code: Code, text: str) -> Result:
        """The result with one more reason, which says something and invalidates nothing."""
        reasons = (*self.summary.reasons, Reason(code, text, False))
        return replace(self, summary=replace(self.summary, reasons=reasons))

    def document(self) -> dict[str, Any]:
        """The result as JSON, valid against `schemas.result()`."""
        document: dict[str, Any] = records.to_json(self)
        return document

    def to_dataframe(self) -> pandas.DataFrame:
        """One line a run, in order: `round`, `run`, `ms`, `outlier`, `counts` (False where the round was made again).

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise UsageError("to_dataframe needs pandas", "it is not installed", "pip install pandas") from error
        lines = [(number, place, ns / 1e6, place in measured.outliers, measured.discarded is None)
                 for number, measured in enumerate(self.rounds) for place, ns in enumerate(measured.samples_ns)]
        return pandas.DataFrame(lines, columns=["round", "run", "ms", "outlier", "counts"])

    def save(self, path: str | Path) -> None:
        """Write the result, whole or not at all.

        Raises:
            WriteFailed: disk full, no permission, no such directory.
        """
        write_json(Path(path), self.document())

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read a result.

        Raises:
            FileMissing, FileUnreadable: there is no such file, or it is no file.
            ResultInvalid: it is no single result of this schema version, or holds anything else.
        """
        results = load_all(path)
        if len(results) != 1:
            raise ResultInvalid(f"{path} holds {len(results)} results", "one was expected",
                                "read them with `ghostdeploy.benchmark.load_all`")
        return results[0]


def save_all(results: Sequence[Result], path: str | Path) -> None:
    """Write results into one file, as `document` shapes them, whole or not at all.

    Raises:
        WriteFailed: see `Result.save`.
    """
    write_json(Path(path), document(results))


def document(results: Sequence[Result]) -> dict[str, Any]:
    """What `bench` writes and prints: a single result as itself, several as `{"results": [...]}`."""
    documents = [result.document() for result in results]
    return documents[0] if len(documents) == 1 else {"results": documents}


def load_all(path: str | Path) -> list[Result]:
    """Read every result of a file that `save` or `save_all` wrote.

    Raises:
        FileMissing, FileUnreadable, ResultInvalid: see `Result.load`.
    """
    found = result_file.read(Path(path))
    entries = found["results"] if isinstance(found, dict) and set(found) == {"results"} else [found]
    if not isinstance(entries, list) or not entries:
        raise result_file.invalid(path, "it holds no list of results")
    return [_result(entry, path) for entry in entries]


def _result(document: Any, path: str | Path) -> Result:
    problem = next(Draft202012Validator(schemas.result()).iter_errors(document), None)
    if problem is not None:
        place = "/".join(map(str, problem.absolute_path)) or "the document"
        raise result_file.invalid(path, f"{place}: {problem.message[:200]}")
    try:
        result = records.from_json(Result, document)
    except records.RecordError as error:
        raise result_file.invalid(path, str(error)) from error
    if (why := contradiction(result)) is not None:
        raise result_file.invalid(path, why)
    return result
