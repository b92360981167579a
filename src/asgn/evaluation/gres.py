"""The measures of generalised referring segmentation, where a phrase may mean no object, one or several.

GRES (Liu et al., CVPR 2023), exactly as its published evaluator, ReLA's `refer_evaluation.py`, counts them. A model
says of every phrase whether it has a target; that flag need not agree with the mask, which is taken as it is:

| truth | flag | IoU | intersection | union | counted as |
|---|---|---|---|---|---|
| no target | no target | 1 | 0 | 0 | true positive |
| no target | target | 0 | 0 | pixels of the mask | false negative |
| target | no target | 0 | 0 | pixels of mask or truth | false positive |
| target | target | I / U, 0 where U = 0 | I | U | true negative |

- gIoU: mean IoU over all expressions; cIoU: sum of intersections over sum of unions.
- N-acc: share of the expressions without a target that are flagged so; T-acc: share of the others that are not.
- Pr@X: share of the expressions with a target whose IoU is at least X.

All are in percent. The evaluator prints N-acc and T-acc as fractions, and as 0 where a set has no expression without a
target; here what is not defined is None.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.data.types import Expression
from asgn.evaluation.metrics import INTERSECTION, UNION, SegmentationScores, percent

THRESHOLDS = (0.7, 0.8, 0.9)
GRES_METRICS = ("gIoU", "cIoU", "N-acc", "T-acc", *(f"Pr@{threshold}" for threshold in THRESHOLDS))
TARGETS = ("zero", "one", "many")
"""How many objects an expression means, in the words of Ref-ZOM (Hu et al., ICCV 2023)."""


def measure_gres(
    pixels: NDArray[np.int64], no_target: NDArray[np.bool_], flagged: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Every measure in percent, None where no expression defines it.

    Args:
        pixels: (N, 4) rows of `SegmentationScores.pixels`, of the masks as they are.
        no_target: (N,) whether the expression has no target.
        flagged: (N,) whether the model says so.
    """
    intersection = np.where(no_target | flagged, 0, pixels[:, INTERSECTION])
    union = np.where(no_target & flagged, 0, pixels[:, UNION])
    iou = np.where(no_target, flagged, intersection / np.maximum(union, 1))
    total = int(union.sum())
    return {
        "gIoU": percent(iou),
        "cIoU": 100 * int(intersection.sum()) / total if total else None,
        "N-acc": percent(flagged[no_target]),
        "T-acc": percent(~flagged[~no_target]),
        **{f"Pr@{threshold}": percent(iou[~no_target] >= threshold) for threshold in THRESHOLDS},
    }


def targets_of(expression: Expression) -> str:
    """One of `TARGETS`."""
    return TARGETS[min(len(expression.annotation_ids), 2)]


def gres_summary(scores: SegmentationScores, expressions: Sequence[Expression]) -> dict[str, Any]:
    """The measures over all expressions, and over those of each of `TARGETS` that there are.

    Args:
        scores: of the masks as they are, with the flags.
        expressions: those scored, in the order of `scores`.
    """
    kinds = np.array([targets_of(expression) for expression in expressions], dtype=np.str_)
    pixels, flagged, no_target = scores.pixels, scores.flagged, kinds == TARGETS[0]

    def summary(chosen: NDArray[np.bool_]) -> Mapping[str, Any]:
        measures = measure_gres(pixels[chosen], no_target[chosen], flagged[chosen])
        return {**measures, "expressions": int(chosen.sum())}

    return {
        **summary(np.ones(len(kinds), dtype=bool)),
        "targets": {kind: summary(kinds == kind) for kind in TARGETS if (kinds == kind).any()},
    }
