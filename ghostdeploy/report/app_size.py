"""What a runtime adds to an app: the library for arm64 that we pin for phones, as it lies in an APK and compressed."""

from __future__ import annotations

from dataclasses import dataclass

from ghostdeploy.device.android.pinned import Abi, RuntimeName, pinned
from ghostdeploy.lowering.artifact import Format

ABI: Abi = "arm64-v8a"
RUNTIME_OF: dict[Format, RuntimeName] = {"pte": "executorch", "tflite": "tflite"}


@dataclass(frozen=True)
class AppSize:
    """A whole library, in bytes. An app that builds its own with fewer operators gets away with less."""

    library: str
    version: str
    size: int
    deflated: int

    @property
    def words(self) -> str:
        """The sizes in a sentence without its full stop."""
        return (f"{self.library} of {self.version} ({ABI}) adds {self.size / 1e6:.1f} MB, "
                f"{self.deflated / 1e6:.1f} compressed; a build with fewer operators is smaller")


def app_size(format: Format) -> AppSize | None:
    """None for a format that no phone gets a runtime for from us."""
    if format not in RUNTIME_OF:
        return None
    runtime = pinned(RUNTIME_OF[format])
    file = runtime.libraries[ABI]
    assert file.deflated is not None
    return AppSize(runtime.library, f"{runtime.archive.name} {runtime.archive.version}", file.size, file.deflated)
