"""Which alternatives a profile wants in an artifact. Profiles know of precisions by themselves alone."""

from __future__ import annotations

from collections.abc import Sequence

from ghostdeploy.graph import Example
from ghostdeploy.lowering.artifact import Format, Precision
from ghostdeploy.lowering.mixed import by_map, largest_in_int8
from ghostdeploy.lowering.site import Wanted
from ghostdeploy.tuning.profile import Profile


def unknown_to(profile: Profile, formats: Sequence[Format], precisions: Sequence[Precision]) -> list[str]:
    """Of the artifacts that are to be made: those that the profile has no site of at all, as `.pte fp16`."""
    known = {(cost.format, cost.precision) for cost in profile.sites}
    parts = {precision: ("fp16", "int8") if precision == "mixed" else (precision,) for precision in precisions}
    return [f".{format} {precision}" for format in formats for precision in precisions
            if not any((format, part) in known for part in parts[precision])]


def wanted_in(profile: Profile, format: Format, precision: Precision, example: Example) -> Wanted:
    """For an artifact of `precision` that takes `example`: mixed wants on large maps what fp16 does, on small ones what
    int8 does."""
    if precision != "mixed":
        return profile.wanted(format, precision)
    return by_map(profile.wanted(format, "fp16"), profile.wanted(format, "int8"), largest_in_int8(example))
