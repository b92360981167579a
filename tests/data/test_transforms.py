"""The square and back, against plain loops."""

import math

import numpy as np
import pytest
import torch

from asgn.data.transforms import (
    bilinear,
    crop_and_resize,
    placement_in_square,
    resize_and_crop,
    resize_and_pad_image,
    resize_and_pad_mask,
)


def bilinear_in_loops(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Order-1 resampling at pixel centres with zeros outside, one output pixel at a time."""
    old_height, old_width = values.shape

    def at(row: int, column: int) -> float:
        inside = 0 <= row < old_height and 0 <= column < old_width
        return float(values[row, column]) if inside else 0.0

    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y = (row + 0.5) * old_height / height - 0.5
            x = (column + 0.5) * old_width / width - 0.5
            top, left = math.floor(y), math.floor(x)
            fy, fx = y - top, x - left
            upper = (1 - fx) * at(top, left) + fx * at(top, left + 1)
            lower = (1 - fx) * at(top + 1, left) + fx * at(top + 1, left + 1)
            result[row, column] = (1 - fy) * upper + fy * lower
    return result


def padded_in_loops(content: np.ndarray, side: int) -> np.ndarray:
    square = np.zeros((side, side))
    top, left = (side - content.shape[0]) // 2, (side - content.shape[1]) // 2
    square[top : top + content.shape[0], left : left + content.shape[1]] = content
    return square


SIZES = [(20, 33), (33, 20), (64, 48), (7, 9), (32, 32), (100, 3)]


@pytest.mark.parametrize("size", SIZES)
def test_bilinear_equals_the_loops(size):
    values = torch.rand(*size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = bilinear_in_loops(values.numpy(), 32, 24)
    np.testing.assert_allclose(bilinear(values, 32, 24).numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_resize_and_pad_equals_the_loops(size):
    height, width = size
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(height, width, generator=torch.Generator().manual_seed(1)) > 0.8
    scale = min(32 / height, 32 / width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    expected_mask = padded_in_loops(bilinear_in_loops(mask.numpy().astype(float), new_height, new_width), 32) > 1e-7
    np.testing.assert_array_equal(resize_and_pad_mask(mask, 32).numpy(), expected_mask)
    square = resize_and_pad_image(image, 32).numpy()
    for channel in range(3):
        content = bilinear_in_loops(image[channel].numpy().astype(float), new_height, new_width)
        expected = padded_in_loops(np.floor(content + 1e-4), 32)
        assert np.abs(square[channel] - expected).max() <= 1
        assert (square[channel] == expected).mean() > 0.99


@pytest.mark.parametrize("size", SIZES)
def test_resize_and_crop_equals_the_loops(size):
    height, width = size
    square = torch.rand(16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    scale = max(height / 16, width / 16)
    covered = round(16 * scale)
    enlarged = bilinear_in_loops(square.numpy(), covered, covered)
    top, left = (covered - height) // 2, (covered - width) // 2
    expected = enlarged[top : top + height, left : left + width]
    np.testing.assert_allclose(resize_and_crop(square, height, width).numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("size", [size for size in SIZES if min(size) >= 20])
@pytest.mark.parametrize("back", [crop_and_resize, resize_and_crop])
def test_a_block_returns_to_where_it_was(size, back):
    height, width = size
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = True
    square = resize_and_pad_mask(mask, 128).float()
    returned = back(square, height, width) >= 0.5
    union = (returned | mask).sum()
    assert (returned & mask).sum() / union > 0.7


def test_the_square_is_never_left():
    for height, width in [(1, 1000), (1000, 1), (3, 2), (320, 320)]:
        place = placement_in_square(height, width, 320)
        assert 0 <= place.top <= place.top + place.height <= 320
        assert 0 <= place.left <= place.left + place.width <= 320
        assert min(place.height, place.width) >= 1
