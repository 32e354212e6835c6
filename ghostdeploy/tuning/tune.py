"""Measure every site of some models on a device: what becomes a profile."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn
from torch.fx import GraphModule

from ghostdeploy.device.half_arithmetic import arithmetic
from ghostdeploy.errors import ArtifactRejected, LoweringFailed, RunnerFailed, UnsupportedOperator, UsageError
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Format, Lowered, Precision
from ghostdeploy.lowering.site import Site, Wanted, nowhere
from ghostdeploy.parity import ArtifactUnderTest
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.quantisation import Calibration
from ghostdeploy.tuning.growing import Growing, Keep, forget
from ghostdeploy.tuning.meters import Meter
from ghostdeploy.tuning.profile import FORMATS, Profile, SiteCost
from ghostdeploy.tuning.sites import FoundSite, sites, sites_left

PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "fp16", "int8")


def tune(modules: Iterable[tuple[nn.Module, torch.Tensor]], meter: Meter, *,
         formats: Sequence[Format] = FORMATS, precisions: Sequence[Precision] = ("fp32",),
         known: Profile | None = None, progress: Progress = SILENT, keep: Keep = forget) -> Profile:
    """Measure both forms of every distinct site, then of those that the rewrites that pay leave or make, until all are.

    Args:
        modules: models in eval mode, each with an input [1, 3, H, W].
        meter: where, and in which unit.
        known: a profile of the same device and runtimes; its sites are kept and not measured again.
        keep: given the profile so far after every site, for a device can be lost before the last.

    Raises:
        UsageError: a format or precision that there is nothing to choose for, or `known` is of another device, or
            of other runtimes (which a device may tell by running only: after the first site).
        GhostdeployError: a model cannot be traced, or the device fails, or runs no site at all. Sites
            that a format cannot express, or a runtime run, by themselves are left out, and said.
    """
    _require_possible(meter, formats, precisions, known)
    progress.stage("find the sites")
    graphs = [_Graph(module, example, sites(module, example)) for module, example in (
        (fuse(module, example).module, example) for module, example in modules)]
    found = Growing(meter, formats, known, keep)
    tried = {cost.key for cost in found.profile.sites}
    while wanted := {key: site for key, site in _met(graphs, found.profile, formats, precisions).items()
                     if key not in tried}:
        tried |= set(wanted)
        with tempfile.TemporaryDirectory(prefix="ghostdeploy-tune-") as name:
            _measure(list(_candidates(wanted, Path(name), progress)), meter, found, progress)
    return found.profile


@dataclass(frozen=True)
class _Graph:
    """A fused graph, and its sites whatever is rewritten."""

    module: GraphModule
    example: torch.Tensor
    sites: tuple[FoundSite, ...]


def _require_possible(meter: Meter, formats: Sequence[Format], precisions: Sequence[Precision],
                      known: Profile | None) -> None:
    for given, possible in ((formats, FORMATS), (precisions, PRECISIONS)):
        unknown = [each for each in given if each not in possible]
        if unknown or not given:
            raise UsageError(f"nothing to tune for {', '.join(unknown) or 'no format or precision'}",
                             "mixed takes the sites of fp16 and of int8" if "mixed" in unknown else "",
                             f"choose from {', '.join(possible)}")
    if known is not None and (known.unit, known.measured.device) != (meter.unit, meter.device):
        raise UsageError(f"the known sites were measured on {known.measured.device}, in {known.unit}",
                         f"this is {meter.device}, in {meter.unit}, and costs of two devices do not compare",
                         "begin a profile of its own")


Key = tuple[Format, Precision, Site]


def _met(graphs: Sequence[_Graph], profile: Profile, formats: Sequence[Format],
         precisions: Sequence[Precision]) -> dict[Key, FoundSite]:
    """What lowerings would ask this profile about, by what it would be asked."""
    found: dict[Key, FoundSite] = {}
    for graph in graphs:
        for format, precision in itertools.product(formats, precisions):
            left = sites_left(graph.module, graph.example, profile.wanted(format, precision))
            for site in (*graph.sites, *left):
                if precision in site.precisions:
                    found.setdefault((format, precision, site.site), site)
    return found


@dataclass(frozen=True)
class _Candidate:
    """Both forms of a site as files: as it is, and rewritten."""

    format: Format
    precision: Precision
    site: FoundSite
    forms: tuple[ArtifactUnderTest, ...]

    @property
    def title(self) -> str:
        return f"{self.site.site.pass_name} .{self.format} {self.precision}"


def _candidates(wanted: Mapping[Key, FoundSite], directory: Path, progress: Progress) -> Iterator[_Candidate]:
    """All lowered before any is measured: a phone stands under control meanwhile, with its screen on."""
    for done, ((format, precision, _), site) in enumerate(wanted.items()):
        progress.stage(f"lower site {done + 1} of {len(wanted)}: {site.site.pass_name} .{format} {precision}")
        try:
            yield _Candidate(format, precision, site, _forms(site, format, precision, directory, str(done)))
        except (UnsupportedOperator, LoweringFailed) as error:
            progress.note(f"left out: {error.what}")


def _measure(candidates: Sequence[_Candidate], meter: Meter, found: Growing, progress: Progress) -> None:
    """Sites that do not run are left out, unless none does and none did before."""
    if not candidates:
        return
    with meter.measuring([form for each in candidates for form in each.forms], progress) as costs_of:
        for done, each in enumerate(candidates):
            progress.stage(f"measure site {done + 1} of {len(candidates)}: {each.title}")
            try:
                plain, rewritten = costs_of(each.forms, [value.numpy() for value in each.site.inputs])
            except (RunnerFailed, ArtifactRejected) as error:
                # Seen of int8 .pte whose concatenation joins channels-last inputs of the graph itself: ExecuTorch 1.4
                # then takes the wrong axis ("Failed to resize output tensor for XNNExecutor"). No model tried does so.
                if found.nothing_new and done + 1 == len(candidates):
                    raise       # not a site: the device runs nothing
                progress.note(f"left out: {error.what}")
                continue
            found.add(SiteCost(each.format, each.precision, each.site.site, plain, rewritten))


def _forms(site: FoundSite, format: Format, precision: Precision, directory: Path,
           stem: str) -> tuple[ArtifactUnderTest, ...]:
    made = []
    computed = arithmetic(format, precision)
    for name, wanted in (("plain", nowhere), ("rewritten", lambda other: other == site.site)):
        lowered, path = _lowered(site, format, precision, wanted), directory / f"{stem}-{name}.{format}"
        path.write_bytes(lowered.data)
        # Our .pte takes the memory format of its example, which its own file tells and `lowered` does not.
        takes, gives = (None, None) if format == "pte" else (lowered.inputs, lowered.outputs)
        made.append(ArtifactUnderTest(path, format, precision, takes, gives,
                                      computed is not None and computed.by == "runtime"))
    return tuple(made)


def _lowered(site: FoundSite, format: Format, precision: Precision, wanted: Wanted) -> Lowered:
    # Costs hardly depend on steps, so one made-up input gives them.
    calibration = Calibration((site.inputs,)) if precision == "int8" else None
    if format == "pte":
        from ghostdeploy.lowering.executorch import lower_pte

        return lower_pte(site.module, site.inputs, precision, wanted=wanted, calibration=calibration)
    from ghostdeploy.lowering.tflite import lower_tflite

    return lower_tflite(site.module, site.inputs, precision, wanted=wanted, calibration=calibration)
