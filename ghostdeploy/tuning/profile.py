"""A profile: what both forms of each site cost on some device, as a small versioned JSON file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import jsonschema

from ghostdeploy import schemas
from ghostdeploy.errors import FileMissing, FileUnreadable, ProfileInvalid, UsageError
from ghostdeploy.lowering.artifact import Format, Precision
from ghostdeploy.lowering.site import Site, Wanted
from ghostdeploy.writing import write_json

SCHEMA_VERSION = 1
Unit = Literal["instructions", "ns"]
Target = Literal["android", "host"]
FORMATS: Final[tuple[Format, ...]] = ("pte", "tflite")      # what has passes that pay at some shapes only

# By how much the rewritten form must be cheaper. Instructions are exact to about 1e-4 between runs. Ratios of medians
# of interleaved rounds moved by about 3 % between runs of the first programs that compared forms on a two-core machine.
MARGIN: dict[Unit, float] = {"instructions": 0.001, "ns": 0.03}

SHIPPED: dict[Target, str] = {"android": "arm-cortex-a76", "host": "x86-64"}


@dataclass(frozen=True)
class SiteCost:
    """Both forms of one site, in the profile's unit: the graph as it is, and rewritten."""

    format: Format
    precision: Precision
    site: Site
    plain: float
    rewritten: float

    @property
    def key(self) -> tuple[Format, Precision, Site]:
        """What was measured."""
        return self.format, self.precision, self.site


@dataclass(frozen=True)
class Measured:
    """On what a profile was measured, in words and with versions; `runtimes` by format."""

    device: str
    runtimes: dict[str, str]
    date: str
    note: str = ""


@dataclass(frozen=True)
class Profile:
    """Costs of sites, and which rewrites they speak for. Sites that were not measured keep their plain form."""

    unit: Unit
    measured: Measured
    sites: tuple[SiteCost, ...]

    def wanted(self, format: Format, precision: Precision) -> Wanted:
        """The answer to a pass that asks whether it is wanted at a site of such an artifact."""
        return lambda site: (format, precision, site) in self._cheaper

    @cached_property
    def _cheaper(self) -> frozenset[tuple[Format, Precision, Site]]:
        return frozenset(cost.key for cost in self.sites
                         if cost.rewritten < cost.plain * (1 - MARGIN[self.unit]))

    def save(self, path: Path) -> None:
        """Write it whole or not at all.

        Raises:
            WriteFailed: disk full, no permission, no such directory.
        """
        write_json(path, self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """As `profile.schema.json` describes it."""
        return {"schema_version": SCHEMA_VERSION, "unit": self.unit, "measured": dataclasses.asdict(self.measured),
                "sites": [{"format": cost.format, "precision": cost.precision, "pass": cost.site.pass_name,
                           "shape": list(cost.site.shape), "plain": cost.plain, "rewritten": cost.rewritten}
                          for cost in self.sites]}

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile that `ghostdeploy tune` wrote.

        Raises:
            FileMissing, FileUnreadable: there is no such file.
            ProfileInvalid: it is no profile.
        """
        if not path.exists():
            raise FileMissing(f"no such profile: {path}", "", "make one with `ghostdeploy tune -o`")
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise FileUnreadable(f"cannot read the profile {path}", str(error), "check the path") from error
        except UnicodeDecodeError as error:
            raise _invalid(path, str(error)) from error
        return _parsed(text, path)


def shipped(target: Target) -> Profile:
    """The profile that came with this package for artifacts that will run on `target`.

    Raises:
        UsageError: there is no such target.
    """
    if target not in SHIPPED:
        raise UsageError(f"--target {target} is not known", "", f"choose from {', '.join(SHIPPED)}")
    name = f"{SHIPPED[target]}.json"
    return _parsed(files("ghostdeploy.profiles").joinpath(name).read_text(encoding="utf-8"), Path(name))


def _parsed(text: str, path: Path) -> Profile:
    try:
        document = json.loads(text)
        jsonschema.validate(document, schemas.profile())
    except (ValueError, RecursionError) as error:
        raise _invalid(path, f"it is no JSON: {error}") from error
    except jsonschema.ValidationError as error:
        raise _invalid(path, error.message[:200]) from error
    return Profile(document["unit"], Measured(**document["measured"]), _costs(document["sites"]))


def _costs(entries: Sequence[dict[str, Any]]) -> tuple[SiteCost, ...]:
    return tuple(SiteCost(e["format"], e["precision"], Site(e["pass"], tuple(e["shape"])), e["plain"], e["rewritten"])
                 for e in entries)


def _invalid(path: Path, why: str) -> ProfileInvalid:
    return ProfileInvalid(f"{path} is no profile of ghostdeploy", why, "make one with `ghostdeploy tune -o`")
