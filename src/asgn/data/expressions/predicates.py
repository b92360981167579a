"""The objects of one image as numbers, and what surely holds of one or two of them.

Every judgement answers True (surely), False (surely not) or None (doubtful): thresholds leave a gap between the
first two. Coordinates are fractions of the image's width and height, x to the right and y downwards.
"""

import math
from dataclasses import dataclass

import numpy as np

from asgn.data.expressions.colours import are_confusable
from asgn.data.expressions.nouns import Noun
from asgn.data.types import Mask

SIDES = ("left", "right", "top", "bottom")
CORNERS = (("top", "left"), ("top", "right"), ("bottom", "left"), ("bottom", "right"))
RELATIONS = ("left", "right", "above", "below", "next")

_OWNED, _PARTED = 0.7, 0.03

Answer = bool | None
"""Surely, surely not, or None for doubtful."""


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One annotated object or region. Lengths are fractions of the image's sides, areas of the image's area.

    `size` is the length that "big" and "small" compare. An object that is not `referable` (mostly hidden, tiny,
    a crowd) is never meant by a phrase but still counts as something the phrase might be taken for. `lookalikes`
    are names of other nouns that somebody might use for it.
    """

    annotation_id: int
    noun: Noun
    x: float
    y: float
    box: tuple[float, float, float, float]
    area: float
    size: float
    colour: str | None = None
    is_stuff: bool = False
    referable: bool = True
    lookalikes: frozenset[str] = frozenset()

    @classmethod
    def from_mask(
        cls,
        mask: Mask,
        annotation_id: int,
        noun: Noun,
        *,
        colour: str | None = None,
        is_stuff: bool = False,
        referable: bool = True,
        lookalikes: frozenset[str] = frozenset(),
    ) -> "SceneObject":
        """Measure an object from its (H, W) mask, which must not be empty."""
        height, width = mask.shape
        rows, columns = np.nonzero(mask)
        area = len(rows) / mask.size
        box = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
        return cls(
            annotation_id=annotation_id,
            noun=noun,
            x=(float(columns.mean()) + 0.5) / width,
            y=(float(rows.mean()) + 0.5) / height,
            box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            area=area,
            size=math.sqrt(area),
            colour=colour,
            is_stuff=is_stuff,
            referable=referable,
            lookalikes=lookalikes,
        )


def is_called(item: SceneObject, name: str) -> Answer:
    """Whether the object is of the category `name`."""
    if item.noun.name == name:
        return True
    return None if name in item.lookalikes else False


def has_colour(item: SceneObject, colour: str) -> Answer:
    """Whether the object has the colour; doubtful without a sure colour, or with one easily confused."""
    if item.colour == colour:
        return True
    return None if item.colour is None or are_confusable(item.colour, colour) else False


def span(item: SceneObject, side: str) -> tuple[float, float, float]:
    """Distances of the centroid, the nearer and the farther edge of the box from a side of the image."""
    left, top, right, bottom = item.box
    if side == "left":
        return item.x, left, right
    if side == "right":
        return 1 - item.x, 1 - right, 1 - left
    if side == "top":
        return item.y, top, bottom
    return 1 - item.y, 1 - bottom, 1 - top


def is_in_half(item: SceneObject, side: str) -> Answer:
    """Whether the object lies in the half of the image towards `side`; one that reaches far beyond is doubtful."""
    centre, _, far = span(item, side)
    if centre < 0.40 and far < 0.65:
        return True
    return False if centre > 0.52 else None


def is_in_corner(item: SceneObject, vertical: str, horizontal: str) -> Answer:
    """Whether the object lies in a corner of the image."""
    spans = span(item, vertical), span(item, horizontal)
    if all(centre < 0.36 and far < 0.6 for centre, _, far in spans):
        return True
    return False if any(centre > 0.46 for centre, _, _ in spans) else None


def is_in_middle(item: SceneObject) -> Answer:
    """Whether the object lies in the middle; one halfway across but far up or down is doubtful."""
    across, down = abs(item.x - 0.5), abs(item.y - 0.5)
    if across < 0.12 and down < 0.2:
        return True
    return False if across > 0.22 else None


def is_at_edge(item: SceneObject, side: str) -> Answer:
    """Whether the object lies in the half towards `side` and is cut off there by the edge of the image."""
    near = span(item, side)[1]
    if near < 0.004 and is_in_half(item, side):
        return True
    return False if near > 0.03 else None


def is_far_aside(item: SceneObject, side: str) -> Answer:
    """Whether the object lies in the third of the image towards `side`, or hardly beyond it."""
    centre, _, far = span(item, side)
    if centre < 0.22 and far < 0.42:
        return True
    return False if centre > 0.32 else None


def fills_image(item: SceneObject) -> Answer:
    """Whether the object takes up so much of the image that anybody would call it big."""
    if item.area >= 0.3:
        return True
    return False if item.area < 0.18 else None


def is_clearly_before(first: SceneObject, second: SceneObject, side: str) -> bool:
    """Whether `first` comes before `second` counted from a side, by centroid and by both edges."""
    centre_1, near_1, far_1 = span(first, side)
    centre_2, near_2, far_2 = span(second, side)
    return centre_2 - centre_1 >= 0.08 and near_1 < near_2 and far_1 < far_2


def is_clearly_bigger(first: SceneObject, second: SceneObject) -> bool:
    """Whether `first` is bigger by size and by the diagonal of the box."""
    return first.size >= 1.3 * second.size and _diagonal(first) >= 1.1 * _diagonal(second)


def _diagonal(item: SceneObject) -> float:
    left, top, right, bottom = item.box
    return math.hypot(right - left, bottom - top)


def is_related(item: SceneObject, relation: str, anchor: SceneObject) -> Answer:
    """Whether the object stands in `relation` to the anchor.

    left, right, above, below: the direction between the centroids is within 45 degrees and the object ends before
    the anchor's centroid. next: the boxes nearly touch, and neither centroid lies in the other's box.
    """
    if relation == "next":
        return _is_next_to(item, anchor)
    side = {"left": "left", "right": "right", "above": "top", "below": "bottom"}[relation]
    centre, _, far = span(item, side)
    other = span(anchor, side)[0]
    ahead = other - centre
    if ahead < 0:
        return False
    aside = abs(item.y - anchor.y) if side in ("left", "right") else abs(item.x - anchor.x)
    return True if ahead >= 0.1 and aside <= ahead and far <= other else None


def _is_next_to(item: SceneObject, anchor: SceneObject) -> Answer:
    gap = box_gap(item, anchor)
    if gap > 0.18:
        return False
    apart = not _holds_centre(item, anchor) and not _holds_centre(anchor, item)
    return True if gap < 0.05 and apart else None


def _holds_centre(item: SceneObject, other: SceneObject) -> bool:
    left, top, right, bottom = item.box
    return left <= other.x <= right and top <= other.y <= bottom


def box_gap(first: SceneObject, second: SceneObject) -> float:
    """Distance between the boxes of two objects, 0 where they overlap."""
    across = max(first.box[0], second.box[0]) - min(first.box[2], second.box[2])
    down = max(first.box[1], second.box[1]) - min(first.box[3], second.box[3])
    return math.hypot(max(across, 0.0), max(down, 0.0))


def owns(item: SceneObject, thing: SceneObject) -> Answer:
    """Whether somebody wears, carries or holds a thing: most of its box lies in theirs; surely not where they part."""
    left, right = max(item.box[0], thing.box[0]), min(item.box[2], thing.box[2])
    top, bottom = max(item.box[1], thing.box[1]), min(item.box[3], thing.box[3])
    box = (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1])
    if max(right - left, 0.0) * max(bottom - top, 0.0) >= _OWNED * box and item.area > thing.area:
        return True
    return False if box_gap(item, thing) > _PARTED else None


def is_between(item: SceneObject, first: SceneObject, second: SceneObject) -> Answer:
    """Whether the object's centroid lies near the middle part of the line between two others."""
    along_x, along_y = second.x - first.x, second.y - first.y
    length = math.hypot(along_x, along_y)
    if length < 0.2:
        return None
    part = ((item.x - first.x) * along_x + (item.y - first.y) * along_y) / length**2
    aside = abs((item.x - first.x) * along_y - (item.y - first.y) * along_x) / length
    if 0.2 <= part <= 0.8 and aside <= 0.25 * length:
        return True
    return False if not 0.0 <= part <= 1.0 or aside > 0.5 * length else None
