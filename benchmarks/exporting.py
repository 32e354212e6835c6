"""Exports, each in a fresh process, kept by what they were made of: a second run makes only what changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.child import ChildFailed, ask, scratch
from benchmarks.environments import ROOT, Missing, Ready, interpreter
from benchmarks.export_worker import Cost, Order
from benchmarks.exporters import file_of
from benchmarks.models import Source
from benchmarks.peers import Peer
from ghostdeploy.device import records
from ghostdeploy.digest import sha256
from ghostdeploy.writing import make_directory, write_whole

DEADLINE_S = 1200.0       # inductor took 72 s for MobileNetV2 on a busy machine, stock ExecuTorch 101 s for GhostNetV3
RECORD, FAILURE = "export.json", "failure.txt"


@dataclass(frozen=True)
class Export:
    """A peer's file. `sha256` is that of the main file, `size` that of all files together, in bytes."""

    file: Path
    sha256: str
    size: int
    cost: Cost


@dataclass(frozen=True)
class NoExport:
    """Why there is none; `missing` where its environment cannot be made, else its exporter failed."""

    why: str
    missing: bool


def exported(source: Source, peer: Peer, store: Path) -> Export | NoExport:
    """The file of `peer` for `source` below `store`, made now if it is not there.

    A failure is kept like a file: the same exporter fails again, after as long a time.
    """
    ready = interpreter(peer)
    if isinstance(ready, Missing):
        return NoExport(ready.why, missing=True)
    place = store / "artifacts" / _key(source, peer, ready)
    if (place / FAILURE).exists():
        return NoExport((place / FAILURE).read_text(), missing=False)
    if not (place / RECORD).exists():
        try:
            _make(source, peer, ready.python, place)
        except ChildFailed as error:
            make_directory(place)
            write_whole(place / FAILURE, str(error))
            return NoExport(str(error), missing=False)
    found = records.from_json(Export, json.loads((place / RECORD).read_text()))
    # The record was written in a directory of another name, renamed when it was whole.
    return replace(found, file=place / found.file.name)


def _make(source: Source, peer: Peer, python: Path, place: Path) -> None:
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        target = part / f"model{peer.suffix}"
        with scratch() as directory:
            cost = ask(python, "benchmarks.export_worker", Order(source, peer.exporter, target), Cost, Path(directory),
                       DEADLINE_S)
        size = sum(file.stat().st_size for file in part.iterdir())
        record = Export(Path(target.name), sha256(target), size, cost)
        (part / RECORD).write_text(json.dumps(records.to_json(record)))
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _key(source: Source, peer: Peer, ready: Ready) -> str:
    """Of everything that the export depends on."""
    sources = (*peer.sources, "ghostdeploy/loading.py", "ghostdeploy/untrained.py", file_of(peer.exporter),
               "benchmarks/export_worker.py")
    content = json.dumps([source.key(), peer.exporter, ready.words(peer.makers), [digest(path) for path in sources]])
    return f"{source.model.replace(':', '.')}-{peer.exporter}-{sha_of(content)[:16]}"


def digest(path: str) -> str:
    """Of a file of this repository, or of every Python and JSON file below a directory of it."""
    place = ROOT / path
    files = [place] if place.is_file() else sorted(f for f in place.rglob("*") if f.suffix in {".py", ".json"})
    return sha_of("".join(f"{file.relative_to(ROOT)} {sha256(file)}\n" for file in files))


def sha_of(text: str) -> str:
    """Hex digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
