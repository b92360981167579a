"""What oIoU does not see of a mask: where its contour lies, whether a ring keeps its hole, how many parts it has.

A loss that adds up pixels asks for none of it, one that judges whole masks does. All measures are taken at the
image's own size.
"""

from collections.abc import Iterable
from math import hypot
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from asgn.data.types import Mask

TOLERANCE = 0.01
"""Share of the image's diagonal within which a contour counts as met."""
MIN_HOLE = 0.01
"""Share of an object's area that a hole must have to make the object a ring: outlines drawn by hand leave specks."""
_EIGHT = np.ones((3, 3), dtype=bool)


class Shape(NamedTuple):
    """The shape of a predicted mask against the truth of one expression."""

    boundary_f: float
    is_ring: bool
    """Whether the true object has a hole."""
    keeps_hole: bool
    parts: int
    true_parts: int


def compare_shapes(prediction: Mask, truth: Mask) -> Shape:
    """The shape of a prediction (H, W) against a truth that is not empty."""
    hole = largest_hole(truth)
    is_ring = hole.sum() >= max(1.0, MIN_HOLE * truth.sum())
    keeps = is_ring and 2 * int((holes(prediction) & hole).sum()) >= int(hole.sum())
    return Shape(boundary_f(prediction, truth), bool(is_ring), bool(keeps), parts(prediction), parts(truth))


def summarise_shapes(shapes: Iterable[Shape]) -> dict[str, float | None]:
    """Mean boundary F and share of rings that keep their hole, in percent, and parts for each part of the truth."""
    found = list(shapes)
    rings = [shape for shape in found if shape.is_ring]
    return {
        "boundary F": 100 * float(np.mean([shape.boundary_f for shape in found])) if found else None,
        "holes kept": 100 * float(np.mean([shape.keeps_hole for shape in rings])) if rings else None,
        "parts per true part": sum(s.parts for s in found) / sum(s.true_parts for s in found) if found else None,
    }


def boundary_f(prediction: Mask, truth: Mask) -> float:
    """F measure in [0, 1] of two contours, each pixel of which is met by the other within 1 % of the diagonal.

    As the contour accuracy of Perazzi et al. (CVPR 2016), with Euclidean distances. The image's frame is no contour.
    Two masks without any contour agree if they are equal.
    """
    ours, theirs = contour(prediction), contour(truth)
    if not ours.any() or not theirs.any():
        return float(np.array_equal(prediction, truth))
    reach = TOLERANCE * hypot(*truth.shape)
    precision, recall = (
        float((ndimage.distance_transform_edt(~other)[one] <= reach).mean())
        for one, other in ((ours, theirs), (theirs, ours))
    )
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def contour(mask: Mask) -> Mask:
    """The mask's pixels that have a neighbour outside it."""
    edge: Mask = mask & ~ndimage.binary_erosion(mask, border_value=1)
    return edge


def holes(mask: Mask) -> Mask:
    """The background that the mask encloses."""
    filled: Mask = ndimage.binary_fill_holes(mask) & ~mask
    return filled


def largest_hole(mask: Mask) -> Mask:
    """The largest connected piece of `holes`; empty where there is none."""
    labels, count = ndimage.label(holes(mask))
    if count == 0:
        return np.zeros_like(mask)
    largest: Mask = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return largest


def parts(mask: Mask) -> int:
    """Connected parts; pixels that touch at a corner belong together."""
    labelled: Any = ndimage.label(mask, structure=_EIGHT)
    return int(labelled[1])
