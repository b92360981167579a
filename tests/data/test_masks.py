import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask
from skimage.draw import polygon2mask

from asgn.data.files.masks import decode_segmentation, encode_rle
from asgn.errors import DataError
from tests.data.outcome import outcome

SQUARE = [2, 1, 6, 1, 6, 4, 2, 4]  # columns 2..5, rows 1..3
OVERLAPPING = [4, 2, 8, 2, 8, 6, 4, 6]  # columns 4..7, rows 2..5


def square(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((8, 10), dtype=bool)
    mask[rows, columns] = True
    return mask


def test_polygon_fills_its_pixels():
    expected = square(slice(1, 4), slice(2, 6))
    np.testing.assert_array_equal(decode_segmentation([SQUARE], 8, 10, "x"), expected)


def test_polygons_are_merged_by_union_where_they_overlap():
    expected = square(slice(1, 4), slice(2, 6)) | square(slice(2, 6), slice(4, 8))
    mask = decode_segmentation([SQUARE, OVERLAPPING], 8, 10, "x")
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == bool


def test_large_polygon_agrees_with_another_rasteriser():
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x, y = 100 + 60 * np.cos(angles), 80 + 50 * np.sin(angles)
    ours = decode_segmentation([np.stack([x, y], 1).ravel().tolist()], 160, 200, "x")
    theirs = polygon2mask((160, 200), np.stack([y - 0.5, x - 0.5], 1))
    assert (ours ^ theirs).sum() < 0.02 * theirs.sum()


def test_uncompressed_runs_go_down_the_columns():
    mask = decode_segmentation({"size": [3, 2], "counts": [1, 2, 2, 1]}, 3, 2, "x")
    assert mask.tolist() == [[False, False], [True, False], [True, True]]


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_compressed_runs_agree_with_pycocotools(mask):
    code = encode_rle(mask)
    assert isinstance(code["counts"], str)
    assert code["size"] == list(mask.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools under NumPy 2
        np.testing.assert_array_equal(coco_mask.decode(code).astype(bool), mask)
    np.testing.assert_array_equal(decode_segmentation(code, *mask.shape, "x"), mask)
    as_bytes = {**code, "counts": code["counts"].encode()}
    np.testing.assert_array_equal(decode_segmentation(as_bytes, *mask.shape, "x"), mask)


def test_long_runs_use_several_digits():
    mask = np.zeros((1000, 900), dtype=bool)
    mask[3:990, 400:402] = True
    mask[500, 10] = True
    np.testing.assert_array_equal(decode_segmentation(encode_rle(mask), 1000, 900, "x"), mask)


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([], "list of polygons"),
        (None, "list of polygons"),
        ("abc", "list of polygons"),
        ([[1, 2, 3, 4]], "4 numbers"),
        ([[1, 2, 3, 4, 5, 6, 7]], "7 numbers"),
        ([SQUARE, 5], "no numbers"),
        ([[1, 2, 3, 4, 5, float("nan")]], "no finite number"),
        ([[1, 2, 3, 4, 5, float("inf")]], "no finite number"),
        ([[1, 2, 3, 4, 5, 10**400]], "far outside"),
        ([[1, 2, 3, 4, 5, 1e9]], "far outside"),
        ([[1, 2, 3, 4, 5, "6"]], "not all numbers"),
        ([[1, 2, 3, 4, 5, True]], "not all numbers"),
        ({"size": [10, 8], "counts": [80]}, "of size"),
        ({"size": [8, 10]}, "without counts"),
        ({"size": [8, 10], "counts": [79]}, "cover"),
        ({"size": [8, 10], "counts": [-1, 81]}, "integers"),
        ({"size": [8, 10], "counts": [10**30]}, "integers"),
        ({"size": [8, 10], "counts": ["80"]}, "integers"),
        ({"size": [8, 10], "counts": ""}, "damaged"),
        ({"size": [8, 10], "counts": "ooooooooooooo0"}, "damaged"),
        ({"size": [8, 10], "counts": "P"}, "damaged"),
        ({"size": [8, 10], "counts": "\ud800"}, "damaged"),
        ({"size": [8, 10], "counts": "oooooo0"}, "cover"),
    ],
)
def test_faulty_outlines_are_one_clear_line(segmentation, words):
    with pytest.raises(DataError, match=words) as caught:
        decode_segmentation(segmentation, 8, 10, "annotation 7")
    assert str(caught.value).startswith("annotation 7: ")


def test_absurd_sizes_are_refused():
    with pytest.raises(DataError, match="cannot have masks"):
        decode_segmentation([SQUARE], 10**6, 10**6, "x")


numbers = st.one_of(
    st.integers(-50, 50), st.floats(-50, 50), st.floats(), st.integers(), st.text(max_size=1), st.none()
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.lists(st.lists(numbers, max_size=14), max_size=3),
        st.lists(st.lists(st.integers(-16, 16), min_size=6, max_size=6), min_size=1, max_size=3),
        st.fixed_dictionaries({"size": st.just([8, 10]), "counts": st.text(max_size=12)}),
        st.fixed_dictionaries({"size": st.just([8, 10]), "counts": st.lists(st.integers(-2, 90), max_size=5)}),
        st.recursive(numbers, st.lists, max_leaves=5),
    )
)
def test_fuzzed_outlines_give_a_mask_or_one_line(segmentation):
    mask, line = outcome(decode_segmentation, segmentation, 8, 10, "x")
    assert line is None if mask is not None else line.startswith("x: ")
    assert mask is None or mask.shape == (8, 10)
