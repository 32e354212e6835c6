"""Which alternatives a profile wants in an artifact. Profiles know of precisions by themselves alone."""

from __future__ import annotations

from collections.abc import Sequence

from ghostdeploy.graph import Example
from ghostdeploy.lowering.artifact import Format, Precision
from ghostdeploy.lowering.mixed import by_map, largest_in_int8
from ghostdeploy.lowering.site import Wanted
from ghostdeploy.tuning.profile import FORMATS, Profile


def unknown_to(profile: Profile, formats: Sequence[Format], precisions: Sequence[Precision]) -> list[str]:
    """What artifacts to be made would ask the profile about, and it has no site of at all, as `.pte fp16`."""
    known = {(cost.format, cost.precision) for cost in profile.sites}
    parts = dict.fromkeys(part for each in precisions for part in (("fp16", "int8") if each == "mixed" else (each,)))
    return [f".{format} {part}" for format in formats if format in FORMATS for part in parts
            if (format, part) not in known]


def wanted_in(profile: Profile, format: Format, precision: Precision, example: Example) -> Wanted:
    """For an artifact of `precision` that takes `example`: mixed wants on large maps what fp16 does, on small ones what
    int8 does."""
    if precision != "mixed":
        return profile.wanted(format, precision)
    return by_map(profile.wanted(format, "fp16"), profile.wanted(format, "int8"), largest_in_int8(example))
