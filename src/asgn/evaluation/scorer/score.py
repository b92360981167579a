"""A neutral scorer: anybody's masks against the truth of a split, by one stated protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.data.types import Mask, ReferringDataset
from asgn.errors import DataError
from asgn.evaluation.metrics import SegmentationScores
from asgn.evaluation.record import FLAG_BY_MASK, ScoreRecord
from asgn.evaluation.scorer.breakdown import breakdown
from asgn.evaluation.scorer.intervals import bootstrap_intervals
from asgn.evaluation.scorer.predictions import Predictions
from asgn.progress import Progress, silent

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, kw_only=True)
class ScoreCard(ScoreRecord):
    """The scores of a set of masks, and all that is needed to know what they are scores of."""

    intervals: Mapping[str, tuple[float, float] | None]
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Summaries by phrase kind, length and object size (see `breakdown`)."""
    missing: tuple[int, ...]
    extra: tuple[str, ...]
    doubled: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The scores in percent and everything else, as JSON values."""
        return {
            **super().to_json(),
            "intervals_95": {name: list(pair) if pair else None for name, pair in self.intervals.items()},
            "breakdown": {name: dict(groups) for name, groups in self.parts.items()},
            "missing": list(self.missing),
            "extra": list(self.extra),
            "doubled": list(self.doubled),
        }


def score(
    predictions: Predictions,
    dataset: ReferringDataset,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    resamples: int = 1000,
    seed: int = 0,
    leak_stamp: str | None = None,
    progress: Progress = silent,
) -> ScoreCard:
    """Score masks over every sentence of the split, each at its image's own size (protocol section 5).

    A missing mask counts as a wrong one: as empty where the phrase has an object, and as one stray pixel where it
    has none, so that leaving a phrase out never helps.

    Args:
        predictions: what `read_predictions` found.
        dataset: the split.
        threshold: probability from which a pixel is foreground, for masks given as probabilities.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        leak_stamp: what is known of the masks' maker having seen these images; it is recorded.
        progress: called after each expression with those done and their total.

    Raises:
        DataError: the split is empty, or a mask cannot be read or has another size than its image.
    """
    expressions = dataset.expressions
    if not expressions:
        raise DataError(f"split {dataset.split!r} of {dataset.name!r} has no expressions to score")
    scores = SegmentationScores()
    for done, expression in enumerate(expressions, start=1):
        truth = dataset.mask(expression)
        prediction = predictions.mask(expression.sentence_id, *truth.shape)
        mask = foreground(prediction, truth, threshold)
        scores.add(expression.sentence_id, mask, truth, predictions.no_target.get(expression.sentence_id))
        progress(done, len(expressions))
    return ScoreCard.of(
        dataset,
        expressions,
        scores,
        protocol=f"masks as given at the image's own size, every sentence, threshold {threshold:g}",
        no_target_flag=_flag_of(predictions),
        leak_stamp=leak_stamp,
        intervals=bootstrap_intervals(scores, resamples, seed),
        parts=breakdown(scores, expressions),
        missing=predictions.missing,
        extra=predictions.extra,
        doubled=predictions.doubled,
    )


def _flag_of(predictions: Predictions) -> str:
    """What says that a phrase has no target."""
    if not predictions.no_target:
        return FLAG_BY_MASK
    flags = f"no_target of {len(predictions.no_target)} masks"
    rest = len(predictions.readers) - len(predictions.no_target)
    return f"{flags}; of the other {rest}, that {FLAG_BY_MASK}" if rest else flags


def foreground(prediction: NDArray[Any] | None, truth: Mask, threshold: float) -> Mask:
    """A prediction (H, W) as bool: itself, thresholded, or what stands for a missing one (see `score`)."""
    if prediction is None:
        stray = np.zeros(truth.shape, dtype=bool)
        stray.flat[:1] = not truth.any()
        return stray
    return prediction if prediction.dtype == np.bool_ else prediction >= np.float64(threshold)
