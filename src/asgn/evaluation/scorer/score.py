"""A neutral scorer: anybody's masks against the truth of a split, by one stated protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.data.types import Mask, ReferringDataset
from asgn.errors import DataError
from asgn.evaluation.evaluate import Progress, versions
from asgn.evaluation.metrics import SegmentationScores
from asgn.evaluation.scorer.breakdown import breakdown
from asgn.evaluation.scorer.intervals import bootstrap_intervals
from asgn.evaluation.scorer.predictions import Predictions

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class ScoreCard:
    """The scores of a set of masks, and all that is needed to know what they are scores of."""

    scores: SegmentationScores
    dataset: str
    split: str
    fingerprint: str
    images: int
    refs: int
    threshold: float
    """Probability from which a pixel is foreground; masks that are bool already do not depend on it."""
    intervals: Mapping[str, tuple[float, float] | None]
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Summaries by phrase kind, length and object size (see `breakdown`)."""
    missing: tuple[int, ...]
    extra: tuple[str, ...]
    doubled: tuple[str, ...]
    leak_stamp: str | None = None
    versions: Mapping[str, str] = field(default_factory=versions)

    def to_json(self) -> dict[str, Any]:
        """The scores in percent and everything else, as JSON values."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "protocol": f"masks as given at the image's own size, every sentence, threshold {self.threshold:g}",
            "scores": self.scores.summary(),
            "intervals_95": {name: list(pair) if pair else None for name, pair in self.intervals.items()},
            "breakdown": {name: dict(groups) for name, groups in self.parts.items()},
            "images": self.images,
            "refs": self.refs,
            "expressions": len(self.scores),
            "missing": list(self.missing),
            "extra": list(self.extra),
            "doubled": list(self.doubled),
            "leak_stamp": self.leak_stamp,
            "fingerprint": self.fingerprint,
            "versions": dict(self.versions),
        }


def score(
    predictions: Predictions,
    dataset: ReferringDataset,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    resamples: int = 1000,
    seed: int = 0,
    leak_stamp: str | None = None,
    progress: Progress | None = None,
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
        scores.add(expression.sentence_id, foreground(prediction, truth, threshold), truth)
        if progress is not None:
            progress(done, len(expressions))
    return ScoreCard(
        scores=scores,
        dataset=dataset.name,
        split=dataset.split,
        fingerprint=dataset.fingerprint(),
        images=len({expression.image_id for expression in expressions}),
        refs=len({expression.ref_id for expression in expressions}),
        threshold=threshold,
        intervals=bootstrap_intervals(scores, resamples, seed),
        parts=breakdown(scores, expressions),
        missing=predictions.missing,
        extra=predictions.extra,
        doubled=predictions.doubled,
        leak_stamp=leak_stamp,
    )


def foreground(prediction: NDArray[Any] | None, truth: Mask, threshold: float) -> Mask:
    """A prediction (H, W) as bool: itself, thresholded, or what stands for a missing one (see `score`)."""
    if prediction is None:
        stray = np.zeros(truth.shape, dtype=bool)
        stray.flat[:1] = not truth.any()
        return stray
    return prediction if prediction.dtype == np.bool_ else prediction >= np.float64(threshold)
