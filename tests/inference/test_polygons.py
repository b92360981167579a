"""Polygons fill back to exactly the pixels they came from, judged by an even-odd rule written here."""


import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from asgn.inference.results.polygons import Polygon, mask_polygons


def fill(ring: list[tuple[int, int]], shape: tuple[int, int]) -> np.ndarray:
    """Even-odd rule at pixel centres: count the vertical edges to the left of each."""
    inside = np.zeros(shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
        assert (x0 == x1) != (y0 == y1)
        if x0 == x1:
            inside[min(y0, y1) : max(y0, y1), x0:] ^= True
    return inside


def rasterise(polygon: Polygon, shape: tuple[int, int]) -> np.ndarray:
    filled = fill(polygon.outer, shape)
    for hole in polygon.holes:
        region = fill(hole, shape)
        assert not (region & ~filled).any()
        filled &= ~region
    return filled


def test_square_with_a_hole() -> None:
    mask = np.ones((3, 4), dtype=bool)
    mask[1, 1] = False
    (polygon,) = mask_polygons(mask)
    assert polygon.outer == [(0, 0), (4, 0), (4, 3), (0, 3)]
    assert set(polygon.holes[0]) == {(1, 1), (2, 1), (2, 2), (1, 2)}
    assert polygon.to_json()["outer"] == [[0, 0], [4, 0], [4, 3], [0, 3]]


def test_pixels_touching_at_a_corner_are_two_polygons() -> None:
    polygons = mask_polygons(np.eye(2, dtype=bool))
    assert [polygon.outer for polygon in polygons] == [
        [(0, 0), (1, 0), (1, 1), (0, 1)],
        [(1, 1), (2, 1), (2, 2), (1, 2)],
    ]


def test_empty_mask_has_no_polygon() -> None:
    assert mask_polygons(np.zeros((5, 5), dtype=bool)) == []


@settings(max_examples=60, deadline=None)
@example(11, 9, 0.75, 12)  # a ring that begins where two holes touch
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.2, 0.8), st.integers(0, 2**32 - 1))
def test_filling_gives_back_the_mask(height: int, width: int, density: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < density
    polygons = mask_polygons(mask)
    assert len(polygons) == ndimage.label(mask)[1]
    filled = [rasterise(polygon, mask.shape) for polygon in polygons]
    np.testing.assert_array_equal(sum(part.astype(int) for part in filled) if filled else 0 * mask, mask)


def test_a_large_mask_is_one_polygon() -> None:
    rows, columns = np.ogrid[:800, :800]
    disc = (rows - 400) ** 2 + (columns - 400) ** 2 < 400**2
    (polygon,) = mask_polygons(disc)
    np.testing.assert_array_equal(fill(polygon.outer, disc.shape), disc)
