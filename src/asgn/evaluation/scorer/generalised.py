"""The same masks as work on phrases with no target, or on several, scores them.

| protocol | of | how it differs |
|---|---|---|
| GRES | ReLA, `refer_evaluation.py` | image and mask squashed to 480x480; a flag says that there is no target |
| GRES, masks under N pixels emptied | models without such a flag | an empty mask is the flag; N is 0 or 50 |
| Ref-ZOM | RIS-DMMI, `test.py` | IoUs over the sentences with a target; accuracy: no pixel at all for the others |
| R-RefCOCO | robust-ref-seg, `validation.py` | for each referent, then averaged; flagged masks are emptied |
| REFER's summed polygons | LISA and its descendants | pixels under two polygons are not of the truth |

R-RefCOCO's r is the share of a referent's sentences without a target that get no pixel; its rIoU divides the
intersections of the others by their unions and by every pixel given to those. Its public code compares Pr@X with the
running sum of a referent's IoUs, so that later sentences pass more easily; both are given. It also counts pixels of
sentences without a target at the network's size, which is not known here: they are counted at the image's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asgn.data.files.coco_instances import Instances
from asgn.data.files.summed_polygons import sum_of_polygons
from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.evaluation.gres import measure_gres
from asgn.evaluation.metrics import (
    INTERSECTION,
    PRECISION_THRESHOLDS,
    TRUTH,
    UNION,
    count_pixels,
    expression_iou,
    in_mask,
    overall_iou,
    percent,
)
from asgn.evaluation.scorer.predictions import Predictions
from asgn.evaluation.scorer.protocols import SIZES, squash
from asgn.evaluation.scorer.score import foreground
from asgn.progress import Progress, silent

EMPTY_BELOW = (0, 50)
"""Pixels below which a mask counts as empty, for models that have no flag; one without a pixel always does."""

Counts = NDArray[np.int64]
"""(N, 4) intersection, union, truth and image, as `SegmentationScores.pixels` has them."""


@dataclass(frozen=True)
class GeneralisedScore:
    """The scores of one protocol."""

    protocol: str
    size: str
    scores: dict[str, float | None]
    """In percent; None where no expression defines a measure."""


def compare_generalised(
    predictions: Predictions, dataset: ReferringDataset, threshold: float, progress: Progress = silent
) -> list[GeneralisedScore]:
    """Score the same masks by every protocol above; REFER's sums only where the data set has polygons.

    Args:
        predictions: what `read_predictions` found; missing masks count as in `score`.
        dataset: the split; it is not empty.
        threshold: probability from which a pixel is foreground.
        progress: called after each expression with those done and their total.

    Raises:
        DataError: as `score`.
    """
    expressions = dataset.expressions
    instances = getattr(dataset, "instances", None)
    instances = instances if isinstance(instances, Instances) and instances.annotations else None
    counts = np.zeros((len(SIZES), len(expressions), 4), dtype=np.int64)
    summed = np.zeros((len(expressions), 4), dtype=np.int64)
    for index, expression in enumerate(expressions):
        truth = dataset.mask(expression)
        prediction = predictions.mask(expression.sentence_id, *truth.shape)
        mask, small = foreground(prediction, truth, threshold), squash(truth)
        squashed = foreground(None if prediction is None else squash(prediction), small, threshold)
        counts[:, index] = count_pixels(mask, truth), count_pixels(squashed, small)
        if instances is not None:
            summed[index] = count_pixels(mask, _summed_truth(instances, expression, truth) == 1)
        progress(index + 1, len(expressions))
    is_empty = in_mask(counts[0]) == 0
    pairs = zip(expressions, is_empty, strict=True)
    flagged = np.array([predictions.no_target.get(item.sentence_id, empty) for item, empty in pairs], dtype=bool)
    given = np.array([item.sentence_id in predictions.readers for item in expressions], dtype=bool)
    found = [
        score
        for size, of_size in zip(SIZES, counts, strict=True)
        for score in _at_size(size, of_size, expressions, flagged, given)
    ]
    if instances is not None:
        scores = {"gIoU": percent(expression_iou(summed)), "cIoU": overall_iou(summed)}
        found.append(GeneralisedScore("REFER's summed polygons (LISA)", SIZES[0], scores))
    return found


def _at_size(
    size: str,
    counts: Counts,
    expressions: Sequence[Expression],
    flagged: NDArray[np.bool_],
    given: NDArray[np.bool_],
) -> Iterator[GeneralisedScore]:
    """The protocols that need no more than pixel counts and flags; R-RefCOCO's at the image's own size alone.

    A mask that was not given stays a wrong one, however small that is.
    """
    no_target = np.array([not expression.annotation_ids for expression in expressions], dtype=bool)
    yield GeneralisedScore("GRES", size, measure_gres(counts, no_target, flagged))
    for bound in EMPTY_BELOW:
        emptied = given & (in_mask(counts) < bound)
        name = f"GRES, masks under {bound} pixels emptied" if bound else "GRES, no flag but an empty mask"
        changed = _without(counts, emptied)
        yield GeneralisedScore(name, size, measure_gres(changed, no_target, in_mask(changed) == 0))
    yield GeneralisedScore("Ref-ZOM", size, ref_zom(counts, no_target))
    if size == SIZES[0]:
        robust = robust_referring(_without(counts, flagged), no_target, _groups(expressions, no_target))
        yield GeneralisedScore("R-RefCOCO", size, robust)


def ref_zom(counts: Counts, no_target: NDArray[np.bool_]) -> dict[str, float | None]:
    """oIoU, mIoU and Pr@X over the expressions with a target; Acc: the share of the others without a pixel."""
    targeted = counts[~no_target]
    iou = targeted[:, INTERSECTION] / np.maximum(targeted[:, UNION], 1)
    return {
        "oIoU": overall_iou(targeted),
        "mIoU": percent(iou),
        "Acc": percent(in_mask(counts[no_target]) == 0),
        **{f"Pr@{bound}": percent(iou >= bound) for bound in PRECISION_THRESHOLDS},
    }


def robust_referring(
    counts: Counts, no_target: NDArray[np.bool_], groups: Sequence[Sequence[int]]
) -> dict[str, float | None]:
    """mIoU, oIoU, r, rIoU and Pr@X of R-RefCOCO, and Pr@X as its public code counts it.

    Args:
        counts: of masks that are empty where the model says that there is no target.
        no_target: (N,) whether the expression has no target.
        groups: the places of each referent's expressions, in their order.
    """
    iou = np.where(no_target, 0.0, counts[:, INTERSECTION] / np.maximum(counts[:, UNION], 1))
    means, robustness, robust_ious, running = [], [], [], []
    for places in groups:
        chosen = np.array(places)
        present, absent = chosen[~no_target[chosen]], chosen[no_target[chosen]]
        if len(absent):
            robustness.append(float((in_mask(counts[absent]) == 0).mean()))
        if len(present):
            means.append(float(iou[present].mean()))
            running += np.cumsum(iou[present]).tolist()
            union = int(counts[present, UNION].sum() + in_mask(counts[absent]).sum())
            robust_ious.append(int(counts[present, INTERSECTION].sum()) / max(union, 1))
    return {
        "mIoU": percent(np.array(means)),
        "oIoU": overall_iou(counts[~no_target]),
        "r": percent(np.array(robustness)),
        "rIoU": percent(np.array(robust_ious)),
        **{f"Pr@{bound}": percent(iou[~no_target] >= bound) for bound in PRECISION_THRESHOLDS},
        **{f"Pr@{bound} of a running sum": percent(np.array(running) >= bound) for bound in PRECISION_THRESHOLDS},
    }


def _groups(expressions: Sequence[Expression], no_target: NDArray[np.bool_]) -> list[list[int]]:
    """The places of each referent's expressions; of each image's, where no referent has expressions of both kinds."""
    of_ref: dict[int, list[int]] = {}
    of_image: dict[int, list[int]] = {}
    for place, expression in enumerate(expressions):
        of_ref.setdefault(expression.ref_id, []).append(place)
        of_image.setdefault(expression.image_id, []).append(place)
    mixed = any(len(set(no_target[places])) == 2 for places in of_ref.values())
    return list((of_ref if mixed else of_image).values())


def _summed_truth(instances: Instances, expression: Expression, truth: Mask) -> NDArray[np.uint8]:
    """(H, W): as REFER's code adds polygons up, and joins the objects of one expression by `|`."""
    total = np.zeros(truth.shape, dtype=np.uint8)
    for annotation_id in expression.annotation_ids:
        if annotation_id not in instances.annotations:  # drawn as a mask
            return truth.astype(np.uint8)
        where = f"{instances.path}: annotation {annotation_id}"
        height, width = truth.shape
        total |= sum_of_polygons(instances.segmentation(annotation_id), height, width, where)
    return total


def _without(counts: Counts, emptied: NDArray[np.bool_]) -> Counts:
    """The counts, had these masks been empty."""
    changed = counts.copy()
    changed[emptied, INTERSECTION] = 0
    changed[emptied, UNION] = changed[emptied, TRUTH]
    return changed
