"""The two places of an image where a phrase's probability lies."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asgn.data.types import Mask

_LEVELS = (0.5, 0.35, 0.25, 0.15, 0.1)
_LEAST_AREA = 0.001
_LEAST_OF_CHOSEN = 0.1


@dataclass(frozen=True)
class Region:
    """A connected part of the image that is more probable than what surrounds it."""

    box: tuple[int, int, int, int]
    """x, y, width and height in pixels of the image."""
    prob: float
    """Mean probability inside."""
    area: float
    """Share of the image."""
    where: Mask = field(repr=False, compare=False)
    """(h, w) bool over the network's view of the image."""

    def line(self) -> str:
        """The same for people."""
        x, y, width, height = self.box
        return f"{width}x{height} pixels at ({x}, {y}), probability {self.prob:.2f}"

    def to_json(self) -> dict[str, Any]:
        """Box, probability and area as JSON values."""
        return {"box": list(self.box), "prob": self.prob, "area": self.area}


def two_regions(prob: NDArray[np.float32], height: int, width: int) -> tuple[Region | None, Region | None]:
    """Where the most probability lies, and the next most; None where there is no such region.

    The level above which pixels hang together is lowered from one half until two regions show, the second with at
    least a tenth of the first one's probability: a lower level alone would join objects that stand close together.

    Args:
        prob: (h, w) probability over the network's view of the image.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    found: list[Mask] = []
    for level in _LEVELS:
        parts = _parts(prob, level)
        found = found or parts[:1]
        if len(parts) > 1 and prob[parts[1]].sum() >= _LEAST_OF_CHOSEN * prob[parts[0]].sum():
            found = parts[:2]
            break
    regions = [_region(where, prob, height, width) for where in found]
    return regions[0] if regions else None, regions[1] if len(regions) > 1 else None


def _parts(prob: NDArray[np.float32], level: float) -> list[Mask]:
    """Connected parts that reach the level and are no specks, by their probability, the most first."""
    labels, count = ndimage.label(prob >= level)
    numbers = np.arange(1, count + 1)
    sums = np.asarray(ndimage.sum_labels(prob, labels, numbers))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    kept = [number for number in np.argsort(-sums, kind="stable") if sizes[number] >= _LEAST_AREA * prob.size]
    return [labels == number + 1 for number in kept[:2]]


def _region(where: Mask, prob: NDArray[np.float32], height: int, width: int) -> Region:
    rows, columns = np.nonzero(where.any(axis=1))[0], np.nonzero(where.any(axis=0))[0]
    down, across = height / where.shape[0], width / where.shape[1]
    left, top = round(columns[0] * across), round(rows[0] * down)
    right, bottom = round((columns[-1] + 1) * across), round((rows[-1] + 1) * down)
    box = (int(left), int(top), int(right - left), int(bottom - top))
    return Region(box, float(prob[where].mean()), float(where.mean()), where)
