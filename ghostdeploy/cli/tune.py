"""`ghostdeploy tune`: which form of a graph is cheapest where, on the device that matters."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from ghostdeploy.cli.conditions import PhoneOptions, with_phone_options
from ghostdeploy.cli.options import CheckpointOption, InputSizeOption, names
from ghostdeploy.cli.output import JsonFlag, check_output, emit, heading, stages
from ghostdeploy.device.control import Wishes
from ghostdeploy.report.columns import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostdeploy.lowering.artifact import Format, Precision
    from ghostdeploy.progress import Progress
    from ghostdeploy.tuning import Profile
    from ghostdeploy.tuning.growing import Keep
    from ghostdeploy.tuning.meters import Meter

INSTRUCTIONS = "arm-instructions"


@with_phone_options
def tune(
    model: Annotated[str | None, typer.Option(
        "--model", metavar="NAME,NAME", help="Cards of the zoo, or one `package.module:factory`. Weights are random: "
        "costs depend on shapes.")] = None,
    checkpoint: CheckpointOption = None,
    device: Annotated[str, typer.Option(
        metavar=f"local|SERIAL|{INSTRUCTIONS}", help="Where forms are timed; or counted, on an emulated arm64 CPU."
    )] = "local",
    cpu: Annotated[str, typer.Option(
        "--cpu", metavar="NAME", help=f"The CPU that {INSTRUCTIONS} emulates, as qemu calls it.")] = "cortex-a76",
    formats: Annotated[str, typer.Option("--format", help="Of pte, tflite; comma-separated.")] = "pte,tflite",
    precision: Annotated[str, typer.Option("--precision", help="Of fp32, fp16, int8; comma-separated.")] = "fp32",
    input_size: InputSizeOption = None,
    add_to: Annotated[Path | None, typer.Option(
        "--add-to", metavar="FILE", help="A profile of the same device: its sites are kept and not measured again.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The profile.")] = Path("profile.json"),
    as_json: JsonFlag = False,
    *,
    phone: PhoneOptions,
) -> None:
    """Measure every site of a model in both forms; `export --profile FILE` then picks the cheaper one.

    Example: [bold]ghostdeploy tune --model ghostnetv3_100 --device local -o mine.json[/]
    """
    check_output(output)
    with stages(quiet=as_json) as progress:
        progress.stage("build the model")
        from ghostdeploy.tuning import Profile
        from ghostdeploy.tuning.subjects import subjects
        from ghostdeploy.tuning.tune import tune as run

        known = None if add_to is None else Profile.load(add_to)
        modules = subjects(names(model or ""), checkpoint, input_size)
        wanted = phone.wishes(progress)
        with _meter(device, cpu, wanted, phone.runtime) as meter, _kept_when_cut_short(output, progress) as keep:
            found = run(modules, meter, formats=cast("tuple[Format, ...]", names(formats)), known=known,
                        precisions=cast("tuple[Precision, ...]", names(precision)), progress=progress, keep=keep)
        progress.stage(f"write {output}")
        found.save(output)
    emit({"profile": str(output), **found.as_dict()}, lambda console: render(console, found, output), as_json=as_json)


@contextmanager
def _meter(device: str, cpu: str, wanted: Wishes, runtime: Path | None) -> Iterator[Meter]:
    from ghostdeploy.tuning.meters import InstructionMeter, TimeMeter

    if device == INSTRUCTIONS:
        yield InstructionMeter(cpu)
        return
    from ghostdeploy.device.lookup import opened

    with opened(device, runtime=runtime) as found:
        yield TimeMeter(found, wanted)


@contextmanager
def _kept_when_cut_short(output: Path, progress: Progress) -> Iterator[Keep]:
    """What takes the profile after every site: beside `output`, until all are measured. A large model takes hours."""
    partial = output.with_name(f"{output.name}.partial")
    try:
        yield lambda profile: profile.save(partial)
    except BaseException:
        if partial.exists():
            progress.note(f"the sites measured so far are in {partial}: go on with --add-to {partial}")
        raise
    partial.unlink(missing_ok=True)


def render(console: Console, profile: Profile, path: Path) -> None:
    """Each rewrite: at how many sites it pays, and by how much at best."""
    heading(console, f"{len(profile.sites)} sites on {profile.measured.device} -> {path}")
    table = columns("rewrite", "sites", "pays at", "best", "worst")
    kinds = dict.fromkeys((s.site.pass_name, s.format, s.precision) for s in profile.sites)
    for kind in kinds:
        costs = [s for s in profile.sites if (s.site.pass_name, s.format, s.precision) == kind]
        ratios = sorted(s.rewritten / s.plain for s in costs)
        pays = sum(profile.wanted(s.format, s.precision)(s.site) for s in costs)
        table.add_row("{}, .{} {}".format(*kind), str(len(costs)), str(pays), f"{ratios[0]:.2f}", f"{ratios[-1]:.2f}")
    console.print(table)
    console.print(f"In {profile.unit} of the site alone, rewritten over plain." if profile.sites else
                  "No part of these models has two forms: exports with and without this profile are the same.")
