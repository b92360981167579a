"""Polygons and run-length codes of COCO-style annotations as masks, checked before any C code sees them."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from asgn.data.files.pixels import MAX_PIXELS
from asgn.data.types import Mask
from asgn.errors import DataError

_MAX_RUN_CHARACTERS = 7  # 35 bits, more than any image of MAX_PIXELS needs


def decode_segmentation(segmentation: Any, height: int, width: int, where: str) -> Mask:
    """The mask of one annotation's `segmentation`.

    Polygons are merged by union (protocol section 1): the public reader sums them, so that overlaps get 2.

    Args:
        segmentation: list of polygons [x0, y0, x1, y1, ...], or {"size": [H, W], "counts": list, str or bytes}.
        height: of the image, in pixels.
        width: of the image, in pixels.
        where: what errors call the annotation.

    Returns:
        (height, width) bool.

    Raises:
        DataError: anything about the segmentation is not as above.
    """
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise DataError(f"{where}: an image of {width}x{height} pixels cannot have masks")
    if isinstance(segmentation, dict):
        return _runs_to_mask(_read_runs(segmentation, height, width, where), height, width)
    if not isinstance(segmentation, list) or not segmentation:
        raise DataError(f"{where}: segmentation must be a list of polygons or a run-length code")
    polygons = [_check_polygon(polygon, height, width, where) for polygon in segmentation]
    union = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    return _runs_to_mask(_uncompress_runs(union["counts"], where), height, width)


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks (H, W); 1 where both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def encode_rle(mask: Mask) -> dict[str, Any]:
    """COCO's compressed run-length code of a (H, W) mask: {"size": [H, W], "counts": str}."""
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode("ascii")}


def _check_polygon(polygon: Any, height: int, width: int, where: str) -> list[float]:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        count = len(polygon) if isinstance(polygon, list) else "no"
        raise DataError(f"{where}: a polygon with {count} numbers; it takes x, y of at least 3 points")
    if not set(map(type, polygon)) <= {int, float}:
        raise DataError(f"{where}: a polygon whose coordinates are not all numbers")
    limit = 2 * max(height, width)  # far-off corners would make the rasteriser walk, and allocate, all the way
    for value in polygon:
        if not -limit <= value <= limit:
            reason = "lies far outside" if abs(value) < math.inf else "is no finite number in"
            raise DataError(f"{where}: polygon coordinate {str(value)[:20]} {reason} the {width}x{height} image")
    return polygon


def _read_runs(code: dict[str, Any], height: int, width: int, where: str) -> NDArray[np.int64]:
    if code.get("size") != [height, width]:
        raise DataError(f"{where}: run-length code of size {code.get('size')} on an image of size {[height, width]}")
    counts = code.get("counts")
    if isinstance(counts, list):
        if not all(type(run) is int and 0 <= run <= MAX_PIXELS for run in counts):
            raise DataError(f"{where}: run-length counts must be integers from 0 to the number of pixels")
        runs = np.array(counts, dtype=np.int64)
    elif isinstance(counts, str | bytes):
        runs = _uncompress_runs(counts if isinstance(counts, bytes) else counts.encode("utf-8", "surrogatepass"), where)
    else:
        raise DataError(f"{where}: run-length code without counts")
    pixels = height * width
    if ((runs < 0) | (runs > pixels)).any() or int(runs.sum()) != pixels:
        raise DataError(f"{where}: run-length code does not cover the {pixels} pixels of its {width}x{height} image")
    return runs


def _uncompress_runs(text: bytes, where: str) -> NDArray[np.int64]:
    """COCO's code: runs of 5-bit digits, low first, signed; from the fourth on, differences to the run two back.

    pycocotools reads past the end of a text that is cut off, and its decoding warns under NumPy 2.
    """
    digits = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    if digits.size == 0 or digits.min() < 0 or digits.max() > 63 or digits[-1] & 32:
        raise DataError(f"{where}: compressed run-length code is damaged")
    last = np.flatnonzero(digits < 32)
    first = np.concatenate(([0], last[:-1] + 1))
    lengths = last - first + 1
    if lengths.max() > _MAX_RUN_CHARACTERS:
        raise DataError(f"{where}: compressed run-length code is damaged")
    place = np.arange(digits.size) - np.repeat(first, lengths)
    values = np.add.reduceat((digits & 31) << (5 * place), first)
    values -= np.where(digits[last] & 16, np.int64(1) << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _runs_to_mask(runs: NDArray[np.int64], height: int, width: int) -> Mask:
    """Runs alternate outside, inside, ... down the columns."""
    columns = np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(width, height)
    return np.ascontiguousarray(columns.T)
