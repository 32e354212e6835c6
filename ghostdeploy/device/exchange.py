"""The directory through which a job goes to its process and the result comes back.

stdout is no channel: runtimes chat on it. Everything a process says to us is in files of this directory.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ghostdeploy.device import records
from ghostdeploy.device.job import RoundReport
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.writing import writing


@dataclass(frozen=True)
class Failure:
    """An error that a process reports: code of the public error, and its sentences."""

    code: str
    what: str
    why: str
    next: str


@dataclass(frozen=True)
class Reply:
    """What a process leaves as its result: one of the two."""

    report: RoundReport | None
    failure: Failure | None


@dataclass(frozen=True)
class Exchange:
    """Names inside one job's directory."""

    directory: Path

    def writable(self) -> AbstractContextManager[None]:
        """Around writes into the directory, which is a temporary one and often on another disk than the output.

        Raises:
            WriteFailed: the disk is full, ...
        """
        return writing(f"into the temporary directory {self.directory.parent}",
                       "free some space there, or name another directory in TMPDIR")

    @property
    def log(self) -> Path:
        """stdout and stderr of the process."""
        return self.directory / "log"

    @property
    def _reply(self) -> Path:
        return self.directory / "reply.json"

    @property
    def _stage(self) -> Path:
        return self.directory / "stage"

    def put_samples(self, samples: Sequence[Sequence[Array]]) -> None:
        """Write the input tensors.

        Raises:
            WriteFailed: see `writable`.
        """
        self._save("samples.npz", samples)

    def samples(self) -> list[list[Array]]:
        """The input tensors: a list of inputs per sample."""
        return _load(self.directory / "samples.npz")

    def put_outputs(self, outputs: Sequence[Sequence[Array]]) -> None:
        """Write the output tensors.

        Raises:
            WriteFailed: see `writable`.
        """
        self._save("outputs.npz", outputs)

    def outputs(self) -> tuple[tuple[Array, ...], ...]:
        """The output tensors.

        Raises:
            OSError, ValueError: the process did not write them, or not whole.
        """
        try:
            return tuple(tuple(sample) for sample in _load(self.directory / "outputs.npz"))
        except (BadZipFile, EOFError, KeyError) as error:
            raise ValueError(f"the output tensors are not whole: {error}") from error

    def _save(self, name: str, groups: Sequence[Sequence[Array]]) -> None:
        named: dict[str, Any] = {f"{i}.{j}": array for i, group in enumerate(groups) for j, array in enumerate(group)}
        path = self.directory / name
        with self.writable():
            try:
                np.savez(path, **named)
            except OSError:
                path.unlink(missing_ok=True)        # half a file is of no use, and its space lets the reply be written
                raise

    def put_reply(self, reply: Reply) -> None:
        """Write the result whole or not at all."""
        part = self._reply.with_suffix(".part")
        part.write_text(json.dumps(records.to_json(reply), allow_nan=False))
        part.replace(self._reply)

    def reply(self) -> Reply | None:
        """The result; None where the process left none.

        Raises:
            ValueError: there is one, and it is not what a worker writes.
        """
        if not self._reply.is_file():
            return None
        return records.from_json(Reply, json.loads(self._reply.read_text()))

    def put_stage(self, stage: str) -> None:
        """Say what is about to be done, so that a crash or a hang can be placed."""
        with self.writable():
            self._stage.write_text(stage)

    def stage(self) -> str:
        """The last stage that the process named."""
        return self._stage.read_text() if self._stage.is_file() else "starting"


def _load(path: Path) -> list[list[Array]]:
    groups: list[list[Array]] = []
    with np.load(path, allow_pickle=False) as archive:
        for key in sorted(archive.files, key=lambda name: tuple(map(int, name.split(".")))):
            if int(key.split(".")[0]) == len(groups):
                groups.append([])
            groups[-1].append(archive[key])
    return groups
