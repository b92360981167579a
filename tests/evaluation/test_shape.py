"""Measures of shape against masks whose answer is known by hand."""

import numpy as np
import pytest

from asgn.evaluation.shape import Shape, boundary_f, compare_shapes, holes, largest_hole, parts, summarise_shapes


def rectangle(top, left, bottom, right, size=100):
    mask = np.zeros((size, size), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


SQUARE = rectangle(20, 20, 60, 60)
RING = SQUARE & ~rectangle(30, 30, 50, 50)


def test_a_contour_within_one_percent_of_the_diagonal_is_met():
    assert boundary_f(SQUARE, SQUARE) == 1.0
    assert boundary_f(np.roll(SQUARE, 1, axis=1), SQUARE) == 1.0  # the diagonal is 141 pixels: one is within
    moved = np.roll(SQUARE, 3, axis=1)  # rows 20 and 59 stay met but for their ends; columns are 3 pixels off
    assert 0.4 < boundary_f(moved, SQUARE) < 0.6
    assert boundary_f(rectangle(70, 70, 90, 90), SQUARE) == 0.0


def test_precision_and_recall_both_count():
    half = SQUARE & ~rectangle(0, 40, 100, 100)  # its contour: three sides met over half, one side (38 pixels) not
    assert boundary_f(half, SQUARE) == pytest.approx(boundary_f(SQUARE, half))
    assert 0.5 < boundary_f(half, SQUARE) < 0.8


def test_masks_without_a_contour():
    empty, full = np.zeros((9, 9), dtype=bool), np.ones((9, 9), dtype=bool)
    assert boundary_f(full, full) == 1.0
    assert boundary_f(empty, full) == 0.0
    assert boundary_f(empty, SQUARE) == 0.0


def test_a_hole_is_enclosed():
    assert holes(RING).sum() == 400
    open_ring = RING & ~rectangle(38, 50, 42, 60)
    assert not holes(open_ring).any()
    two = RING & ~rectangle(22, 22, 24, 24)
    assert largest_hole(two).sum() == 400


@pytest.mark.parametrize(
    ("prediction", "keeps"),
    [
        (RING, True),
        (SQUARE, False),
        (SQUARE & ~rectangle(30, 30, 40, 50), True),  # half of the hole
        (SQUARE & ~rectangle(30, 30, 39, 50), False),
        (RING & ~rectangle(38, 50, 42, 60), False),  # it is open
        (np.zeros_like(RING), False),
    ],
)
def test_a_ring_keeps_its_hole_if_half_of_it_is_enclosed(prediction, keeps):
    shape = compare_shapes(prediction, RING)
    assert (shape.is_ring, shape.keeps_hole) == (True, keeps)


def test_a_speck_makes_no_ring():
    assert not compare_shapes(SQUARE, SQUARE & ~rectangle(30, 30, 33, 35)).is_ring  # 15 of 1585 pixels
    assert compare_shapes(SQUARE, SQUARE & ~rectangle(30, 30, 34, 34)).is_ring  # 16 of 1584


def test_parts_touch_at_corners():
    assert parts(RING) == 1
    assert parts(np.eye(5, dtype=bool)) == 1
    assert parts(rectangle(0, 0, 10, 10) | rectangle(50, 50, 60, 60)) == 2
    assert parts(np.zeros((5, 5), dtype=bool)) == 0


def test_a_summary():
    shapes = [Shape(1.0, True, True, 1, 1), Shape(0.5, True, False, 3, 1), Shape(0.0, False, False, 2, 2)]
    assert summarise_shapes(shapes) == {"boundary F": 50.0, "holes kept": 50.0, "parts per true part": 1.5}
    assert set(summarise_shapes([]).values()) == {None}
    assert summarise_shapes(shapes[2:])["holes kept"] is None
