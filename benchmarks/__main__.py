"""`python -m benchmarks`: the comparison as a command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.entry import program
from benchmarks.models import MODELS, QUICK, Source
from benchmarks.peers import PEERS, chosen
from benchmarks.result import PeersResult
from benchmarks.rounds import Protocol
from benchmarks.run import compare
from benchmarks.table import markdown
from ghostdeploy import zoo
from ghostdeploy.architecture import is_factory
from ghostdeploy.cli.options import names
from ghostdeploy.cli.output import stages
from ghostdeploy.errors import UsageError
from ghostdeploy.writing import make_directory, write_whole

ROUNDS, RUNS = 7, 50            # from six rounds on the interval assumes nothing (statistics.py); one to spare
QUICK_ROUNDS, QUICK_RUNS = 3, 30


def bench(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards, or package.module:factory.")] = "",
    peers: Annotated[str, typer.Option(metavar="X,Y", help="Of: " + ", ".join(p.name for p in PEERS))] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Two models, no heavy environments, 3 rounds, 1 thread.")
                     ] = False,
    checkpoint: Annotated[Path | None, typer.Option(metavar="FILE", help="Trained weights of the one model.")] = None,
    input_size: Annotated[int | None, typer.Option(metavar="N", help="Side of the input in pixels.")] = None,
    rounds: Annotated[int | None, typer.Option(metavar="N", min=1, help=f"Fresh processes a peer: {ROUNDS}.")] = None,
    runs: Annotated[int | None, typer.Option(metavar="N", min=1, help=f"Timed runs a process: {RUNS}.")] = None,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Thread counts; 1,2 by default.")] = "",
    store: Annotated[Path, typer.Option(metavar="DIR", help="Where files and rounds are kept.")] = Path(
        "build/bench-peers"),
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="JSON; Markdown goes beside it.")
                      ] = Path("out/peers.json"),
) -> None:
    """The same checkpoint through our formats and every other path, in one run.

    A run that was stopped goes on where it was, and a larger --rounds adds to a finished one.
    """
    sources = _sources(names(models) or (QUICK if quick else MODELS), checkpoint, input_size)
    contestants = chosen(names(peers) or tuple(p.name for p in PEERS if p.quick or not quick))
    counts = tuple(_count(word) for word in names(threads)) or ((1,) if quick else (1, 2))
    protocol = Protocol(rounds or (QUICK_ROUNDS if quick else ROUNDS), runs or (QUICK_RUNS if quick else RUNS), counts)
    with stages() as progress:
        result = compare(sources, contestants, protocol, store, progress)
    _write(result, output)
    sys.stdout.write(markdown(result))


def _sources(models: tuple[str, ...], checkpoint: Path | None, input_size: int | None) -> list[Source]:
    if checkpoint is not None and len(models) != 1:
        raise UsageError("--checkpoint is for one model", f"{len(models)} are to be measured", "add --models NAME")
    for name in models:
        if not is_factory(name):
            zoo.card(name)      # a wrong name is cheaper to say before measuring the ones before it
    return [Source(name, checkpoint, input_size) for name in models]


def _count(word: str) -> int:
    if not word.isdigit() or int(word) < 1:
        raise UsageError(f"--threads {word} is no number of threads", "", "give numbers like 1,2")
    return int(word)


def _write(result: PeersResult, path: Path) -> None:
    make_directory(path.parent)
    result.save(path)
    write_whole(path.with_suffix(".md"), markdown(result))


def main() -> None:
    """Entry point."""
    program(bench)


if __name__ == "__main__":
    main()
