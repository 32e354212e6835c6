"""Measure every site of some models on a device: what becomes a profile."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import nn

from ghostdeploy.errors import LoweringFailed, UnsupportedOperator
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Format, Lowered, Precision
from ghostdeploy.lowering.passes import Site, Wanted, nowhere
from ghostdeploy.parity import ArtifactUnderTest
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.tuning.meters import Meter
from ghostdeploy.tuning.profile import Measured, Profile, SiteCost
from ghostdeploy.tuning.sites import FoundSite, sites


def tune(modules: Iterable[tuple[nn.Module, torch.Tensor]], meter: Meter, *,
         formats: Sequence[Format] = ("pte", "tflite"), precisions: Sequence[Precision] = ("fp32",),
         known: Profile | None = None, progress: Progress = SILENT) -> Profile:
    """Measure both forms of every distinct site.

    Args:
        modules: models in eval mode, each with an input [1, 3, H, W].
        meter: where, and in which unit.
        known: a profile of the same device; its sites are kept and not measured again.

    Raises:
        GhostdeployError: a model cannot be traced, or the device fails. Sites that a format cannot express by
            themselves are left out, and said.
    """
    costs = {(cost.format, cost.precision, cost.site): cost for cost in (known.sites if known is not None else ())}
    found: dict[Site, FoundSite] = {}
    for module, example in modules:
        progress.stage(f"find the sites of {type(module).__name__}")
        for site in sites(fuse(module, example).module, example):
            found.setdefault(site.site, site)
    wanted = [(f, p, site) for site in found.values() for f in formats for p in precisions
              if (f, p, site.site) not in costs]
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-tune-") as name:
        for done, (format, precision, site) in enumerate(wanted):
            progress.stage(f"site {done + 1} of {len(wanted)}: {site.site.pass_name} .{format} {precision}")
            try:
                artifacts = _artifacts(site, format, precision, Path(name))
            except (UnsupportedOperator, LoweringFailed) as error:
                progress.note(f"left out: {error.what}")
                continue
            plain, rewritten = meter.costs(artifacts, [value.numpy() for value in site.inputs])
            costs[format, precision, site.site] = SiteCost(format, precision, site.site, plain, rewritten)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Profile(meter.unit, Measured(meter.device, meter.runtimes(formats), today), tuple(costs.values()))


def _artifacts(site: FoundSite, format: Format, precision: Precision, directory: Path) -> list[ArtifactUnderTest]:
    """Both forms of a site as files."""
    made = []
    for name, wanted in (("plain", nowhere), ("rewritten", lambda other: other == site.site)):
        lowered, path = _lowered(site, format, precision, wanted), directory / f"{name}.{format}"
        path.write_bytes(lowered.data)
        # Our .pte takes the memory format of its example, which its own file tells and `lowered` does not.
        known = (None, None) if format == "pte" else (lowered.inputs, lowered.outputs)
        made.append(ArtifactUnderTest(path, format, precision, *known))
    return made


def _lowered(site: FoundSite, format: Format, precision: Precision, wanted: Wanted) -> Lowered:
    if format == "pte":
        from ghostdeploy.lowering.executorch import lower_pte

        return lower_pte(site.module, site.inputs, precision, wanted=wanted)
    from ghostdeploy.lowering.tflite import lower_tflite

    return lower_tflite(site.module, site.inputs, precision, wanted=wanted)
