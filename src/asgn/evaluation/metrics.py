"""The measures of referring segmentation, accumulated as integers so that they add up exactly in any order.

All scores are in percent, as the paper's tables print them. With I and U the pixels of intersection and
union of an expression's predicted and true mask:

- oIoU, overall IoU: sum of I over all expressions, divided by the sum of U (the paper's "IoU"). Large
  objects weigh more.
- mIoU, mean IoU: the mean of I/U over the expressions. Every expression weighs the same.
- Pr@X: the share of expressions with I/U >= X (Sec. IV-B).

The two IoUs differ by several points on the same masks, so they are always reported together.

An expression without a target has an empty truth. An empty prediction for it counts 1 in mIoU and adds nothing to
oIoU; any other prediction counts 0 in mIoU and adds its pixels to the union of oIoU; Pr@X is over the expressions
with a target only; and the share of those without one that are answered by an empty mask is the absent accuracy.
Without such expressions all of this is the plain definition above. What generalised referring segmentation measures,
where a model says by a flag of its own that a phrase has no target, is in `gres`.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRECISION_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
METRICS = ("oIoU", "mIoU", *(f"Pr@{threshold}" for threshold in PRECISION_THRESHOLDS))

INTERSECTION, UNION, TRUTH, IMAGE = range(4)
"""Columns of the rows of pixel counts."""


class SegmentationScores:
    """Pixels of intersection, union, truth and image of every scored expression, by its `sentence_id`.

    Beside them, where a model flags phrases that have no target, its flag; elsewhere an empty mask is that flag.
    """

    def __init__(self) -> None:
        self._pixels: dict[int, tuple[int, int, int, int]] = {}
        self._flags: dict[int, bool] = {}

    def add(
        self,
        sentence_id: int,
        prediction: NDArray[np.bool_],
        truth: NDArray[np.bool_],
        no_target: bool | None = None,
    ) -> None:
        """Score one expression from its predicted and true mask, both (H, W) bool, and the model's flag, if any.

        Raises:
            ValueError: the masks differ in shape or are not boolean, or the expression was scored before.
        """
        if prediction.shape != truth.shape or prediction.dtype != np.bool_ or truth.dtype != np.bool_:
            raise ValueError(
                f"expression {sentence_id}: prediction {prediction.dtype}{prediction.shape} and truth "
                f"{truth.dtype}{truth.shape} must be bool masks of one shape"
            )
        self.add_pixels(sentence_id, *count_pixels(prediction, truth))
        if no_target is not None:
            self._flags[sentence_id] = no_target

    def add_pixels(self, sentence_id: int, intersection: int, union: int, truth: int, image: int) -> None:
        """Score one expression from its pixel counts (see `add`)."""
        if sentence_id in self._pixels:
            raise ValueError(f"expression {sentence_id} is scored twice")
        self._pixels[sentence_id] = (intersection, union, truth, image)

    def merge(self, other: "SegmentationScores") -> None:
        """Take over the expressions of `other`, scored by another process.

        Raises:
            ValueError: an expression is in both, as when a sampler pads its last batch with copies.
        """
        for sentence_id, pixels in other._pixels.items():
            self.add_pixels(sentence_id, *pixels)
        self._flags |= other._flags

    def subset(self, sentence_ids: Iterable[int]) -> "SegmentationScores":
        """The scores of some expressions. Raises KeyError for one that is not scored."""
        chosen = SegmentationScores()
        for sentence_id in sentence_ids:
            chosen.add_pixels(sentence_id, *self._pixels[sentence_id])
            if sentence_id in self._flags:
                chosen._flags[sentence_id] = self._flags[sentence_id]
        return chosen

    def __len__(self) -> int:
        return len(self._pixels)

    @property
    def sentence_ids(self) -> list[int]:
        """The scored expressions, in the order in which they were added."""
        return list(self._pixels)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """(N, 4) intersection, union, truth and image, in the order of `sentence_ids`."""
        return np.array(list(self._pixels.values()), dtype=np.int64).reshape(-1, 4)

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """(N,) whether the answer is that the phrase has no target, in the order of `sentence_ids`."""
        is_empty = in_mask(self.pixels) == 0
        flags = [self._flags.get(key, empty) for key, empty in zip(self._pixels, is_empty, strict=True)]
        return np.array(flags, dtype=bool)

    def to_json(self) -> dict[str, list[int]]:
        """The integers of each expression by its `sentence_id`: intersection, union, truth, image."""
        return {str(sentence_id): list(pixels) for sentence_id, pixels in self._pixels.items()}

    @classmethod
    def from_json(cls, rows: Mapping[str, list[int]]) -> "SegmentationScores":
        """The inverse of `to_json`."""
        scores = cls()
        for sentence_id, row in rows.items():
            scores.add_pixels(int(sentence_id), *row)
        return scores

    def summary(self) -> dict[str, Any]:
        """Every measure in percent, None where no expression defines it, and the number of expressions."""
        pixels = self.pixels
        absent = pixels[:, TRUTH] == 0
        return {
            **measure(pixels),
            "expressions": len(pixels),
            "absent_expressions": int(absent.sum()),
            "absent_accuracy": percent(pixels[absent, UNION] == 0),
        }


def count_pixels(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Pixels of intersection, union, truth and image of two masks (H, W)."""
    intersection = int(np.count_nonzero(prediction & truth))
    in_truth = int(np.count_nonzero(truth))
    return intersection, int(np.count_nonzero(prediction)) + in_truth - intersection, in_truth, truth.size


def in_mask(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) pixels of the predicted mask, of (N, 4) rows."""
    found: NDArray[np.int64] = pixels[:, UNION] - pixels[:, TRUTH] + pixels[:, INTERSECTION]
    return found


def overall_iou(pixels: NDArray[np.int64]) -> float | None:
    """Sum of intersections over sum of unions, in percent, of (N, 4) rows; None without any pixel."""
    union = int(pixels[:, UNION].sum())
    return 100 * int(pixels[:, INTERSECTION].sum()) / union if union else None


def measure(pixels: NDArray[np.int64]) -> dict[str, float | None]:
    """oIoU, mIoU and Pr@X, in percent, of (N, 4) rows of pixel counts."""
    iou = expression_iou(pixels)
    present = iou[pixels[:, TRUTH] > 0]
    return {
        "oIoU": overall_iou(pixels),
        "mIoU": percent(iou),
        **{f"Pr@{threshold}": percent(present >= threshold) for threshold in PRECISION_THRESHOLDS},
    }


def expression_iou(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) IoU in [0, 1] of (N, 4) rows; an empty union is an absent object rightly left unmarked, hence 1.

    The quotient of two integers is correctly rounded, so comparing it with a threshold such as 0.7 is exact.
    """
    union = pixels[:, UNION]
    return np.where(union == 0, 1.0, pixels[:, INTERSECTION] / np.maximum(union, 1))


def percent(values: NDArray[Any]) -> float | None:
    """Mean of `values` in percent, the same in any order of them; None of none."""
    return 100 * math.fsum(values) / len(values) if len(values) else None
