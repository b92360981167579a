"""How far a score would move on another sample of expressions of the same kind."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from asgn.evaluation.metrics import (
    INTERSECTION,
    METRICS,
    PRECISION_THRESHOLDS,
    TRUTH,
    UNION,
    SegmentationScores,
    expression_iou,
    measure,
)

_RESAMPLES_AT_ONCE = 50

Interval = tuple[float, float]


def bootstrap_intervals(scores: SegmentationScores, resamples: int = 1000, seed: int = 0) -> dict[str, Interval | None]:
    """The central 95 % of every measure, in percent, over resamples of the expressions with replacement.

    None stands for a measure that the scores do not define. Expressions of one image are not independent of each
    other, so where an image has many the true interval is wider than this one.
    """
    pixels = scores.pixels
    defined = measure(pixels)
    values = np.concatenate(list(_resample(pixels, resamples, seed))) if len(pixels) else np.empty((0, len(METRICS)))
    return {
        name: _central(values[:, column]) if defined[name] is not None else None for column, name in enumerate(METRICS)
    }


def _resample(pixels: NDArray[np.int64], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """(R, 7) values of METRICS, some resamples at a time; not a number where a resample defines none."""
    count = len(pixels)
    random = np.random.default_rng(seed)
    iou = expression_iou(pixels)
    present = pixels[:, TRUTH] > 0
    passed = [present & (iou >= threshold) for threshold in PRECISION_THRESHOLDS]
    numerators = np.stack([pixels[:, INTERSECTION], iou, *passed], axis=1).astype(np.float64)
    denominators = np.stack([pixels[:, UNION], np.ones(count), *[present] * len(passed)], axis=1).astype(np.float64)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        size = min(_RESAMPLES_AT_ONCE, resamples - start)
        drawn = random.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        with np.errstate(invalid="ignore"):
            yield 100 * (times @ numerators) / (times @ denominators)


def _central(values: NDArray[np.float64]) -> Interval:
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)
