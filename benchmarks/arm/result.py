"""What the comparison by arm64 instructions found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ghostdeploy.benchmark import result_file
from ghostdeploy.device import records
from ghostdeploy.device.arm_instructions import Instructions
from ghostdeploy.errors import ResultInvalid
from ghostdeploy.lowering.artifact import Format, Precision

SCHEMA_VERSION: Final = 2       # 1 had one day for all rows, and others' rows of an older day beside them


@dataclass(frozen=True)
class Row:
    """One contestant and model. `instructions` is None where there is none, and `failure` says why; `kinds` is where
    they go, by kind of function. `counted` is the day, for a row may come from an earlier result.
    """

    contestant: str
    format: Format
    precision: Precision
    size: int | None
    instructions: Instructions | None
    failure: str | None
    counted: str
    kinds: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelRows:
    """One model. `macs` are those of the fused graph."""

    model: str
    input_size: int
    macs: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ArmResult:
    """The comparison: a proxy, with random weights, on an emulated CPU.

    `created` is when the document was put together; each row has its own day.
    """

    schema_version: Literal[2]
    created: str
    ghostdeploy: str
    torch: str
    proxy: Literal["arm64 instructions per inference, not time"]
    weights: Literal["random"]
    cpu: str
    models: tuple[ModelRows, ...]

    @classmethod
    def load(cls, path: Path) -> ArmResult:
        """Read what `-o` wrote.

        Raises:
            FileMissing, FileUnreadable, ResultInvalid: there is no such file, or it is no such comparison.
        """
        document = result_file.read(path)
        try:
            return records.from_json(cls, document)
        except records.RecordError as error:
            raise ResultInvalid(f"{path} is no comparison by arm64 instructions", str(error), "make one with "
                                "`make bench-arm`") from error
