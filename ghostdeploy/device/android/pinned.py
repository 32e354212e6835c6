"""What `android_bench/inputs.toml` pins: the runtimes that phones get, where they come from, and their exact bytes."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from ghostdeploy.registry.package import Package
from ghostdeploy.resources import folder

Abi = Literal["arm64-v8a", "x86_64"]
RuntimeName = Literal["tflite", "executorch"]
ABIS: Final[tuple[Abi, ...]] = ("arm64-v8a", "x86_64")


@dataclass(frozen=True)
class PinnedFile:
    """A file inside a package, by its path there. `deflated` is its size once compressed, None where nobody asks."""

    member: str
    sha256: str
    size: int
    deflated: int | None = None


@dataclass(frozen=True)
class PinnedRuntime:
    """A runtime in an npm package.

    Attributes:
        archive: the package.
        runtime_version: what the result calls the runtime.
        library: name under which the loader looks for the library (its soname).
        headers: folder inside the package that the programs are compiled against.
    """

    name: RuntimeName
    archive: Package
    runtime_version: str
    library: str
    headers: str
    libraries: dict[Abi, PinnedFile]


@cache
def pinned(name: RuntimeName) -> PinnedRuntime:
    """The pinned runtime `name`."""
    entry = tomllib.loads((folder("android_bench") / "inputs.toml").read_text())[name]
    libraries = {abi: PinnedFile(**entry["libraries"][abi]) for abi in ABIS}
    archive = Package(entry["package"], entry["version"], entry["sha256"], entry["size"])
    return PinnedRuntime(name, archive, entry["runtime_version"], entry["library"], entry["headers"], libraries)
