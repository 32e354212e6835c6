"""python -m ghostdeploy.device.arm_instructions FILE... [--cpu NAME] [--half] [--attribute]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ghostdeploy.benchmark.sniffing import sniff
from ghostdeploy.device.android import qemu
from ghostdeploy.device.arm_instructions import Attribution, attribute, count
from ghostdeploy.errors import GhostdeployError

SHOWN = 25
MILLION = 1e6


def main(words: list[str] | None = None) -> int:
    """Print million instructions per inference for each file."""
    options = _parser().parse_args(words)
    say(f"# million arm64 instructions per inference on {options.cpu} (a proxy: instructions, not time)")
    for path in options.files:
        try:
            of = attribute if options.attribute else count
            found = of(path, sniff(path), cpu=options.cpu, half_arithmetic=options.half)
        except GhostdeployError as error:
            sys.stderr.write("\n".join(filter(None, (error.what, error.why, error.next))) + "\n")
            return error.exit_code
        instructions = found.instructions if isinstance(found, Attribution) else found
        say(f"{instructions.per_inference / MILLION:9.3f}  {path}")
        if isinstance(found, Attribution):
            show(found)
    return 0


def show(found: Attribution) -> None:
    """By kind of function, by class of instruction, and the functions with most."""
    for sums in (found.by_kind, found.by_class):
        say("           " + ", ".join(f"{name} {value / MILLION:.2f}" for name, value in sums.items()))
    for place in found.places[:SHOWN]:
        mix = ", ".join(f"{name} {100 * value / place.instructions:.0f} %"
                        for name, value in sorted(place.mix.items(), key=lambda item: -item[1])[:5])
        say(f"{place.instructions / MILLION:9.3f}  {place.kind:14} {place.library}+{place.start:#x}"
            f"..{place.end:#x}: {mix}")


def say(line: str) -> None:
    """One line on stdout."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ghostdeploy.device.arm_instructions",
                                     description="Count arm64 instructions per inference: a proxy, not a time.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".pte or .tflite")
    parser.add_argument("--cpu", default=qemu.CPU_MODEL, help="the emulated CPU, as qemu names it")
    parser.add_argument("--half", action="store_true", help=".tflite: compute floats in half precision")
    parser.add_argument("--attribute", action="store_true", help="also say which functions they go to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
