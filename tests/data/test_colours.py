import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from asgn.data.expressions.colours import COLOURS, are_confusable, colour_name


def patch(*rgb: int, count: int = 200, spread: int = 12, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-spread, spread + 1, (count, 3))
    return np.clip(np.array(rgb) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((200, 30, 30), "red"), ((160, 24, 30), "red"), ((245, 140, 25), "orange"), ((250, 220, 40), "yellow"),
        ((40, 140, 60), "green"), ((20, 100, 30), "green"), ((30, 70, 190), "blue"), ((90, 150, 235), "blue"),
        ((120, 50, 170), "purple"), ((245, 130, 190), "pink"), ((110, 70, 35), "brown"), ((15, 15, 18), "black"),
        ((250, 250, 248), "white"), ((128, 128, 130), "gray"),
    ],
)  # fmt: skip
def test_clear_patches_have_their_word(rgb, name):
    assert colour_name(patch(*rgb)) == name


@pytest.mark.parametrize(
    "rgb",
    [
        (225, 70, 20),  # between red and orange
        (250, 190, 40),  # between orange and yellow
        (60, 170, 170),  # teal
        (170, 200, 40),  # yellow-green
        (200, 200, 200),  # between gray and white
        (66, 66, 66),  # between black and gray
        (215, 180, 150),  # skin
    ],
)
def test_colours_on_a_border_have_none(rgb):
    assert colour_name(patch(*rgb, spread=4)) is None


def test_mixed_patches_have_none():
    half = np.concatenate([patch(200, 30, 30), patch(40, 140, 60)])
    assert colour_name(half) is None
    striped = np.concatenate([patch(200, 30, 30, count=700), patch(250, 250, 250, count=300)])
    assert colour_name(striped) is None


def test_a_few_other_pixels_do_not_matter():
    assert colour_name(np.concatenate([patch(200, 30, 30, count=900), patch(15, 15, 15, count=100)])) == "red"


def test_no_pixels_have_no_colour():
    assert colour_name(np.zeros((0, 3), dtype=np.uint8)) is None


def test_large_patches_are_judged_as_small_ones():
    assert colour_name(patch(30, 70, 190, count=100_000)) == "blue"


@given(st.floats(0, 1), st.floats(0.75, 1), st.floats(0.7, 1))
def test_vivid_colours_are_never_colourless(hue, saturation, value):
    rgb = np.array(colorsys.hsv_to_rgb(hue, saturation, value)) * 255
    assert colour_name(np.tile(rgb.astype(np.uint8), (5, 1))) not in ("gray", "white", "black", "brown")


@given(arrays(np.uint8, st.tuples(st.integers(0, 50), st.just(3))))
def test_any_pixels_give_a_known_word_or_none(pixels):
    assert colour_name(pixels) in (*COLOURS, None)


def test_confusion_is_symmetric_and_never_with_itself():
    assert are_confusable("red", "orange")
    assert are_confusable("orange", "red")
    assert not are_confusable("red", "blue")
    assert not any(are_confusable(name, name) for name in COLOURS)
