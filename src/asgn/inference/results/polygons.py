"""Masks as polygons that follow the edges of pixels, so that filling them gives back every pixel.

A point is (x, y) in pixels, (0, 0) the top left corner of the image, so pixel (row, column) is the square from
(column, row) to (column + 1, row + 1). The region is cut into its 4-connected parts. Each has one outer ring,
clockwise as seen on screen, and a ring for each hole, counter-clockwise. Rings are closed implicitly (the first
point is not repeated) and hold corners only.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Point = tuple[int, int]
Ring = list[Point]

_DIRECTIONS: tuple[Point, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Right, down, left, up: turning right is the next one."""

_PIXEL_ON_RIGHT: tuple[Point, ...] = ((0, 0), (-1, 0), (-1, -1), (0, -1))
"""From the start of an edge in each direction to the (x, y) of the pixel on its right side."""


@dataclass(frozen=True)
class Polygon:
    """One 4-connected part of a mask."""

    outer: Ring
    holes: list[Ring]

    def to_json(self) -> dict[str, list[list[int]] | list[list[list[int]]]]:
        """Rings as lists of [x, y]."""
        return {"outer": _lists(self.outer), "holes": [_lists(hole) for hole in self.holes]}


def mask_polygons(mask: NDArray[np.bool_]) -> list[Polygon]:
    """The parts of a mask (H, W) bool, from top to bottom; none for an empty one."""
    labels, count = ndimage.label(mask)
    outer: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = defaultdict(list)
    for label, ring in _rings(mask, labels):
        if _doubled_area(ring) > 0:
            outer[label] = ring
        else:
            holes[label].append(ring)
    return [Polygon(outer[label], holes[label]) for label in range(1, count + 1)]


def single_ring(mask: NDArray[np.bool_]) -> Ring:
    """All parts and holes of a mask (H, W) in one ring, joined by seams of no width; empty for an empty mask.

    The ring passes each seam there and back, so that filling it by the even-odd rule gives back every pixel.
    """
    polygons = mask_polygons(mask)
    rings = [ring for polygon in polygons for ring in (polygon.outer, *polygon.holes)]
    joined = rings[0] if rings else []
    for ring in rings[1:]:
        distances = np.abs(np.array(joined)[:, None] - np.array(ring)[None]).sum(axis=2)
        here, there = np.unravel_index(distances.argmin(), distances.shape)
        joined = [*joined[: here + 1], *ring[there:], *ring[: there + 1], *joined[here:]]
    return joined


def _rings(mask: NDArray[np.bool_], labels: NDArray[np.int32]) -> list[tuple[int, Ring]]:
    """All closed boundaries, the mask on their right, each with the label of the part that it bounds."""
    edges = _boundary_edges(mask)
    rings = []
    while edges:
        start = next(iter(edges))
        x, y, direction = start
        dx, dy = _PIXEL_ON_RIGHT[direction]
        rings.append((int(labels[y + dy, x + dx]), _corners(_walk(start, edges))))
    return rings


def _boundary_edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int, int], None]:
    """Every unit edge between the mask and the rest, as (x, y, direction) of its start; insertion ordered."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    neighbours = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    starts = ((0, 0), (1, 0), (1, 1), (0, 1))
    edges = []
    for direction, (neighbour, (dx, dy)) in enumerate(zip(neighbours, starts, strict=True)):
        rows, columns = np.nonzero(inside & ~neighbour)
        edges += [(x, y, direction) for x, y in zip((columns + dx).tolist(), (rows + dy).tolist(), strict=True)]
    return dict.fromkeys(edges)


def _walk(start: tuple[int, int, int], edges: dict[tuple[int, int, int], None]) -> list[tuple[int, int, int]]:
    """Follow the boundary from one edge until it closes, taking its edges out of `edges`.

    Where two pixels touch at a corner only, the right turn stays with the same pixel: parts are 4-connected.
    """
    walked = []
    edge: tuple[int, int, int] | None = start
    while edge is not None:
        del edges[edge]
        walked.append(edge)
        x, y, direction = edge
        dx, dy = _DIRECTIONS[direction]
        onward = ((x + dx, y + dy, (direction + turn) % 4) for turn in (1, 0, 3))
        following = next(candidate for candidate in onward if candidate == start or candidate in edges)
        edge = None if following == start else following  # where parts touch, others may go on from there
    return walked


def _corners(walked: list[tuple[int, int, int]]) -> Ring:
    """The points where the boundary turns."""
    return [(x, y) for index, (x, y, direction) in enumerate(walked) if walked[index - 1][2] != direction]


def _doubled_area(ring: Ring) -> int:
    """Twice the signed area: positive for a ring that is clockwise on screen, where y grows downward."""
    following = ring[1:] + ring[:1]
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(ring, following, strict=True))


def _lists(ring: Ring) -> list[list[int]]:
    return [list(point) for point in ring]
