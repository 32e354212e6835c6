"""Matches tensors of foreign names to an architecture by order and shape, where that leaves no choice.

Equal shapes alone prove little: the four tensors of a BatchNorm have one shape, and so do whole repeated blocks. So the
match also needs what a renamed module cannot lack: the file keeps definition order, numbered parts count upwards, every
tensor keeps its role (`weight`, `running_var`, ...), and modules correspond one to one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ghostdeploy.checkpoint.structure import Shapes, Structure

ROLES = frozenset({"weight", "bias", "running_mean", "running_var"})


@dataclass(frozen=True)
class Match:
    """The architecture's name for each of the file's, or None and the sentence why there is no certain match."""

    names: Mapping[str, str] | None
    why: str = ""


def by_order(found: Shapes, wanted: Structure, *, ordered: bool) -> Match:
    """Match a file's tensors to `wanted`, first to first."""
    if len(found) != len(wanted.shapes):
        return Match(None, f"{len(found)} tensors are not {len(wanted.shapes)}")
    if not ordered:
        return Match(None, "a safetensors file does not keep the order of definition, so foreign names stay foreign")
    unsorted = _out_of_order(found)
    if unsorted is not None:
        return Match(None, f"{unsorted} comes out of turn, so the file's order is not that of definition")
    modules: dict[str, str] = {}
    for (theirs, shape), ours in zip(found.items(), wanted.shapes, strict=True):
        if not wanted.fits(ours, shape):
            return Match(None, f"{theirs} is {list(shape)} where {ours} is {list(wanted.shapes[ours])}")
        (their_module, _, their_role), (our_module, _, our_role) = theirs.rpartition("."), ours.rpartition(".")
        if their_role != our_role and {their_role, our_role} & ROLES:
            return Match(None, f"{theirs} stands where {ours} belongs, which has another role")
        if modules.setdefault(their_module, our_module) != our_module:
            return Match(None, f"{their_module} would be both {modules[their_module]} and {our_module}")
    if len(set(modules.values())) < len(modules):
        return Match(None, "two modules of the file would be one of the architecture")
    return Match(dict(zip(found, wanted.shapes, strict=True)))


def _out_of_order(keys: Iterable[str]) -> str | None:
    """The first key whose number is below its predecessor's under the same parent: a sign of sorting by name."""
    latest: dict[str, int] = {}
    for key in keys:
        parts = key.split(".")
        for depth, part in enumerate(parts):
            if not part.isdecimal():
                continue
            parent = ".".join(parts[:depth])
            if int(part) < latest.get(parent, 0):
                return key
            latest[parent] = int(part)
    return None
