"""The model's input is the one that timm's evaluation transform makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ghostdeploy.errors import FileMissing, ImageUnreadable
from ghostdeploy.photos import real_photo
from ghostdeploy.preprocessing import Preprocessing, open_image
from ghostdeploy.torchvision_mend import mend


def by_timm(image: Image.Image, prep: Preprocessing) -> np.ndarray:
    mend()
    from timm.data.transforms_factory import create_transform

    transform = create_transform((3, prep.input_size, prep.input_size), interpolation=prep.interpolation,
                                 mean=prep.mean, std=prep.std, crop_pct=prep.crop)
    return transform(image)[None].numpy()


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket", "motorcycle_left"])
@pytest.mark.parametrize("prep", [Preprocessing(), Preprocessing(192, 0.9, "bilinear"), Preprocessing(256, 1.0)])
def test_photos_as_timm_sees_them(name: str, prep: Preprocessing) -> None:
    image = real_photo(name).image
    np.testing.assert_allclose(prep.tensor(image), by_timm(image, prep), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(8, 400), height=st.integers(8, 400), size=st.integers(8, 96),
       crop=st.sampled_from([0.875, 0.9, 0.95, 1.0]))
def test_any_size_as_timm_sees_it(width: int, height: int, size: int, crop: float) -> None:
    noise = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image, prep = Image.fromarray(noise), Preprocessing(size, crop)
    assert prep.tensor(image).shape == (1, 3, size, size)
    np.testing.assert_allclose(prep.tensor(image), by_timm(image, prep), atol=1e-6)


def test_pixels_survive_a_png() -> None:
    """What `golden/` relies on."""
    pixels = Preprocessing(64).pixels(real_photo("chelsea").image)
    stored = np.rint(pixels * 255).astype(np.uint8)
    assert np.array_equal(stored.astype(np.float32) / np.float32(255), pixels)


def test_grey_palette_and_transparent_images_become_rgb() -> None:
    for mode in ("L", "P", "RGBA", "LA", "1", "CMYK"):
        assert Preprocessing(32).pixels(Image.new(mode, (40, 50))).shape == (1, 3, 32, 32)


def test_unreadable_and_missing_images(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    with pytest.raises(ImageUnreadable, match=r"cut\.jpg"):
        open_image(tmp_path / "cut.jpg")
    with pytest.raises(FileMissing):
        open_image(tmp_path / "nothing.jpg")
