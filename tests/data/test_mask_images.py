"""Masks drawn as image files: which pixels belong to the object, whatever the file's kind."""

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from asgn.data.files.mask_images import load_mask, read_drawn_mask
from asgn.data.files.masks import iou
from asgn.errors import DataError

TRUTH = np.zeros((40, 60), dtype=bool)
TRUTH[8:30, 10:35] = True
WHITE_OR_BLACK = np.where(TRUTH, 255, 0).astype(np.uint8)


def palette(colours: list[int], indices: np.ndarray) -> Pillow.Image:
    image = Pillow.frombytes("P", indices.shape[::-1], indices.astype(np.uint8).tobytes())
    image.putpalette(colours)
    return image


def rgba(colour: np.ndarray, alpha: np.ndarray) -> Pillow.Image:
    return Pillow.fromarray(np.dstack([colour] * 3 + [alpha]).astype(np.uint8), "RGBA")


PLAIN = {
    "grey": Pillow.fromarray(WHITE_OR_BLACK),
    "ones": Pillow.fromarray(TRUTH.astype(np.uint8)),
    "bits": Pillow.fromarray(WHITE_OR_BLACK).convert("1"),
    "16 bits": Pillow.fromarray(TRUTH.astype(np.uint16)),
    "colour": Pillow.fromarray(np.dstack([TRUTH * 0, TRUTH * 0, TRUTH * 128]).astype(np.uint8)),
    "palette, black first": palette([0, 0, 0, 128, 0, 0], TRUTH),
    "palette, black last": palette([128, 0, 0, 0, 0, 0], ~TRUTH),
    "palette, white first": palette([255, 255, 255, 9, 9, 9, 0, 0, 0], np.where(TRUTH, 0, 2)),
    "opaque": rgba(WHITE_OR_BLACK, np.full_like(WHITE_OR_BLACK, 255)),
    "alpha all zero": rgba(WHITE_OR_BLACK, np.zeros_like(WHITE_OR_BLACK)),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_black_is_background_by_its_colour(kind, tmp_path):
    PLAIN[kind].save(tmp_path / "mask.png")
    mask, remark = read_drawn_mask(tmp_path / "mask.png")
    np.testing.assert_array_equal(mask, TRUTH)
    assert remark == ""


@pytest.mark.parametrize(
    "image",
    [
        rgba(np.full_like(WHITE_OR_BLACK, 255), WHITE_OR_BLACK),  # white on transparent white
        rgba(WHITE_OR_BLACK, WHITE_OR_BLACK),
        rgba(np.zeros_like(WHITE_OR_BLACK), WHITE_OR_BLACK),  # black on transparent
        Pillow.merge("LA", [Pillow.new("L", (60, 40), 255), Pillow.fromarray(WHITE_OR_BLACK)]),
    ],
)
def test_what_is_transparent_is_background(image, tmp_path):
    image.save(tmp_path / "mask.png")
    mask, remark = read_drawn_mask(tmp_path / "mask.png")
    np.testing.assert_array_equal(mask, TRUTH)
    assert "transparent" in remark


def test_a_transparent_colour_of_a_palette_is_background(tmp_path):
    palette([255, 255, 255, 200, 0, 0], TRUTH).save(tmp_path / "mask.png", transparency=0)
    np.testing.assert_array_equal(load_mask(tmp_path / "mask.png"), TRUTH)


@pytest.mark.parametrize(("name", "quality"), [("mask.jpg", 75), ("mask.jpg", 30), ("mask.webp", 60)])
def test_blurred_formats_are_cut_at_half(name, quality, tmp_path):
    drawn = gaussian_filter(np.random.default_rng(0).normal(size=(200, 300)), 12) > 0.01
    Pillow.fromarray(np.where(drawn, 255, 0).astype(np.uint8)).save(tmp_path / name, quality=quality)
    mask, remark = read_drawn_mask(tmp_path / name)
    assert iou(mask, drawn) > 0.985
    assert "half bright" in remark


def test_a_mask_of_everything_is_remarked_on(tmp_path):
    Pillow.new("L", (4, 4), 7).save(tmp_path / "mask.png")
    assert "no pixel is background" in read_drawn_mask(tmp_path / "mask.png").remark


def test_values_that_are_no_numbers_are_refused(tmp_path):
    Pillow.fromarray(np.array([[0, np.nan]], dtype=np.float32)).save(tmp_path / "mask.tif")
    with pytest.raises(DataError, match="no numbers"):
        load_mask(tmp_path / "mask.tif")
