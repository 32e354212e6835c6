"""Real photos: scikit-image's, which come inside its wheel, or the user's own directory."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from ghostdeploy.errors import FileMissing, FileUnreadable, ImagesMissing
from ghostdeploy.preprocessing import open_image

# The colour photographs among the files of scikit-image 0.26's wheel (its RECORD); the rest are grey, drawn, or fetched
# on demand. Read as files, because `skimage.data` imports for a second and would download what is missing.
WHEEL_PHOTOS = {
    "chelsea": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg", "astronaut": "astronaut.png",
    "motorcycle_left": "motorcycle_left.png", "motorcycle_right": "motorcycle_right.png",
    "hubble_deep_field": "hubble_deep_field.jpg", "ihc": "ihc.png", "retina": "retina.jpg",
}


@dataclass(frozen=True)
class Photo:
    """An image file and what to call it. Decoded anew at each use: a thousand decoded photos do not fit into memory."""

    name: str
    path: Path

    @property
    def image(self) -> Image.Image:
        """The decoded RGB image.

        Raises:
            FileMissing, ImageUnreadable: the file is gone or cannot be decoded.
        """
        return open_image(self.path)


def real_photos() -> tuple[Photo, ...]:
    """Nine colour photographs, always the same: portrait, cat, cup, rocket, stereo pair, stars, tissue, retina.

    Raises:
        FileMissing: scikit-image is not installed.
    """
    return tuple(real_photo(name) for name in WHEEL_PHOTOS)


def real_photo(name: str) -> Photo:
    """One of `real_photos`, by name.

    Raises:
        KeyError: no such photo.
        FileMissing: scikit-image is not installed.
    """
    return Photo(name, _wheel_directory() / WHEEL_PHOTOS[name])


def from_directory(directory: Path) -> tuple[Photo, ...]:
    """Every image below `directory`, in the order of their paths, named by them. Hidden files are passed over.

    Raises:
        FileMissing: no such directory.
        FileUnreadable: it is a file.
        ImagesMissing: it holds no files.
        ImageUnreadable: a file in it cannot be decoded; named.
    """
    if not directory.exists():
        raise FileMissing(f"no such directory: {directory}", "", "check the path")
    if not directory.is_dir():
        raise FileUnreadable(f"{directory} is no directory", "a directory of images is wanted",
                             "name the directory that holds the image")
    relative = sorted(file.relative_to(directory) for file in directory.rglob("*") if file.is_file())
    visible = [file for file in relative if not any(part.startswith(".") for part in file.parts)]
    if not visible:
        raise ImagesMissing(f"no images in {directory}", "the directory holds no files", "put JPEG or PNG files there")
    photos = tuple(Photo(file.as_posix(), directory / file) for file in visible)
    for photo in photos:
        photo.image.close()     # an unreadable one is found before any work is done
    return photos


def _wheel_directory() -> Path:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise FileMissing("scikit-image is not installed", "its photos are the default inputs",
                          "install ghostdeploy's dependencies again (make setup)")
    return Path(spec.origin).parent / "data"
