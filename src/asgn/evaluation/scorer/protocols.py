"""The same masks under the protocols that published work uses, so that two papers can be set side by side.

Published systems differ in three ways, each worth points on the same masks:

- size: scored at the image's own size, or after image and mask were squashed to 480x480 (LAVT);
- sentences: every sentence of a referent, its first, or one drawn at random (LAVT's validation);
- threshold, of masks given as probabilities: fixed at 0.5, at 0.35 (CRIS), or the best of 39 on the very split that is
  scored (DMN), which is no fair score and is shown to tell how much it gains.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.errors import DataError
from asgn.evaluation.metrics import INTERSECTION, UNION, measure
from asgn.evaluation.scorer.predictions import Predictions
from asgn.evaluation.scorer.score import foreground
from asgn.progress import Progress, silent

THRESHOLDS = tuple(step / 40 for step in range(1, 40))
SQUASHED = 480
SIZES = ("native", "squashed to 480x480")
SENTENCES = ("every", "first", "random")
FIXED_THRESHOLDS = (0.5, 0.35)
TUNED = "tuned on this split"


@dataclass(frozen=True)
class ProtocolScore:
    """The scores of one protocol."""

    size: str
    sentences: str
    threshold: str
    """Such as `0.5`, or `tuned on this split` with the value found; `given` where all masks are bool."""
    expressions: int
    scores: dict[str, float | None]
    """In percent."""


def compare_protocols(
    predictions: Predictions, dataset: ReferringDataset, *, seed: int = 0, progress: Progress = silent
) -> list[ProtocolScore]:
    """Score the same masks under every combination of size, sentences and threshold.

    Args:
        predictions: what `read_predictions` found; missing masks count as in `score`.
        dataset: the split.
        seed: of the sentences drawn at random.
        progress: called after each expression with those done and their total.

    Raises:
        DataError: as `score`.
    """
    expressions = dataset.expressions
    if not expressions:
        raise DataError(f"split {dataset.split!r} of {dataset.name!r} has no expressions to score")
    counts = np.zeros((len(SIZES), len(THRESHOLDS), len(expressions), 4), dtype=np.int64)
    is_soft = False
    for index, expression in enumerate(expressions):
        truth = dataset.mask(expression)
        prediction = predictions.mask(expression.sentence_id, *truth.shape)
        is_soft |= prediction is not None and prediction.dtype.kind == "f"
        counts[0, :, index] = sweep(prediction, truth)
        counts[1, :, index] = sweep(None if prediction is None else squash(prediction), squash(truth))
        progress(index + 1, len(expressions))
    rows = {name: _chosen(expressions, name, seed) for name in SENTENCES}
    return [
        ProtocolScore(size, name, threshold, len(rows[name]), scores)
        for size, of_size in zip(SIZES, counts, strict=True)
        for name in SENTENCES
        for threshold, scores in _by_threshold(of_size[:, rows[name]], is_soft)
    ]


def sweep(prediction: NDArray[Any] | None, truth: Mask) -> NDArray[np.int64]:
    """(39, 4) pixel counts, as `SegmentationScores` has them, at every threshold."""
    if prediction is None or prediction.dtype == np.bool_:
        passed = np.where(foreground(prediction, truth, 0.5), len(THRESHOLDS), 0)
    else:
        passed = np.searchsorted(THRESHOLDS, prediction, side="right")
    bins = len(THRESHOLDS) + 1
    histogram = np.bincount((passed + bins * truth).ravel(), minlength=2 * bins).reshape(2, bins)
    false, true = histogram[:, ::-1].cumsum(axis=1)[:, -2::-1]  # pixels that pass each threshold, lowest first
    in_truth = np.full(len(THRESHOLDS), np.count_nonzero(truth))
    return np.stack([true, in_truth + false, in_truth, np.full_like(in_truth, truth.size)], axis=1)


def squash(mask: NDArray[Any], side: int = SQUASHED) -> NDArray[Any]:
    """A mask (H, W) brought to (side, side) by the nearest pixel centre, its aspect lost."""
    height, width = mask.shape
    centres = np.arange(side) + 0.5
    rows, columns = (centres * height / side).astype(int), (centres * width / side).astype(int)
    squashed: NDArray[Any] = mask[rows[:, None], columns]
    return squashed


def _chosen(expressions: Sequence[Expression], sentences: str, seed: int) -> list[int]:
    """Places of the scored expressions: all, or one for each referent."""
    of_ref: dict[int, list[int]] = {}
    for index, expression in enumerate(expressions):
        of_ref.setdefault(expression.ref_id, []).append(index)
    if sentences == "every":
        return list(range(len(expressions)))
    if sentences == "first":
        return [places[0] for places in of_ref.values()]
    draw = random.Random(seed)
    return [draw.choice(places) for places in of_ref.values()]


def _by_threshold(counts: NDArray[np.int64], is_soft: bool) -> Iterator[tuple[str, dict[str, float | None]]]:
    """The scores of (39, N, 4) counts at each kind of threshold."""
    fixed = [THRESHOLDS.index(threshold) for threshold in FIXED_THRESHOLDS]
    if not is_soft:
        yield "given", measure(counts[fixed[0]])
        return
    for place in fixed:
        yield f"{THRESHOLDS[place]:g}", measure(counts[place])
    overall = counts[:, :, INTERSECTION].sum(axis=1) / np.maximum(counts[:, :, UNION].sum(axis=1), 1)
    best = int(overall.argmax())
    yield f"{TUNED}: {THRESHOLDS[best]:g}", measure(counts[best])
