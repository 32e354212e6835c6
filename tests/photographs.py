"""Real photographs out of a Debian package: cut-out animals, plants, things, as PNG with transparency."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

# Its PNGs are photographs, as far as the eye tells, apart from what is left out here (version 2022.06.04, every one
# looked at).
PACKAGE: Final = "tuxpaint-stamps-default"
FOLDERS: Final = ("animals", "plants", "space", "household", "food", "vehicles", "hobbies", "military", "sports",
                  "naturalforces")
DRAWN: Final = ("cartoon", "pizza", "hedgehog", "goal_posts")
FEWEST_PIXELS: Final = 64
KEPT: Final = Path(__file__).parents[1] / "build" / "photographs"


def photographs() -> list[Path]:
    """RGB files on white, in a fixed order; fetched by apt (160 MB, once), whose signatures vouch for them.

    Raises:
        RuntimeError: no apt, or it does not have the package.
    """
    if not KEPT.is_dir():
        _fetch()
    return sorted(KEPT.glob("*.png"))


def _fetch() -> None:
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-photographs-") as name:
        place = Path(name)
        done = subprocess.run(["apt-get", "download", "-q", PACKAGE], cwd=place, capture_output=True, text=True,
                              check=False)
        found = list(place.glob("*.deb"))
        if done.returncode or len(found) != 1:
            raise RuntimeError(f"apt-get download {PACKAGE}: {done.stderr.strip()[-300:]}\nTry apt-get update first.")
        subprocess.run(["dpkg-deb", "-x", found[0], place / "files"], check=True)
        KEPT.parent.mkdir(exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix="photographs-", dir=KEPT.parent))
        (stamps,) = place.glob("files/usr/share/*/stamps")
        for folder in FOLDERS:
            for path in sorted((stamps / folder).rglob("*.png")):
                words = str(path.relative_to(stamps))
                if not any(word in words for word in DRAWN):
                    _on_white(path, part / words.replace("/", "-"))
        try:
            part.rename(KEPT)
        except OSError:     # another worker of the tests was sooner
            shutil.rmtree(part)


def _on_white(path: Path, target: Path) -> None:
    image = Image.open(path).convert("RGBA")
    if min(image.size) >= FEWEST_PIXELS:
        Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB").save(target)
